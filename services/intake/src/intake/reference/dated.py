"""Rows that hold for a time: read from a packaged file, found by code and day."""

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """From `since` on and before `until`; without one, for as long as anybody knows."""

    since: date | None
    until: date | None

    def holds(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)


def period_of(row: Mapping[str, str]) -> Period:
    return _period(row["since"], row["until"])


@cache
def _period(since: str, until: str) -> Period:
    """Thousands of rows share a few days."""
    return Period(since=_day(since), until=_day(until))


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of `data/<name>.csv.gz`, in its order."""
    packed = files("intake.reference").joinpath("data", f"{name}.csv.gz").read_bytes()
    return list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode()), delimiter=";"))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
