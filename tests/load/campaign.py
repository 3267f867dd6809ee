"""A national campaign: two years' enrolments from files to every detection committed, beside a bare anti-join of the same files."""

import asyncio
import resource
import tempfile
import time
from pathlib import Path

import duckdb
from campaign_house import KINDS, campaign_of
from intake_house import MIGRATIONS, entered

from chassis.provision import Database, chassis_migrations, keyring_migrations
from intake.campaign.matching import Match
from intake.campaign.snapshots import Snapshot
from intake.domain.detection import SIEI_V1
from load.house import House
from load.measuring import Row, in_turns
from raccroche.fiction.campaign import REFERENCE, Files, write

PEOPLE = 6_700_000
SEED = 11
ROUNDS = 3
ASKED_SECONDS, ASKED_BYTES, ASKED_RATIO = 120.0, 4e9, 1 / 3


async def rows(house: House) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="campaign-", dir=house.stack.root) as folder:
        files = await asyncio.to_thread(write, Path(folder), people=PEOPLE, seed=SEED)
        seconds, detected, peak = await _whole(house, files, Path(folder) / "work")
        truth = files.truth
        if detected != truth.dropouts:
            raise RuntimeError(f"{detected} detections, {truth.dropouts} dropouts")
        lines = truth.previous + truth.current

        async def ours() -> float:
            began = time.perf_counter()
            await asyncio.to_thread(_match, files)
            return lines / (time.perf_counter() - began)

        async def theirs() -> float:
            began = time.perf_counter()
            await asyncio.to_thread(_anti_join, files)
            return lines / (time.perf_counter() - began)

        name = f"a campaign of {truth.previous:,} enrolments against {truth.current:,}"
        bare = "DuckDB's anti-join of the two enrolment files by INE"
        crossed = await in_turns(f"{name}: the cross-match", "lines/s", ours, bare, theirs, floor=round(ASKED_RATIO, 2), rounds=ROUNDS)
    return [
        Row(name=f"{name}: to {detected:,} detections", unit="s", value=seconds, floor="< 120 s", reached=seconds < ASKED_SECONDS),
        Row(name=f"{name}: memory of its process", unit="GB", value=peak / 1e9, floor="< 4 GB", reached=peak < ASKED_BYTES),
        crossed,
    ]


async def _whole(house: House, files: Files, work: Path) -> tuple[float, int, float]:
    """Seconds, detections, and the most bytes that this process held at a time."""
    intake = await house.database_like(Database(name="intake", migrations=(chassis_migrations(), MIGRATIONS)))
    keyring = await house.database_like(Database(name="keyring", migrations=(keyring_migrations(),), login_roles=("app",)))
    try:
        async with entered(intake["app"], keyring["app"]) as opened:
            began = time.perf_counter()
            result = await campaign_of(opened, files, work).run()
            took = time.perf_counter() - began
        return took, result.detected, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    finally:
        for dsns in (intake, keyring):
            await house.drop(dsns)


def _match(files: Files) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "set threads = 2; set memory_limit = '2GB'; set preserve_insertion_order = false; set enable_progress_bar = false"
        )
        snapshots = {kind: Snapshot(kind=kind, path=getattr(files, kind)) for kind in KINDS}
        Match(connection=connection, snapshots=snapshots, reference=REFERENCE, rule=SIEI_V1).run()


def _anti_join(files: Files) -> None:
    read = "read_csv('{}', delim = ';', header = true, all_varchar = true)"
    with duckdb.connect() as connection:
        connection.execute(
            "set threads = 2; set memory_limit = '2GB'; set preserve_insertion_order = false; set enable_progress_bar = false"
        )
        connection.execute(
            f"create table absent as select p.* from {read.format(files.previous)} p anti join {read.format(files.current)} c on p.ine = c.ine"
        )
