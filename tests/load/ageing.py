"""Does an event cost more when ten times as many lie behind? Appending, and giving places, over a small and a large history."""

import asyncio
import time

import asyncpg
from specimens import SEATS, STORE, hold

from chassis.handler import Handler
from chassis.outbox import Outbox
from chassis.pools import open_pool
from load.house import House
from load.measuring import Row, in_turns
from load.relaying import filled

SMALL, LARGE = 40_000, 400_000
COMMANDS = 3_000
CLIENTS = 16


async def rows(house: House) -> list[Row]:
    young, old = await _grown(house, SMALL), await _grown(house, LARGE)
    behind, times = f"at {SMALL:,} events", LARGE // SMALL
    found = [
        await in_turns(f"append, {times} x the history", "commands/s", lambda: _append(old), behind, lambda: _append(young), floor=0.83),
        await in_turns(
            f"give places, {times} x the history",
            "events/s",
            lambda: _append_and_place(old),
            behind,
            lambda: _append_and_place(young),
            floor=0.83,
        ),
    ]
    for each in (young, old):
        await house.drop(each)
    return found


async def _grown(house: House, count: int) -> dict[str, str]:
    """So many events, all of them placed and said."""
    dsns = await filled(house, count)
    await _place(dsns)
    await house.analysed(dsns)
    return dsns


async def _append(dsns: dict[str, str]) -> float:
    """Commands per second, over streams that both histories have."""
    async with await open_pool(dsns["app"], least=4) as pool:
        handler = Handler(decider=SEATS, store=STORE, pool=pool)
        began = time.perf_counter()
        for start in range(0, COMMANDS, CLIENTS):
            await asyncio.gather(*(handler.handle(hold(f"specimen--{(n * 37) % 4_000}")) for n in range(start, start + CLIENTS)))
        return COMMANDS / (time.perf_counter() - began)


async def _append_and_place(dsns: dict[str, str]) -> float:
    await _append(dsns)
    return await _place(dsns)


async def _place(dsns: dict[str, str]) -> float:
    """Events per second, from what waits in the outbox, in batches as a busy relay takes them."""
    connection = await asyncpg.connect(dsns["relay"])
    outbox, began, count = Outbox(connection=connection), time.perf_counter(), 0
    while entries := await outbox.waiting((), 500):
        await outbox.place(entries)
        await outbox.said([entry.outbox_id for entry in entries])
        count += len(entries)
    elapsed = time.perf_counter() - began
    await connection.close()
    return count / elapsed
