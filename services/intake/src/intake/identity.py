"""Who is the same person? Pure rules over keyed digests (DESIGN 11); the names themselves stay with the caller.

The same: INE and birth date agree and the first given name agrees (or both names do, swapped); or, where one side has no INE, names,
birth date and commune of birth are equal and there is one candidate only. INE alone, or anything less, goes to a human. The family
name proves nothing beside INE and birth date: a twin whose line carries the other's INE has it too.
"""

import hmac
import re
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from contracts.intake import Criterion
from contracts.personal import Identity
from intake.cleaning import folded
from intake.reference.communes import current_commune

Kind = Literal["ine", "ine_birth", "ine_name", "identity", "names", "said"]
COMMUNE = re.compile(r"(?:0[1-9]|[1-8][0-9]|9[0-8]|2[AB])[0-9]{3}")
"""INSEE's code of a commune; that of a country, or a word, is no place in which somebody was born alone."""
LOCK_STRIPES = 2048
"""A batch of any size holds no more locks than these, of the 6,400 that a server of 100 connections has room for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """HMACs of one identity. Those of birth date and names are bound to the INE, so they link no two persons.

    said: of an INE with all the rest; a human may say once whose that is (without INE, the same words may be a namesake's). likenesses: of
    somebody who may become a known person only (likeness.py).
    """

    ine: bytes | None
    ine_birth: bytes | None
    ine_names: frozenset[bytes]
    identity: bytes | None
    names: bytes
    said: bytes | None = None
    likenesses: tuple[tuple[Criterion, bytes], ...] = ()

    def locks(self) -> tuple[int, ...]:
        """The keys under which nobody else may resolve this identity meanwhile: few, since the server's table of locks is small."""
        tokens = (self.ine, self.names, *(token for _, token in self.likenesses))
        return tuple(stripe_of(token) for token in tokens if token is not None)

    def rows(self) -> list[tuple[bytes, Kind]]:
        """What is kept about a person who is known by these."""
        found: list[tuple[bytes, Kind]] = [(self.names, "names")]
        if self.ine is not None and self.ine_birth is not None:
            found += [(self.ine, "ine"), (self.ine_birth, "ine_birth"), *((part, "ine_name") for part in sorted(self.ine_names))]
        if self.identity is not None:
            found.append((self.identity, "identity"))
        return found

    def without_ine(self) -> "Tokens":
        """Of somebody whose line carries another's INE."""
        return replace(self, ine=None, ine_birth=None, ine_names=frozenset())


def stripe_of(token: bytes) -> int:
    """The key of the lock under which whoever has this digest is resolved."""
    return int.from_bytes(token[:2]) % LOCK_STRIPES


@dataclass(frozen=True)
class Digests:
    """Makes keyed digests; the key is intake's alone."""

    key: bytes = field(repr=False)

    def of(self, purpose: str, *parts: bytes) -> bytes:
        """Parts are length-prefixed, so that no two sequences of parts read the same."""
        framed = b"".join([piece for part in parts for piece in (len(part).to_bytes(8), part)])
        return hmac.digest(self.key, purpose.encode() + b"\x00" + framed, "sha256")

    def _of_text(self, purpose: str, *parts: str) -> bytes:
        return self.of(purpose, *[part.encode() for part in parts])

    def tokens(self, identity: Identity) -> Tokens:
        birth, ine = identity.birth_date.isoformat(), identity.ine
        family, first = folded(identity.family_name), folded(identity.first_names[0])
        names = (family, first, birth)
        told = identity.birth_commune or ""
        commune = current_commune(told) if COMMUNE.fullmatch(told) else None
        return Tokens(
            ine=self._of_text("ine", ine) if ine else None,
            ine_birth=self._of_text("ine birth", ine, birth) if ine else None,
            ine_names=self._ine_names(ine, family, first) if ine else frozenset(),
            identity=self._of_text("identity", *names, commune) if commune else None,
            names=self._of_text("names", *names),
            said=self._of_text("said", *names, ine, commune or "") if ine else None,
        )

    def _ine_names(self, ine: str, family: str, first: str) -> frozenset[bytes]:
        """The first given name, and both names in whichever order they stand."""
        return frozenset({self._of_text("ine first name", ine, first), self._of_text("ine names", ine, *sorted((family, first)))})


@dataclass(frozen=True)
class Known:
    """One person, and only one, is meant."""

    person_id: UUID


@dataclass(frozen=True)
class Nobody:
    """No known person is meant."""


@dataclass(frozen=True)
class Undecided:
    """A human must say. people: whom these tokens may mean."""

    people: frozenset[UUID] = field(default=frozenset(), compare=False)


type Resolution = Known | Nobody | Undecided


@dataclass(kw_only=True)
class Register:
    """The part of the known persons that a batch of lines may mean."""

    holders: dict[bytes, set[UUID]] = field(default_factory=dict)
    tokens: dict[UUID, dict[bytes, Kind]] = field(default_factory=dict)
    alike: dict[bytes, set[UUID]] = field(default_factory=dict)

    def add(self, person_id: UUID, token: bytes, kind: Kind) -> None:
        self.holders.setdefault(token, set()).add(person_id)
        self.tokens.setdefault(person_id, {})[token] = kind

    def kinds(self, person_id: UUID) -> set[Kind]:
        return set(self.tokens[person_id].values())

    def holding(self, token: bytes | None) -> set[UUID]:
        return set(self.holders.get(token, ())) if token is not None else set()


def resolve(tokens: Tokens, register: Register) -> Resolution:
    """Who is meant by these tokens, among the known. What a human said of the very same comes before any rule."""
    said = register.holding(tokens.said)
    if len(said) == 1:
        return Known(*said)
    by_ine = register.holding(tokens.ine)
    if by_ine:
        (person_id,) = by_ine
        return Known(person_id) if _agrees(tokens, register.tokens[person_id]) else Undecided(frozenset(by_ine))
    open_to = {one for one in register.holding(tokens.names) if tokens.ine is None or "ine" not in register.kinds(one)}
    equal = open_to & register.holding(tokens.identity)
    if len(equal) == 1:
        return Known(*equal)
    unlocated = {one for one in open_to if tokens.identity is None or "identity" not in register.kinds(one)}
    return Undecided(frozenset(equal | unlocated)) if equal or unlocated else Nobody()


def _agrees(tokens: Tokens, known: dict[bytes, Kind]) -> bool:
    return tokens.ine_birth in known and any(part in known for part in tokens.ine_names)
