"""From a command's answer to its row in another process with another database, at two hundred commands a second."""

import asyncio
import json
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
import httpx
from faults.ground import Ground

from load.house import House
from load.measuring import Row

RATE = 200
SECONDS, WARM_SECONDS = 20, 5


async def rows(house: House) -> list[Row]:
    with TemporaryDirectory() as folder:
        speaker = Ground(stack=house.stack, folder=Path(folder, "speaker"), rng=random.Random(1))
        listener = Ground(stack=house.stack, folder=Path(folder, "listener"), rng=random.Random(2))
        try:
            await speaker.prepare()
            await listener.prepare()
            await speaker.serve("speaker", environment={"SPECIMEN_TABLE": ""})
            await listener.serve("listener")
            await _measured(speaker, listener.dsns["admin"], WARM_SECONDS)
            for each in (speaker, listener):
                await house.analysed(each.dsns)
            times = await _measured(speaker, listener.dsns["admin"], SECONDS)
        finally:
            await speaker.leave()
            await listener.leave()
    p50, p99 = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
    name = f"append to visible in another service, {RATE}/s"
    return [
        Row(name=f"{name}, p50", value=p50, unit="ms", floor="< 60 ms", reached=p50 < 60),
        Row(name=f"{name}, p99", value=p99, unit="ms", floor="< 250 ms", reached=p99 < 250),
    ]


async def _measured(speaker: Ground, listening: str, seconds: int) -> list[float]:
    """The listener's table is asked every few milliseconds, so each time is too long by half of that."""
    answered: dict[str, float] = {}
    times: list[float] = []
    done = asyncio.Event()

    async def look() -> None:
        connection = await asyncpg.connect(listening)
        while not (done.is_set() and not answered):
            rows = await connection.fetch("select offer_id from counted where offer_id = any($1)", list(answered))
            now = time.perf_counter()
            times.extend(now - answered.pop(row["offer_id"]) for row in rows)
            await asyncio.sleep(0.003)
        await connection.close()

    looking = asyncio.create_task(look())
    began = time.perf_counter()
    async with httpx.AsyncClient(timeout=5, limits=httpx.Limits(max_connections=64)) as web:

        async def ask(number: int) -> None:
            await asyncio.sleep(max(began + number / RATE - time.perf_counter(), 0))
            offer = f"specimen--{uuid4()}"
            reply = await web.post(
                f"http://127.0.0.1:{speaker.services[0].port}/hold", content=json.dumps({"offer_id": offer}),
                headers={"Authorization": f"Bearer {speaker.clients.token}", "Idempotency-Key": str(uuid4()), "Content-Type": "application/json"},
            )  # fmt: skip
            if reply.status_code == 201:
                answered[offer] = time.perf_counter()

        await asyncio.gather(*(ask(number) for number in range(RATE * seconds)))
    done.set()
    await asyncio.wait_for(looking, 30)
    if len(times) != RATE * seconds:
        raise RuntimeError(f"{RATE * seconds - len(times)} commands were not answered")
    return sorted(times)
