"""The files of one campaign on a DuckDB of its own: what they come to, the leavers as a list's body, and the lines for a human."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date

import duckdb

from contracts.intake import MatchFigures, SnapshotKind
from intake.campaign import reviews
from intake.campaign.admitting import Accepted, CampaignRefused, admit
from intake.campaign.leavers import body_of
from intake.campaign.matching import Lines, Match
from intake.campaign.snapshots import Snapshot
from intake.domain.detection import Rule


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the cross-match may take of the machine; what does not fit in `memory` goes to encrypted temporary files."""

    threads: int = 2
    memory: str = "3GB"


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """What the files came to. lines: of each file. body: the leavers' list. reviews: lines for a human, if any will look.

    Both in clear, in memory only.
    """

    figures: MatchFigures
    lines: Mapping[SnapshotKind, Lines]
    body: bytes
    reviews: str


def cross(
    snapshots: Mapping[SnapshotKind, Snapshot],
    there: Mapping[SnapshotKind, int],
    reference: date,
    rule: Rule,
    limits: Limits,
    accepted: Accepted,
    *,
    reviewed: bool,
) -> Crossed:
    """Match the files; nothing remains of them but what is returned. there: how many lines each CSV has, as anybody counts them.

    reviewed: whether somebody will look at the lines for a human, which are not gathered otherwise.

    Raises:
        SnapshotRefused: a file that is not what it says.
        CampaignRefused: a match that may not pass, or for which memory or disk do not suffice.
    """
    try:
        with _database(limits) as connection:
            match = Match(connection=connection, snapshots=snapshots, reference=reference, rule=rule)
            funnel, found = match.run()
            figures = MatchFigures(**asdict(funnel))
            lines = {kind: _with_lost(one, there.get(kind)) for kind, one in found.items()}
            admit(figures, lines, accepted)
            for_a_human = reviews.lines_of(match.reviews()) if reviewed else ""
            return Crossed(figures=figures, lines=lines, body=body_of(match.leavers()), reviews=for_a_human)
    except duckdb.Error as error:
        raise CampaignRefused(
            f"the cross-match had not room enough ({type(error).__name__}): give it more --memory (60MB is little), or more disk where"
            " temporary files lie (TMPDIR), and run it again"
        ) from None


def _with_lost(lines: Lines, there: int | None) -> Lines:
    """A quote that is never closed, or in the wrong place, makes one line of several: those are lost, however good the one looks."""
    return lines if there is None else replace(lines, unreadable=lines.unreadable + abs(there - lines.read))


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
