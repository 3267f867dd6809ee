"""A country's campaign, from its files to the last committed decision, in a process of its own; its cross-match beside a bare anti-join.

As a program: `python -m load.campaigning cross|bare|run …`, each printing one JSON document.
"""

import asyncio
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import duckdb
import psutil
from intake_house import MIGRATIONS, NOW, entered

from chassis import garbage
from chassis.provision import Database, chassis_migrations, keyring_migrations
from contracts.intake import SnapshotKind
from intake.campaign.admitting import Accepted
from intake.campaign.crossing import Limits, cross
from intake.campaign.running import Campaign
from intake.campaign.snapshots import COLUMNS, Snapshot
from intake.domain.detection import SIEI_V1
from intake.reader import LINES_AT_ONCE, Reader
from load.house import House
from load.measuring import Row, in_turns
from raccroche.fiction import campaign

PEOPLE = 6_634_000
"""Makes 6.70 million lines of last year and 6.60 million of this year."""

SEED, ROUNDS = 7, 3
ASKED_SECONDS, ASKED_BYTES, ASKED_RATIO = 120.0, 4e9, 3.0
LOOK_SECONDS = 1.0
SNAPSHOTS: tuple[SnapshotKind, ...] = tuple(COLUMNS)


async def rows(house: House) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="campaign-", dir="var"))
    try:
        truth = await asyncio.to_thread(lambda: campaign.write(folder, people=PEOPLE, seed=SEED).truth)
        return [await _beside_bare(folder), *await _whole(house, folder, truth)]
    finally:
        shutil.rmtree(folder)


async def _beside_bare(folder: Path) -> Row:
    async def ours() -> float:
        return float((await _alone("cross", str(folder)))["seconds"])

    async def theirs() -> float:
        return float((await _alone("bare", str(folder)))["seconds"])

    name = f"cross-match of {PEOPLE * 1.01 / 1e6:.1f} million enrolments with {PEOPLE * 0.995 / 1e6:.1f} million"
    found = await in_turns(name, "s", ours, "a bare DuckDB anti-join of the same two files", theirs, rounds=ROUNDS)
    return Row(**{**asdict(found), "floor": f"< {ASKED_RATIO:.0f} x", "reached": found.ratio is not None and found.ratio < ASKED_RATIO})


async def _whole(house: House, folder: Path, truth: campaign.Truth) -> list[Row]:
    """One whole run, its counts equal to the truth or there is no row.

    Raises:
        RuntimeError: they are not.
    """
    intake = await house.database_like(Database(name="intake", migrations=(chassis_migrations(), MIGRATIONS)))
    keyring = await house.database_like(Database(name="keyring", migrations=(keyring_migrations(),), login_roles=("app",)))
    try:
        looking = asyncio.create_task(_most_memory())
        found = await _alone("run", str(folder), intake["app"], keyring["app"])
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
    finally:
        for dsns in (intake, keyring):
            await house.drop(dsns)
    expected = (truth.dropouts, truth.l313_7, truth.obligation_formation, truth.dropout_lines)
    if (found["detections"], found["l313_7"], found["obligation_formation"], found["accepted"]) != expected:
        raise RuntimeError(f"{found} is not the generator's truth, {expected}")
    name = f"campaign, from files to {truth.dropouts:,} detections committed"
    seconds, peak = float(found["seconds"]), MOST[0]
    parts = ", ".join(f"{step} {took:.1f}" for step, took in found["steps"].items())
    return [
        Row(name=f"{name} ({parts})", unit="s", value=seconds, floor=f"< {ASKED_SECONDS:.0f} s", reached=seconds < ASKED_SECONDS),
        Row(name=f"{name}: most memory, the job and all of PostgreSQL", unit="MB", value=peak / 1e6,
            floor=f"< {ASKED_BYTES / 1e6:.0f} MB", reached=peak < ASKED_BYTES),
    ]  # fmt: skip


MOST = [0]
"""The most bytes seen at once, as PSS, which counts what is shared once."""


async def _most_memory() -> None:
    MOST[0] = 0
    while True:
        MOST[0] = max(MOST[0], await asyncio.to_thread(_memory))
        await asyncio.sleep(LOOK_SECONDS)


def _memory() -> int:
    total = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "load.campaigning" in process.cmdline() or process.name() == "postgres":
                total += process.memory_full_info().pss
    return total


async def _alone(*arguments: str) -> dict[str, float]:
    """In a process of its own, so that its memory and its threads are its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "load.campaigning", *arguments, stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}")
    found: dict[str, float] = json.loads(said)
    return found


def _snapshots(folder: Path) -> dict[SnapshotKind, Snapshot]:
    return {kind: Snapshot(kind=kind, path=folder / f"{kind}.csv") for kind in SNAPSHOTS}


def _cross(folder: Path) -> dict[str, object]:
    began = time.perf_counter()
    found = cross(_snapshots(folder), {}, campaign.REFERENCE, SIEI_V1, Limits(), Accepted(), reviewed=False)
    return {"seconds": time.perf_counter() - began, "leavers": found.figures.leavers}


def _bare(folder: Path) -> dict[str, object]:
    """Last year's lines that have no equal this year, as DuckDB reads the files by itself: no rule, no folding, no second look."""
    keys = "ine, nom, prenom, date_naissance, commune_naissance"
    previous, current = (f"(from read_csv('{folder}/{name}.csv'))" for name in ("previous", "current"))
    began = time.perf_counter()
    with duckdb.connect(config={"threads": Limits.threads, "memory_limit": Limits.memory}) as connection:
        connection.execute(f"create temp table absent as select p.* from {previous} p anti join {current} c using ({keys})")
    return {"seconds": time.perf_counter() - began}


async def _run(folder: Path, dsn: str, keyring_dsn: str) -> dict[str, object]:
    async with entered(dsn, keyring_dsn) as house:
        reader = Reader(
            pool=house.pool, desk=house.desk, rule=SIEI_V1, arrived=asyncio.Event(), committed=lambda: None, lines_at_once=LINES_AT_ONCE
        )
        running = Campaign(
            pool=house.pool, desk=house.desk, reader=reader, snapshots=_snapshots(folder), reference=campaign.REFERENCE, limits=Limits(),
            actor=f"bench {NOW:%Y}", delete_on=campaign.REFERENCE,
        )  # fmt: skip
        garbage.look_seldom()  # as the job does
        began = time.perf_counter()
        found = await running.run()
        seconds = time.perf_counter() - began
    return {
        "seconds": seconds, "steps": found.seconds, "detections": found.detections, "l313_7": found.l313_7,
        "obligation_formation": found.obligation_formation, "accepted": found.verdicts["accepted"] + found.verdicts["accepted_with_remarks"],
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }  # fmt: skip


def main(what: str, folder: str, *dsns: str) -> None:
    match what:
        case "cross":
            found = _cross(Path(folder))
        case "bare":
            found = _bare(Path(folder))
        case _:
            found = asyncio.run(_run(Path(folder), *dsns))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
