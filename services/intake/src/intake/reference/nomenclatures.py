"""Nomenclatures whose codes open and close, and the scale of diploma levels with the roman one that it replaced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from intake.reference.dated import Period


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """One code of a nomenclature, for a time. label: official, in French."""

    code: str
    label: str
    period: Period


@dataclass(frozen=True)
class Nomenclature:
    """Codes that open and close, one after the other under one value as it may be."""

    codes: Mapping[str, tuple[Code, ...]]

    def at(self, value: str, day: date) -> Code | None:
        """The code that had this value on that day; none if it was not open yet, or closed."""
        return next((one for one in self.codes.get(value, ()) if one.period.holds(day)), None)


def nomenclature_of(codes: Iterable[Code]) -> Nomenclature:
    """Raises ValueError where two codes of one value hold at once: nobody could tell which is meant."""
    found: dict[str, tuple[Code, ...]] = {}
    for one in sorted(codes, key=lambda code: (code.code, code.period.since or date.min)):
        before = found.get(one.code, ())
        if before and (before[-1].period.until is None or (one.period.since or date.min) < before[-1].period.until):
            raise ValueError(f"the code {one.code} is open twice at once")
        found[one.code] = (*before, one)
    return Nomenclature(found)


SCALES_CHANGED = date(2019, 1, 9)
_OLD, _NEW = Period(since=None, until=SCALES_CHANGED), Period(since=SCALES_CHANGED, until=None)
_LEVELS = (
    ("V", 3, "CAP, BEP"), ("IV", 4, "baccalauréat, brevet professionnel"), ("III", 5, "BTS, DUT"), ("II", 6, "licence, BUT"),
    ("I", 7, "master"),
)  # fmt: skip

LEVELS = nomenclature_of(
    (
        *(Code(code=roman, label=label, period=_OLD) for roman, _, label in _LEVELS),
        *(Code(code=str(level), label=label, period=_NEW) for _, level, label in _LEVELS),
        Code(code="8", label="doctorat", period=_NEW),
    )
)
"""The framework of certifications of décret 2019-14 (levels 1 to 8; 1 and 2 are no diploma), and the scale of 1969 before it."""

_ALIASES = {roman: level for roman, level, _ in _LEVELS}


def level_of(text: str) -> int | None:
    """The level of today (3 to 8) that a cell states, old roman ones too, with or without "niveau"; none where it is none.

    Roman I covered both 7 and 8: it says at least 7, and 7 is kept. V bis and VI were below every level here, and so none.
    """
    said = text.strip().upper().removeprefix("NIVEAU").strip()
    if said in _ALIASES:
        return _ALIASES[said]
    return int(said) if said in LEVELS.codes else None
