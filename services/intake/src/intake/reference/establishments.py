"""The establishments that are known by a UAI, and whether each was open on a day (its check letter: cleaning.uai_of).

The packaged directory lists lycées only, without dates: not to be in it proves nothing. A deployment that has a national directory
names its file (DIRECTORY_FILE, docs/ops.md); only then can "closed" and "not open yet" be said, and "unknown" if it is told to be complete.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from intake.cleaning import uai_of
from intake.reference.dated import Period, rows_of

type Standing = Literal["open", "not_open", "closed", "unknown"]

COLUMNS: Mapping[str, Sequence[str]] = {
    "uai": ("uai", "numero_uai", "identifiant_de_l_etablissement"),
    "since": ("since", "date_ouverture"),
    "until": ("until", "date_fermeture"),
}
"""What we read, and what it is called: by us, and in the ministry's exports (README.md), which tell no day of closing."""


MOST_TOLD = 10
"""Of the lines that are wrong, as many are told as somebody mends in one go."""


class DirectoryRefused(ValueError):
    """A file is no directory; says why."""


class _RowRefused(ValueError):
    """A row is none; says why, after its line."""


class _Unclosed(DirectoryRefused):
    """From here on the file cannot be cut into rows; says where."""


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
    """A directory as CSV with `;`, its columns found by their names, however written; others are not read, nor rows without any text.

    Raises:
        DirectoryRefused: no column of UAI, or none of dates; nobody is listed; or rows that are none, by their lines (`_row`).
    """
    rows = _rows(lines)
    header = [name.strip().lower() for name in next(rows, (1, []))[1]]
    places = _places(header)
    listed: dict[str, tuple[Period, ...]] = {}
    wrong: list[str] = []
    try:
        for number, row in rows:
            try:
                uai, period = _row(row, len(header), places)
                listed[uai] = (*listed.get(uai, ()), period)
            except _RowRefused as refused:
                wrong.append(f"line {number} {refused}")
    except _Unclosed as unclosed:
        wrong.append(str(unclosed))
    if wrong:
        raise DirectoryRefused(_told(wrong))
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
    except (OSError, UnicodeError) as error:
        raise DirectoryRefused(f"it cannot be read ({type(error).__name__})") from None


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows in which anything stands, with the number of the line on which each begins.

    Raises:
        _Unclosed: nothing can be said of what follows.
    """
    reader, number = csv.reader(lines, delimiter=";", strict=True), 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise _Unclosed(f"line {number} has a quote that is not closed, or not at its cell's end: nothing after it was read") from None
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield number, row
        number = reader.line_num + 1


def _row(row: Sequence[str], columns: int, places: Mapping[str, int]) -> tuple[str, Period]:
    """An establishment, and a time in which it is open.

    Raises:
        _RowRefused: too few or too many cells, or lines joined in one; no UAI, or none by its form and check letter; see `_period`.
    """
    if any(";" in cell and ("\n" in cell or "\r" in cell) for cell in row):
        raise _RowRefused("has a quoted cell in which other lines stand: a quote too many, or one that is not closed")
    if len(row) != columns:
        raise _RowRefused(f"has {len(row)} cells where the header has {columns}")
    cells = {ours: row[place].strip() for ours, place in places.items()}
    if not cells["uai"]:
        raise _RowRefused("has no UAI")
    uai = uai_of(cells["uai"])
    if uai is None:
        raise _RowRefused("has a UAI that is none: seven digits and their check letter")
    return uai, _period(cells)


def _told(wrong: Sequence[str]) -> str:
    """No value of the file is in it."""
    more = f"; and {len(wrong) - MOST_TOLD:,} lines more" if len(wrong) > MOST_TOLD else ""
    return "; ".join(wrong[:MOST_TOLD]) + more


def _places(header: Sequence[str]) -> dict[str, int]:
    """Where each column that we read stands.

    Raises:
        DirectoryRefused: no UAI, or no day.
    """
    named = {ours: next((name for name in names if name in header), None) for ours, names in COLUMNS.items()}
    places = {ours: header.index(name) for ours, name in named.items() if name is not None}
    if "uai" not in places or len(places) == 1:
        told = "; ".join(f"{ours}: {' or '.join(names)}" for ours, names in COLUMNS.items())
        raise DirectoryRefused(f"its header must have a UAI and a day of opening or of closing ({told})")
    return places


def _period(cells: Mapping[str, str]) -> Period:
    """An export writes a day alone, or with an hour that says nothing.

    Raises:
        _RowRefused: a day that is none, or closing before opening.
    """
    try:
        since, until = (date.fromisoformat(cell[:10]) if (cell := cells.get(name, "")) else None for name in ("since", "until"))
    except ValueError:
        raise _RowRefused("has a day that is none, write it as 2025-09-01") from None
    if since and until and until < since:
        raise _RowRefused("closes before it opens")
    return Period(since=since, until=until)


@cache
def packaged() -> Directory:
    """What comes with the package."""
    return Directory(listed={row["uai"]: (Period(since=None, until=None),) for row in rows_of("establishments")}, complete=False)
