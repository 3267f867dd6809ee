"""The files of one campaign on a DuckDB of its own: what they come to, the leavers as a list's body, and those for a human as a file."""

import csv
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import duckdb

from contracts.intake import MatchFigures, SnapshotKind
from intake.campaign.leavers import body_of
from intake.campaign.matching import Match
from intake.campaign.snapshots import ENROLMENT, Snapshot
from intake.domain.detection import Rule

FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CampaignRefused(Exception):
    """The files cannot be a campaign; says why, and nothing of their content."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the cross-match may take of the machine; what does not fit in `memory` goes to encrypted temporary files."""

    threads: int = 2
    memory: str = "3GB"


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """What the files came to. lines: of each file. body: the leavers' list, in clear, in memory only."""

    figures: MatchFigures
    lines: Mapping[SnapshotKind, int]
    body: bytes


def cross(snapshots: Mapping[SnapshotKind, Snapshot], reference: date, rule: Rule, limits: Limits, reviews: Path | None) -> Crossed:
    """Match the files; nothing remains of them but what is returned, and the lines that a human must look at, if `reviews` is named.

    Raises:
        CampaignRefused: no leaver, a file that DuckDB cannot read, or `reviews` cannot be written.
        intake.campaign.matching.TooManyUnreadable.
    """
    try:
        with _database(limits) as connection:
            match = Match(connection=connection, snapshots=snapshots, reference=reference, rule=rule)
            funnel, lines = match.run()
            if not funnel.leavers:
                raise CampaignRefused("nobody is in the earlier enrolments only: are these the files of two years?")
            if reviews is not None:
                _write(reviews, match.reviews())
            body = body_of(match.leavers())
    except duckdb.Error as error:
        raise CampaignRefused(f"a file cannot be read as what it is said to be ({type(error).__name__})") from None
    return Crossed(figures=MatchFigures(**asdict(funnel)), lines=lines, body=body)


@contextmanager
def _database(limits: Limits) -> Iterator[duckdb.DuckDBPyConnection]:
    """In memory, and what does not fit encrypted in a folder that only this user can enter (0700) and that goes with it."""
    with (
        tempfile.TemporaryDirectory(prefix="raccroche-campaign-") as folder,
        duckdb.connect(
            config={
                "threads": limits.threads, "memory_limit": limits.memory, "temp_directory": folder, "temp_file_encryption": True,
                "preserve_insertion_order": False, "autoinstall_known_extensions": False, "autoload_known_extensions": False,
            }
        ) as connection,
    ):  # fmt: skip
        yield connection


def _write(path: Path, reviews: Iterator[tuple[str | None, ...]]) -> None:
    """A CSV that only this user can read, its cells no formulas; it takes the place of an earlier one when it is whole."""
    try:
        opened, unfinished = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # 0600
    except OSError as error:
        raise CampaignRefused(f"the file of reviews cannot be made: {error.strerror}") from None
    with os.fdopen(opened, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("motif", *ENROLMENT))
        writer.writerows([_plain(cell or "") for cell in row] for row in reviews)
    Path(unfinished).replace(path)


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
