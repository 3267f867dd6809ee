"""Does an event cost more when ten times as many lie behind? Appending, relaying in steps, over a small and a large history."""

import time

import asyncpg
from specimens import SEATS, STORE, hold

from chassis.handler import Handler
from chassis.outbox import Outbox
from load.house import House
from load.measuring import Row, in_turns
from load.relaying import filled

SMALL, LARGE = 50_000, 500_000
COMMANDS = 3_000


async def rows(house: House) -> list[Row]:
    young, old = await _grown(house, SMALL), await _grown(house, LARGE)
    found = [
        await in_turns(f"append, {LARGE // SMALL} x the history", "commands/s", lambda: _append(old), f"at {SMALL:,} events", lambda: _append(young), floor=0.83),
        await in_turns(f"give places, {LARGE // SMALL} x the history", "events/s", lambda: _place(old), f"at {SMALL:,} events", lambda: _place(young), floor=0.83),
    ]  # fmt: skip
    for each in (young, old):
        await house.drop(each)
    return found


async def _grown(house: House, count: int) -> dict[str, str]:
    """So many events, all of them placed and said."""
    dsns = await filled(house, count)
    connection = await asyncpg.connect(dsns["relay"])
    outbox = Outbox(connection=connection)
    while entries := await outbox.waiting((), 5_000):
        await outbox.place(entries)
        await outbox.said([entry.outbox_id for entry in entries])
    await connection.close()
    admin = await asyncpg.connect(dsns["admin"])
    await admin.execute("vacuum analyze")
    await admin.close()
    return dsns


async def _append(dsns: dict[str, str]) -> float:
    import asyncio

    async with asyncpg.create_pool(dsns["app"], min_size=4, max_size=8) as pool:
        handler = Handler(decider=SEATS, store=STORE, pool=pool)
        began = time.perf_counter()
        for start in range(0, COMMANDS, 16):
            await asyncio.gather(*(handler.handle(hold(f"specimen--{(n * 37) % 4_000}")) for n in range(start, start + 16)))
        return COMMANDS / (time.perf_counter() - began)


async def _place(dsns: dict[str, str]) -> float:
    """What waits in the outbox by now, in batches as the relay takes them, each from a fresh start."""
    connection = await asyncpg.connect(dsns["relay"])
    began, count = time.perf_counter(), 0
    while entries := await Outbox(connection=connection).waiting((), 500):
        outbox = Outbox(connection=connection)
        await outbox.place(entries)
        await outbox.said([entry.outbox_id for entry in entries])
        count += len(entries)
    elapsed = time.perf_counter() - began
    await connection.close()
    return count / elapsed
