"""Commands appended by sixteen clients: the handler, a bare loop of one round trip, the same SQL in pgbench, the `eventsourcing` library."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import asyncpg
from specimens import SEATS, STORE, hold, seats

from chassis.handler import Handler
from chassis.pools import open_pool
from load import library
from load.house import House
from load.measuring import Row, beside, in_turns
from load.pgbench import transactions
from load.relaying import filled

CLIENTS = 16
SECONDS = 4.0
STREAMS = 4_000
PAST = 5
"""Events that each stream has already."""

type Ask = Callable[[int], Awaitable[object]]

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


async def rows(house: House) -> list[Row]:
    async def ours() -> float:
        async with _lived(house) as dsns, await open_pool(dsns["app"], least=4) as pool:
            handler = Handler(decider=SEATS, store=STORE, pool=pool)
            return await _clients([lambda n: handler.handle(hold(f"specimen--{n % STREAMS}"))] * CLIENTS)

    async def theirs() -> float:
        async with _lived(house) as dsns, AsyncExitStack() as opened:
            return await _clients([await _bare(dsns["app"], opened) for _ in range(CLIENTS)])

    async def librarys() -> float:
        async with house.fresh() as dsns:
            return await asyncio.to_thread(library.in_threads, dsns["admin"], CLIENTS, STREAMS, SECONDS)

    name = f"commands appended, {CLIENTS} clients"
    found = await in_turns(name, "commands/s", ours, "the best bare asyncpg loop: a connection each, one statement", theirs, floor=0.6)
    async with _lived(house) as dsns:
        tps = await asyncio.to_thread(transactions, house.stack, dsns["admin"], CLIENTS, SECONDS)
    crosschecked = beside("the bare loop's SQL by pgbench" + ("" if tps else ": not to be had here"), "commands/s", tps, found)
    against_library = await in_turns(f"{name} (2)", "commands/s", ours, "the eventsourcing library, a thread each", librarys, floor=2.0)
    return [found, crosschecked, against_library]


@asynccontextmanager
async def _lived(house: House) -> AsyncIterator[dict[str, str]]:
    """A database for one round, whose streams have a past."""
    dsns = await filled(house, STREAMS * PAST, each=PAST)
    try:
        yield dsns
    finally:
        await house.drop(dsns)


async def _bare(dsn: str, opened: AsyncExitStack) -> Ask:
    """A client with a connection and a prepared statement of its own, so that a command is one round trip and no more."""
    connection = await asyncpg.connect(dsn)
    opened.push_async_callback(connection.close)
    statement, sizes = await connection.prepare(BARE), STORE.record(seats(1), 1, hold())

    async def ask(n: int) -> object:
        return await statement.fetch(f"specimen--{n % STREAMS}", uuid4(), uuid4(), sizes.attributes, sizes.leaf, sizes.body, b"x" * 160)

    return ask


async def _clients(asks: Sequence[Ask]) -> float:
    """Each asks one after the other; all of them together per second."""
    numbers, began = itertools.count(), time.perf_counter()
    done = 0

    async def client(ask: Ask) -> None:
        nonlocal done
        while time.perf_counter() < began + SECONDS:
            await ask(next(numbers))
            done += 1

    await asyncio.gather(*(client(ask) for ask in asks))
    return done / (time.perf_counter() - began)
