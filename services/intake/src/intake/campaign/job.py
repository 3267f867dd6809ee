"""`python -m intake campaign`: the job by which a person runs a campaign on the service's own databases."""

import argparse
import asyncio
import getpass
import re
import resource
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path

from chassis import garbage
from chassis.answers import Answer
from chassis.jobs import At, BadRequest, OwnJob
from chassis.paris import legal_date
from contracts.intake import SnapshotKind
from intake.app import desk_of
from intake.campaign.admitting import Accepted, CampaignRefused
from intake.campaign.crossing import Limits
from intake.campaign.files import Sweep, all_files, left
from intake.campaign.running import Campaign, Found, LeaversUnreadable
from intake.campaign.snapshots import COLUMNS, Snapshot, SnapshotRefused
from intake.campaign.sweep_jobs import told_overdue, told_swept
from intake.domain.detection import SIEI_V1
from intake.parts import TakenOver
from intake.reader import Reader


async def campaign(at: At, options: argparse.Namespace) -> Answer:
    """Run it, or go on with it.

    Raises:
        BadRequest: the files cannot be a campaign, the same campaign runs elsewhere, or its own list cannot be read.
    """
    if options.delete and options.reviews is None:
        raise BadRequest("--delete needs --reviews: else nothing would be left of the lines that a human must look at")
    today = legal_date(at.basics.clock.now())
    if options.delete_on < today:
        raise BadRequest("--delete-on lies in the past: give the day by which the files must be gone, or today with --delete")
    if options.reference_date > today:
        raise BadRequest("the reference date lies in the future: give the day that --current describes")
    snapshots = _snapshots(options)
    desk = desk_of(at.basics)
    reader = Reader(pool=at.basics.app, desk=desk, rule=SIEI_V1, arrived=asyncio.Event(), committed=at.basics.wake)
    running = Campaign(
        pool=at.basics.app, desk=desk, reader=reader, snapshots=snapshots, reference=options.reference_date,
        limits=Limits(threads=options.threads, memory=options.memory), actor=f"operator {getpass.getuser()}", delete_on=options.delete_on,
        reviews=options.reviews, accepted=Accepted(unreadable=options.tolerate, any_volume=options.despite_volume),
    )  # fmt: skip
    garbage.look_seldom()
    try:
        found = await running.run()
    except (CampaignRefused, SnapshotRefused) as refused:
        raise BadRequest(str(refused)) from None
    except LeaversUnreadable:
        raise BadRequest("the leavers are kept, but their list cannot be read: that is a fault of this program, see its log") from None
    except TakenOver:
        raise BadRequest("another process keeps the same campaign just now; run this again when it has ended") from None
    sweep = Sweep(pool=at.basics.app, digests=desk.digests, clock=at.basics.clock)
    swept = await sweep.at_once(found.campaign, snapshots) if options.delete else []
    async with at.basics.app.acquire() as connection:
        known = await all_files(connection)
    told = [*told_swept(swept), f"what is left of its files is to be deleted on {options.delete_on}: raccroche intake campaign sweep"]
    document = {**_document(found, deleted=options.delete and not left(swept)), "delete_on": options.delete_on}
    return Answer(document=document, lines=[*_lines(found), *told, *told_overdue(known, today)], good=not left(swept))


def _snapshots(options: argparse.Namespace) -> dict[SnapshotKind, Snapshot]:
    given: dict[SnapshotKind, Path | None] = {kind: getattr(options, kind) for kind in COLUMNS}
    return {kind: Snapshot(kind=kind, path=path) for kind, path in given.items() if path is not None}


def _document(found: Found, *, deleted: bool) -> dict[str, object]:
    matched = found.matched
    return {
        **asdict(found), "matched": None, "reference_date": matched.reference_date, "rule": f"{matched.rule} {matched.rule_version}",
        "snapshots": [one.model_dump() for one in matched.snapshots], "figures": matched.figures.model_dump(), "deleted": deleted,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip


def _lines(found: Found) -> list[str]:
    figures, taken = found.matched.figures, ", matched by an earlier run" if found.resumed else ""
    seen = {
        "under 16": figures.under_16, "still enrolled": figures.still_enrolled, "followed already": figures.followed,
        "for a human": figures.review, "no dropout": figures.not_dropout, "unreadable": figures.unreadable, "leavers": figures.leavers,
    }  # fmt: skip
    flags = {"L.313-7": found.l313_7, "obligation de formation": found.obligation_formation}
    return [
        f"campaign {found.campaign}{taken}",
        *(f"{one.kind}: {one.lines:,} lines, {one.unreadable:,} unreadable, {one.size / 1e6:,.0f} MB" for one in found.matched.snapshots),
        f"{figures.seen:,} lines seen: {_told(seen)}",
        f"{figures.leavers:,} leavers: {_told(found.verdicts)}",
        *_lost(found.verdicts.get("rejected", 0)),
        f"{found.detections:,} dropouts detected: {_told(flags)}",
        ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.seconds.items()),
    ]


def _lost(rejected: int) -> list[str]:
    """One sentence, or none."""
    said = "leavers are on lines that a list's rules reject, and nothing is detected of them: --reviews writes who they are, and why"
    return [f"{rejected:,} {said}"] if rejected else []


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _memory(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,5}(MB|GB)", text):
        raise argparse.ArgumentTypeError("write it as 3GB or 1500MB")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("there is no such day: write it as 2026-11-02") from None


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError("give a number of lines, 0 or more")
    return int(text)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--previous", type=Path, required=True, metavar="F", help="last year's enrolments, CSV or Parquet")
    parser.add_argument("--current", type=Path, required=True, metavar="F", help="this year's enrolments")
    parser.add_argument("--diplomas", type=Path, metavar="F", help="diplomas obtained")
    parser.add_argument("--followed", type=Path, metavar="F", help="young people somebody follows already")
    parser.add_argument("--reference-date", type=_day, required=True, metavar="YYYY-MM-DD", help="the day of this year's enrolments")
    parser.add_argument("--reviews", type=Path, metavar="F", help="write the lines that a human must look at; names are in it")
    parser.add_argument(
        "--delete-on", type=_day, required=True, metavar="YYYY-MM-DD", help="by when the files, and the reviews, must be gone"
    )
    parser.add_argument(
        "--tolerate",
        type=_count,
        metavar="N",
        default=0,
        help="lines of each file that may be unreadable (%(default)s); you answer for them",
    )
    parser.add_argument(
        "--despite-volume", action="store_true", help="the two years differ by more than a tenth, or many left, and it is right"
    )
    parser.add_argument("--delete", action="store_true", help="delete the files, not the reviews, once everything is committed")
    parser.add_argument(
        "--threads", type=int, choices=range(1, 65), metavar="N", default=Limits.threads, help="of the cross-match (%(default)s)"
    )
    parser.add_argument("--memory", type=_memory, default=Limits.memory, help="of the cross-match (%(default)s)")


CAMPAIGN = OwnJob(
    title="campaign", about="match a country's two years and detect who dropped out", carry_out=campaign, arguments=_arguments
)
