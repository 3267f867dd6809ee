"""`python -m intake campaign-files`, `campaign-sweep`: which files of campaigns lie where and until when; their deletion on their day."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from uuid import UUID

from chassis.answers import Answer
from chassis.jobs import At, OwnJob
from chassis.paris import legal_date
from intake.app import desk_of
from intake.campaign.files import CampaignFile, State, Sweep, Swept, all_files, left

SAID: Mapping[State, str] = {
    "deleted": "is deleted",
    "gone": "is not there: if it is gone for good, and not moved, say so with --gone CAMPAIGN",
    "changed": "has other bytes than were matched and is not deleted: --changed CAMPAIGN deletes it all the same",
    "elsewhere": "lies on another machine: sweep there",
    "unreadable": "cannot be read or deleted by this user",
}


async def files(at: At, options: argparse.Namespace) -> Answer:  # noqa: ARG001 -- the shape of every job
    """All that are known, those that are due first."""
    today = legal_date(at.basics.clock.now())
    async with at.basics.app.acquire() as connection:
        found = await all_files(connection)
    overdue = [one for one in found if one.overdue(today)]
    document = {"files": [{**asdict(one), "overdue": one.overdue(today)} for one in found], "overdue": len(overdue)}
    return Answer(document=document, lines=[*(_line(one, today) for one in found), *told_overdue(found, today)], good=not overdue)


async def sweep(at: At, options: argparse.Namespace) -> Answer:
    """Delete what is due on this machine; say of the rest why it stays."""
    digests = desk_of(at.basics).digests
    swept = await Sweep(
        pool=at.basics.app, digests=digests, clock=at.basics.clock, gone=options.gone, changed=options.changed
    ).run()  # fmt: skip
    stays = left(swept)
    document = {"swept": [{**asdict(one.file), "state": one.state} for one in swept], "left": len(stays)}
    return Answer(document=document, lines=told_swept(swept) or ["nothing is due"], good=not stays)


def told_overdue(found: Sequence[CampaignFile], today: date) -> list[str]:
    """One sentence, or none."""
    overdue = sum(one.overdue(today) for one in found)
    return [f"{overdue} files of campaigns should be deleted by now: raccroche intake campaign sweep"] if overdue else []


def told_swept(swept: Sequence[Swept]) -> list[str]:
    return [f"{one.file.campaign} {one.file.kind} {one.file.host}:{one.file.path} {SAID[one.state]}" for one in swept]


def _line(one: CampaignFile, today: date) -> str:
    if one.deleted_at is not None:
        state = f"deleted on {legal_date(one.deleted_at)}"
    else:
        state = f"{'OVERDUE, ' if one.overdue(today) else ''}to be deleted on {one.delete_on}"
    return f"{one.campaign} {one.kind} {one.host}:{one.path} {one.size:,} bytes: {state}"


def _no_arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def _sweep_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gone", type=UUID, action="append", default=[], metavar="CAMPAIGN", help="its missing files are gone for good; may be repeated"
    )
    parser.add_argument(
        "--changed",
        type=UUID,
        action="append",
        default=[],
        metavar="CAMPAIGN",
        help="delete its files even with other bytes; may be repeated",
    )


CAMPAIGN_FILES = OwnJob(
    title="campaign-files", about="which files of campaigns lie where and until when; 1 if one is overdue", carry_out=files,
    arguments=_no_arguments,
)  # fmt: skip
CAMPAIGN_SWEEP = OwnJob(
    title="campaign-sweep", about="delete the files of campaigns whose day has come; 1 if one stays", carry_out=sweep,
    arguments=_sweep_arguments,
)  # fmt: skip
