"""The establishments that are known by a UAI, and whether each was open on a day (its check letter: cleaning.uai_of).

The packaged directory lists lycées only, without dates: not to be in it proves nothing. A deployment that has a national directory
names its file (DIRECTORY_FILE, docs/ops.md); only then can "closed" and "not open yet" be said, and "unknown" if it is told to be complete.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from intake.reference.dated import Period, rows_of

type Standing = Literal["open", "not_open", "closed", "unknown"]

COLUMNS: Mapping[str, Sequence[str]] = {
    "uai": ("uai", "numero_uai", "identifiant_de_l_etablissement"),
    "since": ("since", "date_ouverture"),
    "until": ("until", "date_fermeture"),
}
"""What we read, and what it is called: by us, and in the ministry's exports (README.md), which tell no day of closing."""


class DirectoryRefused(ValueError):
    """A file is no directory; says why."""


@dataclass(frozen=True, kw_only=True)
class Directory:
    """When the establishment of each UAI was open. complete: whether one that is not listed does not exist."""

    listed: Mapping[str, tuple[Period, ...]]
    complete: bool

    @cached_property
    def doubts(self) -> bool:
        """Could it say of any UAI that it is not open? Asked before each line of a census is looked up."""
        return self.complete or any(one.since or one.until for periods in self.listed.values() for one in periods)

    def standing(self, uai: str, day: date) -> Standing:
        """Open or not on that day; closed is also who opens again later; unknown where it is not listed."""
        found = self.listed.get(uai)
        if found is None:
            return "unknown"
        if any(period.holds(day) for period in found):
            return "open"
        return "not_open" if all(period.since is not None and day < period.since for period in found) else "closed"


def directory_in(lines: Iterable[str], *, complete: bool) -> Directory:
    """A directory as CSV with `;`, its columns found by their names, however written; others are not read.

    Raises:
        DirectoryRefused: no column of UAI, or none of dates; a day that is none, or closing before opening; nobody is listed.
    """
    rows = csv.reader(lines, delimiter=";")
    header = [name.strip().lower() for name in next(rows, [])]
    places = {ours: place for ours, names in COLUMNS.items() if (place := _place(header, names)) is not None}
    if "uai" not in places or len(places) == 1:
        told = "; ".join(f"{ours}: {' or '.join(names)}" for ours, names in COLUMNS.items())
        raise DirectoryRefused(f"its header must have a UAI and a day of opening or of closing ({told})")
    listed: dict[str, tuple[Period, ...]] = {}
    for number, row in enumerate(rows, start=2):
        cells = {ours: row[place].strip() for ours, place in places.items() if place < len(row)}
        if uai := cells.get("uai", "").upper():
            listed[uai] = (*listed.get(uai, ()), _period(cells, number))
    if not listed:
        raise DirectoryRefused("it lists nobody")
    return Directory(listed=listed, complete=complete)


def directory_at(path: Path, *, complete: bool) -> Directory:
    """A file of that kind, UTF-8.

    Raises:
        DirectoryRefused: see `directory_in`; or it cannot be read, or not as UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return directory_in(lines, complete=complete)
    except (OSError, UnicodeError, csv.Error) as error:
        raise DirectoryRefused(f"it cannot be read ({type(error).__name__})") from None


def _place(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _period(cells: Mapping[str, str], number: int) -> Period:
    """An export writes a day alone, or with an hour that says nothing."""
    try:
        since, until = (date.fromisoformat(cell[:10]) if (cell := cells.get(name, "")) else None for name in ("since", "until"))
    except ValueError:
        raise DirectoryRefused(f"line {number} has a day that is none, write it as 2025-09-01") from None
    if since and until and until < since:
        raise DirectoryRefused(f"line {number} closes before it opens")
    return Period(since=since, until=until)


@cache
def packaged() -> Directory:
    """What comes with the package."""
    return Directory(listed={row["uai"]: (Period(since=None, until=None),) for row in rows_of("establishments")}, complete=False)
