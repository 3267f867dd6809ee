"""One import: many events in as many streams in one transaction, beside COPY of the same finished rows into the same tables."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
from specimens import SEATS, STORE, hold, seats

from chassis.event_store import COMMAND_COLUMNS, EVENT_COLUMNS, Answered, Recording, _columns
from chassis.handler import Handler
from chassis.pools import open_pool
from load.house import House
from load.measuring import Row, in_turns

EVENTS = 20_000


async def rows(house: House) -> list[Row]:
    async def appended() -> float:
        """Finished recordings, through the event store."""
        recordings = _recordings()
        answers = [
            Answered(command_id=r.command_id, actor="a", route="r", fingerprint=b"f", status=200, answer=b"x" * 160) for r in recordings
        ]
        async with house.fresh() as dsns, _connected(dsns["app"]) as connection:
            began = time.perf_counter()
            await STORE.append(connection, recordings, answers)
            return EVENTS / (time.perf_counter() - began)

    async def decided() -> float:
        """From commands to the commit: loads, decides, serialises, appends with outbox and answers."""
        async with house.fresh() as dsns, await open_pool(dsns["app"], most=1) as pool:
            handler = Handler(decider=SEATS, store=STORE, pool=pool)
            requests = [hold(f"import-{uuid4().hex}") for _ in range(EVENTS)]
            began = time.perf_counter()
            await handler.handle_all_with(requests)
            return EVENTS / (time.perf_counter() - began)

    async def theirs() -> float:
        recordings = _recordings()
        events = [_columns(recording) for recording in recordings]
        answers = [(r.command_id, "a", "r", b"f", 200, b"x" * 160, r.recorded_at) for r in recordings]
        async with house.fresh() as dsns, _connected(dsns["app"]) as connection:
            began = time.perf_counter()
            async with connection.transaction():
                await connection.copy_records_to_table("events", records=events, columns=EVENT_COLUMNS)
                await connection.copy_records_to_table("outbox", records=[(r.event_id,) for r in recordings], columns=("event_id",))
                await connection.copy_records_to_table("commands", records=answers, columns=COMMAND_COLUMNS)
            return EVENTS / (time.perf_counter() - began)

    copied = "asyncpg COPY of the finished rows"
    return [
        await in_turns("bulk append, one import", "events/s", appended, copied, theirs, floor=0.4),
        await in_turns("the same, with deciding and serialising", "events/s", decided, copied, theirs),
    ]


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


def _recordings() -> list[Recording]:
    return [STORE.record(seats(1, f"import-{uuid4().hex}"), 1, hold()) for _ in range(EVENTS)]
