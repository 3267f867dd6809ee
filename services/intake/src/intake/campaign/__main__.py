"""`python -m intake.campaign`: one campaign over files on this machine, with the service's own environment, beside the service."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path

import duckdb
import orjson

from chassis import logs, telemetry
from chassis.failpoints import arm
from chassis.handler import Handler
from chassis.progress import Progress
from chassis.service import Settings, open_basics, settings_from
from chassis.settings import BadSettings
from intake.app import KeysMissing, desk_of
from intake.campaign.keeping import ProgressLost
from intake.campaign.matching import TooManyUnreadable
from intake.campaign.running import Campaign, Limits, Result
from intake.campaign.snapshots import Kind, Snapshot, SnapshotRefused
from intake.domain.campaign import CAMPAIGN
from intake.domain.detection import RULES, SIEI_V1

BAD = 2
CLEAR = (SnapshotRefused, TooManyUnreadable, ProgressLost, BadSettings, KeysMissing)
"""Exceptions whose own words are the answer, and name nobody."""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """0 done, 2 it could not be done."""
    options = _parser().parse_args(argv)
    logs.configure("intake", "warning", sys.stderr)
    try:
        settings = settings_from(environ)
        arm(settings.failpoint)
        telemetry.configure("intake", None, settings.otlp_endpoint)
        result = asyncio.run(_run(settings, options))
    except CLEAR as clear:
        print(f"campaign: {clear}", file=sys.stderr)
        return BAD
    except duckdb.Error as trouble:  # its own words quote the line that it could not read
        print(f"campaign: a file is not what it says ({type(trouble).__name__}), or there is too little memory or disk", file=sys.stderr)
        return BAD
    finally:
        telemetry.flush()
    _show(result, as_json=options.json)
    return 0


async def _run(settings: Settings, options: argparse.Namespace) -> Result:
    given: dict[Kind, Path | None] = {
        "previous": options.previous, "current": options.current, "diplomas": options.diplomas, "followed": options.followed,
    }  # fmt: skip
    async with AsyncExitStack() as opened:
        basics = await open_basics("intake", settings, lambda: None, opened)
        progress = Progress(what="lines of leavers")
        campaign = Campaign(
            snapshots={kind: Snapshot(kind=kind, path=path) for kind, path in given.items() if path is not None},
            reference=options.reference_date,
            sender=options.sender,
            rule=RULES[(options.rule, options.rule_version)],
            desk=desk_of(basics),
            pool=basics.app,
            handler=Handler(decider=CAMPAIGN, store=basics.store, pool=basics.app),
            limits=Limits(folder=options.work, memory=options.memory),
            told=progress,
        )
        return await campaign.run()


def _show(result: Result, *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(result.document()).decode())
        return
    print(f"campaign {result.campaign_id}" + (": closed before, nothing was done" if result.repeated else ""))
    for name, count in (result.document()["funnel"] or {}).items():  # type: ignore[attr-defined]  # a document of counts
        print(f"  {name.replace('_', ' ')}: {count:,}")
    print(f"dropouts detected: {result.detected:,}; lines held for a human: {result.held:,}, refused: {result.rejected:,}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="intake.campaign", description="Match two years' enrolments and detect every dropout.")
    parser.add_argument("--previous", type=Path, required=True, help="last year's enrolments, CSV or Parquet")
    parser.add_argument("--current", type=Path, required=True, help="this year's")
    parser.add_argument("--diplomas", type=Path)
    parser.add_argument("--followed", type=Path, help="who is already followed")
    parser.add_argument("--reference-date", type=date.fromisoformat, required=True, help="the day that this year's files describe")
    parser.add_argument("--sender", default="ministere", help="who gave the files; stands in the manifest")
    parser.add_argument("--rule", default=SIEI_V1.name, choices=sorted({name for name, _ in RULES}))
    parser.add_argument("--rule-version", type=int, default=SIEI_V1.version, choices=sorted({version for _, version in RULES}))
    parser.add_argument("--memory", default="2GB", help="what DuckDB may use before it writes to disk")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()), help="where its private folder is made, and removed")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], os.environ))
