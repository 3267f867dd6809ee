"""When does a complete list that lacks somebody say that they left? Pure; in doubt nobody is said to have left."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal

from contracts.personal import Identity
from intake.cleaning import folded, plain

type Outcome = Literal["concluded", "unnamed_lines", "too_many_missing"]

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
    """What a line tells of who it is about, however little. whole: family name and first given name. words: of all names."""

    ine: str | None = None
    birth_date: date | None = None
    whole: tuple[str, str] | None = None
    words: frozenset[str] = frozenset()

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
    )


def named_of(identity: Identity) -> Named:
    return named(
        ine=identity.ine, birth_date=identity.birth_date, family_name=identity.family_name, usage_name=identity.usage_name or "",
        first_names=identity.first_names,
    )  # fmt: skip


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
