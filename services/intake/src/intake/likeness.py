"""Who might be the same person, for a human to look at? Keyed digests of what two spellings of one identity still share; never a merge."""

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from uuid import UUID

from contracts.intake import Criterion, IdentityCandidateFound
from contracts.personal import Identity
from intake.cleaning import folded
from intake.identity import Digests, Register, Tokens
from intake.reference.communes import current_commune

type Likeness = tuple[Criterion, bytes]

WEIGHTS: dict[Criterion, int] = {
    "same_names": 95, "names_swapped": 90, "names_sound_alike": 80, "birth_date_differs": 70, "family_name_differs": 60,
    "first_name_differs": 50,
}  # fmt: skip
"""How much each says, in hundredths: an order in which to look, set by judgement; docs/identity.md measures each."""

MOST = 20
SOUNDS = (
    ("AULT", "AUT"),
    ("PH", "F"),
    ("QU", "C"),
    ("K", "C"),
    ("Y", "I"),
    ("H", ""),
    ("Z", "S"),
    ("CE", "SE"),
    ("CI", "SI"),
    ("X", "S"),
    ("W", "V"),
)
DOUBLED = re.compile(r"(.)\1+")
INNER_VOWELS = re.compile(r"(?<=.)[AEIOU]")
SILENT_END = re.compile(r"(?<=..)[STD]+$")


def sound(name: str) -> str:
    """A rough key of how a French name sounds: one for Thibault, Thibaud and Tibo."""
    heard = folded(name)
    for written, spoken in SOUNDS:
        heard = heard.replace(written, spoken)
    consonants = INNER_VOWELS.sub("", SILENT_END.sub("", DOUBLED.sub(r"\1", heard)))
    return DOUBLED.sub(r"\1", consonants)


def likenesses(digests: Digests, identity: Identity) -> tuple[Likeness, ...]:
    """By these a later identity is found to be like this one. Whatever differs, birth date or names in full stay part of each."""
    family, first = folded(identity.family_name), folded(identity.first_names[0])
    birth = identity.birth_date.isoformat()
    found: list[tuple[Criterion, tuple[str, ...]]] = [
        ("same_names", (family, first, birth)),
        ("names_swapped", (*sorted((family, first)), birth)),
        ("names_sound_alike", (sound(family), sound(first), birth)),
        ("first_name_differs", (family, first[:1], birth)),
        *(("first_name_differs", (family, folded(other), birth)) for other in identity.first_names[1:]),
    ]
    if identity.birth_commune:
        commune = current_commune(identity.birth_commune)
        found.append(("family_name_differs", (first, birth, commune)))
        found += [("birth_date_differs", (family, first, commune, *part)) for part in _parts(birth)]
    return tuple({(criterion, _digest(digests, criterion, parts)) for criterion, parts in found})


def tokens_of(digests: Digests, identity: Identity) -> Tokens:
    """All digests of somebody who may become a known person."""
    return replace(digests.tokens(identity), likenesses=likenesses(digests, identity))


def remember(person_id: UUID, tokens: Tokens, register: Register) -> None:
    """This person is like these from here on."""
    for _, token in tokens.likenesses:
        register.alike.setdefault(token, set()).add(person_id)


def candidates(person_id: UUID, tokens: Tokens, register: Register) -> list[IdentityCandidateFound]:
    """Who among the known is like this person, who is new: the surest first, and no more than a human can look at.

    What more than that many share tells nobody apart, and proposes nobody.
    """
    criteria: dict[UUID, set[Criterion]] = {}
    for criterion, token in tokens.likenesses:
        holders = register.alike.get(token, set())
        for other_id in holders if len(holders) <= MOST else ():
            criteria.setdefault(other_id, set()).add(criterion)
    found = [_candidate(person_id, other_id, sorted(why)) for other_id, why in criteria.items()]
    return sorted(found, key=lambda one: (-one.score, one.person_id, one.other_id))[:MOST]


def _candidate(person_id: UUID, other_id: UUID, criteria: list[Criterion]) -> IdentityCandidateFound:
    smaller, greater = sorted((person_id, other_id))
    return IdentityCandidateFound(person_id=smaller, other_id=greater, score=score_of(criteria), criteria=tuple(criteria))


def _parts(birth: str) -> Iterable[tuple[str, ...]]:
    """Any two of year, month and day; and all its digits in order, which day and month changing places leave as they were."""
    yield from combinations(tuple(f"{name}{part}" for name, part in zip("ymd", birth.split("-"), strict=True)), 2)
    yield ("".join(sorted(birth.replace("-", ""))),)


def _digest(digests: Digests, criterion: Criterion, parts: tuple[str, ...]) -> bytes:
    return digests.of(f"like {criterion}", *(part.encode() for part in parts))


def score_of(criteria: Iterable[Criterion]) -> int:
    """In hundredths: that of the surest, since the criteria overlap."""
    return max(WEIGHTS[criterion] for criterion in criteria)
