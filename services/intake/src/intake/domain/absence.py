"""When does a complete list that lacks somebody say that they left? Pure; in doubt nobody is said to have left."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal
from uuid import UUID

from contracts.personal import Identity
from intake.cleaning import folded, plain
from intake.identity import Kind, Tokens

type Outcome = Literal["concluded", "unnamed_lines", "too_many_missing"]
type Place = tuple[UUID, int]
"""A line, by its list and number."""
type Agreement = Literal["same", "near"]

SEPARATORS = str.maketrans(dict.fromkeys("-'’ʼ.", " "))


@dataclass(frozen=True, kw_only=True)
class AbsenceRule:
    """When nothing is concluded from a list.

    from_lines: with fewer on the earlier lists any share may be missing. most: the share beyond which the later list is a part rather
    than the whole. kept: how long a list's snapshot waits for the next list (a June list must last until the next school year's).
    """

    version: int
    from_lines: int
    most: Fraction
    kept: timedelta


ABSENCE_V1 = AbsenceRule(version=1, from_lines=20, most=Fraction(3, 5), kept=timedelta(days=180))
"""As `HOLDING_V1`, which holds lists that are 60 % smaller than usual, once two lists tell what is usual."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a line tells of who it is about, however little.

    whole: family name and first given name. words: of all names. given: of the given names alone.
    """

    ine: str | None = None
    birth_date: date | None = None
    whole: tuple[str, str] | None = None
    words: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()

    @property
    def says_who(self) -> bool:
        """Enough to know that it is somebody else than those whom it does not mean."""
        return self.whole is not None or (self.birth_date is not None and bool(self.words))

    def __repr__(self) -> str:
        return "Named(…)"


def named(*, ine: str | None, birth_date: date | None, family_name: str, usage_name: str, first_names: Sequence[str]) -> Named:
    family, first = folded(plain(family_name)), folded(plain(first_names[0])) if first_names else ""
    return Named(
        ine=ine,
        birth_date=birth_date,
        whole=(family, first) if family and first else None,
        words=_words(family_name, usage_name, *first_names),
        given=_words(*first_names),
    )


def named_of(identity: Identity) -> Named:
    return named(
        ine=identity.ine, birth_date=identity.birth_date, family_name=identity.family_name, usage_name=identity.usage_name or "",
        first_names=identity.first_names,
    )  # fmt: skip


def agreement(line: Tokens, marks: Collection[bytes]) -> Agreement | None:
    """How far a line agrees with somebody known by these marks, by the rule of identity; a record without INE has one mark, of its names.

    same: INE, birth date and a name part; or names and birth date where an INE is lacking. near: names and birth date under another
    INE, or INE and a name part. INE and birth date alone are no agreement: twins under one INE share them.
    """
    names, part = line.names in marks, not line.ine_names.isdisjoint(marks)
    if (part and line.ine_birth in marks) or (names and (line.ine is None or len(marks) == 1)):
        return "same"
    return "near" if names or part else None


def goes_with(erased: Mapping[bytes, Kind], marks: Set[bytes]) -> bool:
    """Whether a record of these marks may be that of somebody who is erased, and was known by these digests.

    So the rule of identity would have taken it for them, or left to a human whose it is: their INE, with birth date or a name; or their
    names and birth date where an INE is lacking, wherever born, which no mark tells. Under another INE it is somebody else's.
    """
    shared = {erased[mark] for mark in marks if mark in erased}
    return not shared.isdisjoint({"ine_birth", "ine_name"}) or ("names" in shared and (len(marks) == 1 or "ine" not in erased.values()))


def seen_by(
    lines: Mapping[int, Tokens], standing: Sequence[Set[bytes]], marks_of: Callable[[Tokens], Sequence[bytes]]
) -> dict[int, set[int]]:
    """For each line, by its number, the places of those whom it tells: who are the same, and only where nobody is, who are near."""
    holders = defaultdict[bytes, set[int]](set)
    for place, marks in enumerate(standing):
        for mark in marks:
            holders[mark].add(place)
    found: dict[int, set[int]] = {}
    for line, tokens in lines.items():
        agreed = defaultdict[Agreement | None, set[int]](set)
        for place in set[int]().union(*(holders[mark] for mark in marks_of(tokens) if mark in holders)):
            agreed[agreement(tokens, standing[place])].add(place)
        found[line] = agreed["same"] or agreed["near"]
    return found


def apart(line: Tokens, places: Set[int], standing: Sequence[Set[bytes]], lists: Sequence[UUID], doubted: Set[int]) -> Set[int]:
    """Of those whom a line tells, not who stood on one list beside somebody whom it tells more closely, nor since then in doubt.

    Two lines of one list under the same names and birth date, one with an INE and one without, may be two people: a single line tells
    only the one who is as it is.
    """
    close = {place for place in places if (line.ine is None) == (len(standing[place]) == 1)}
    beside = {lists[place] for place in close}
    others = {place for place in places if lists[place] in beside or (close and place in doubted)}
    return close | (places - others)


def may_double(line: Named, missing: Named) -> bool:
    """Whether a line that tells somebody else for certain may be about this one as well, told twice before in two spellings.

    The same names and birth date under another INE; the same INE with the first given name, or with birth date and a given name.
    """
    if line.birth_date == missing.birth_date and line.whole is not None and line.whole == missing.whole:
        return True
    if line.ine is None or line.ine != missing.ine or line.whole is None or missing.whole is None:
        return False
    same_first = line.whole[1] == missing.whole[1]
    return same_first or (line.birth_date == missing.birth_date and not line.given.isdisjoint(missing.given))


def is_under_age_by(line: Named, missing: Named) -> bool:
    """Whether a line that tells an under-16 is about this very one, told older before: then nothing more is kept of them."""
    return line.ine == missing.ine and line.whole is not None and line.whole == missing.whole


def may_mean(line: Named, missing: Named) -> bool:
    """Whether a line of the later list may be about somebody whom no line of it tells for certain.

    The same INE, though nothing else agrees; the same birth date and a word of the names, as where a name was mended; where the line's
    birth date cannot be read, the same family and first name.
    """
    if line.ine is not None and line.ine == missing.ine:
        return True
    if line.birth_date is not None:
        return line.birth_date == missing.birth_date and not line.words.isdisjoint(missing.words)
    return line.whole is not None and line.whole == missing.whole


def meant_by(lines: Sequence[Named], missing: Sequence[Named]) -> list[set[int]]:
    """For each line, the places of the missing whom it may mean."""
    by_birth, by_ine = defaultdict[date | None, set[int]](set), defaultdict[str | None, set[int]](set)
    for place, one in enumerate(missing):
        by_birth[one.birth_date].add(place)
        by_ine[one.ine].add(place)
    everybody = set(range(len(missing)))
    near = [everybody if line.birth_date is None else by_birth[line.birth_date] | by_ine[line.ine] for line in lines]
    return [{place for place in places if may_mean(line, missing[place])} for line, places in zip(lines, near, strict=True)]


def nearest(line: Named, places: Set[int], missing: Sequence[Named]) -> Set[int]:
    """Of the places of those whom a newcomer's line may mean: where INE and birth date are somebody's, theirs alone."""
    own = {place for place in places if line.ine == missing[place].ine is not None and line.birth_date == missing[place].birth_date}
    return own or places


@dataclass(frozen=True, kw_only=True)
class DoubtAbsences:
    """A human must say whether these left: each is the last line that told them, by its list and number."""

    list_id: UUID
    absences: tuple[Place, ...]


@dataclass(frozen=True, kw_only=True)
class ReviewAbsence:
    """A human says whether this one left."""

    list_id: UUID
    told_by: UUID
    line: int
    left: bool


@dataclass(frozen=True, kw_only=True)
class MissEtablissements:
    """The list's sender does not tell these any more."""

    list_id: UUID
    uais: tuple[str, ...]


def outcome_of(*, earlier: int, missing: int, unnamed: int, rule: AbsenceRule) -> Outcome:
    """Whether those who are missing have left."""
    if missing and unnamed:
        return "unnamed_lines"
    if earlier >= rule.from_lines and missing > earlier * rule.most:
        return "too_many_missing"
    return "concluded"


def _words(*names: str) -> frozenset[str]:
    """Single letters prove nothing."""
    words = " ".join(map(plain, names)).translate(SEPARATORS).split()
    return frozenset(word for one in words if len(word := folded(one)) > 1)
