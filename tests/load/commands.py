"""Commands appended by sixteen clients: the handler, a bare loop of one round trip, the same SQL in pgbench, the `eventsourcing` library."""

import asyncio
import itertools
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import asyncpg
from specimens import SEATS, STORE, hold, seats

from chassis.handler import Handler
from load import library
from load.house import House
from load.measuring import Row, in_turns

CLIENTS = 16
SECONDS = 4.0
STREAMS = 4_000

BARE = """
with past as (
  select coalesce(max(stream_version), 0) as version from events where stream_id = $1
), appended as (
  insert into events (event_id, stream_id, stream_version, private, type, subject, happened_at, recorded_at, actor,
    correlation_id, causation_id, command_id, attributes, leaf, body, traceparent, tracestate)
  select $2::uuid, $1, version + 1, false, 'fr.raccroche.offers.SeatsChanged.v1', $1, now(), now(), 'bare', $3::uuid, null, $3::uuid,
    $4::bytea, $5::bytea, $6::bytea, null, null from past where version < 1000
), answered as (
  insert into commands (command_id, actor, route, fingerprint, status, answer, at) values ($3::uuid, 'bare', 'bare', $5, 200, $7::bytea, now())
)
insert into outbox (event_id) values ($2::uuid)
"""

PGBENCH = """
with drawn as materialized (
  select gen_random_uuid() as event_id, gen_random_uuid() as command_id, 's-' || :n as stream
), past as (
  select coalesce(max(stream_version), 0) as version from events where stream_id = (select stream from drawn)
), appended as (
  insert into events (event_id, stream_id, stream_version, private, type, subject, happened_at, recorded_at, actor,
    correlation_id, causation_id, command_id, attributes, leaf, body, traceparent, tracestate)
  select event_id, stream, version + 1, false, 'fr.raccroche.offers.SeatsChanged.v1', stream, now(), now(), 'bare', command_id, null,
    command_id, decode(repeat('61', 700), 'hex'), decode(repeat('61', 32), 'hex'), decode(repeat('61', 80), 'hex'), null, null
  from drawn, past where version < 1000
), answered as (
  insert into commands (command_id, actor, route, fingerprint, status, answer, at)
  select command_id, 'bare', 'bare', decode(repeat('61', 32), 'hex'), 200, decode(repeat('61', 160), 'hex'), now() from drawn
)
insert into outbox (event_id) select event_id from drawn
"""


async def rows(house: House) -> list[Row]:
    dsns, bare = await house.database(), await house.database()

    async def ours() -> float:
        async with asyncpg.create_pool(dsns["app"], min_size=4, max_size=8) as pool:
            handler = Handler(decider=SEATS, store=STORE, pool=pool)
            return await _clients(lambda n: handler.handle(hold(f"specimen--{n % STREAMS}")))

    sizes = STORE.record(seats(1), 1, hold())

    async def theirs() -> float:
        async with asyncpg.create_pool(bare["app"], min_size=CLIENTS, max_size=CLIENTS) as pool:

            async def one(n: int) -> None:
                async with pool.acquire() as connection:
                    stream = f"specimen--{n % STREAMS}"
                    await connection.execute(BARE, stream, uuid4(), uuid4(), sizes.attributes, sizes.leaf, sizes.body, b"x" * 160)

            return await _clients(one)

    found = [await in_turns("commands appended, 16 clients", "commands/s", ours, "bare asyncpg loop, one round trip", theirs, floor=0.6)]
    found.append(_crosschecked(bare["admin"], found[0]))
    found.append(
        await in_turns("commands appended, 16 clients (2)", "commands/s", ours, "eventsourcing library", lambda: _library(house), floor=2.0)
    )
    for each in (dsns, bare):
        await house.drop(each)
    return [row for row in found if row is not None]


async def _clients(ask) -> float:
    numbers, until = itertools.count(), time.perf_counter() + SECONDS
    done = 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await ask(next(numbers))
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return done / (time.perf_counter() - began)


def _crosschecked(dsn: str, beside: Row) -> Row | None:
    """The bare loop's SQL by pgbench: is the loop the limit, or the database?"""
    if shutil.which("pgbench") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bare.sql")
        file.write_text("\\set n random(1, 4000)\n" + " ".join(PGBENCH.split()) + ";\n")
        said = subprocess.run(
            ["pgbench", "-n", "-c", "16", "-j", "1", "-T", "4", "-M", "prepared", "-f", str(file), dsn],
            capture_output=True,
            text=True,
            check=False,
        )
    told = re.search(r"tps = ([\d.]+)", said.stdout)
    if told is None:
        raise RuntimeError(f"pgbench: {said.stderr.strip()[-300:]}")
    tps = float(told.group(1))
    return Row(name="the bare loop's SQL by pgbench", value=tps, unit="commands/s", reference=beside.reference, reference_value=beside.reference_value,
               ratio=round(tps / (beside.reference_value or 1), 2), floor="-", reached=True)  # fmt: skip


async def _library(house: House) -> float:
    dsns = await house.database()
    try:
        return await asyncio.to_thread(library.in_threads, dsns["admin"], CLIENTS, STREAMS, SECONDS)
    finally:
        await house.drop(dsns)
