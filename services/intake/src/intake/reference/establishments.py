"""The establishments that are known by a UAI, and whether each was open on a day (its check letter: cleaning.uai_of).

The packaged directory lists lycées only: not to be in it proves nothing. A deployment that has the national directory reads it
with `directory_from`; only then can "unknown" and "closed" be said of every UAI.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

from intake.reference.dated import Period, period_of, rows_of

type Standing = Literal["open", "closed", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Establishment:
    uai: str
    name: str
    postcode: str
    period: Period


@dataclass(frozen=True, kw_only=True)
class Directory:
    """Establishments by UAI. complete: whether one that is not listed does not exist."""

    listed: Mapping[str, Establishment]
    complete: bool

    def standing(self, uai: str, day: date) -> Standing:
        """Open or closed on that day; unknown where it is not listed."""
        found = self.listed.get(uai)
        if found is None:
            return "unknown"
        return "open" if found.period.holds(day) else "closed"


def directory_from(rows: Iterable[Mapping[str, str]], *, complete: bool) -> Directory:
    """From rows of uai, name, postcode, since, until (ISO 8601, or empty)."""
    found = {row["uai"]: Establishment(uai=row["uai"], name=row["name"], postcode=row["postcode"], period=period_of(row)) for row in rows}
    return Directory(listed=found, complete=complete)


def directory_in(lines: Iterable[str]) -> Directory:
    """A whole national directory, as CSV with those columns."""
    return directory_from(csv.DictReader(lines, delimiter=";"), complete=True)


@cache
def packaged() -> Directory:
    return directory_from(rows_of("establishments"), complete=False)
