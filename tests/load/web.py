"""Commands over HTTP into one service process, beside a bare FastAPI with one insert under the same server; and the slowest at a third of that."""

import asyncio
import json
import os
import random
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from faults.ground import Ground

from load.house import House
from load.measuring import Row, beside, in_turns

CLIENTS = 32
SECONDS = 5.0


async def rows(house: House) -> list[Row]:
    with TemporaryDirectory() as folder:
        ground = Ground(stack=house.stack, folder=Path(folder), rng=random.Random(1))
        await ground.prepare()
        service = await ground.serve("web")
        port, bare = await _bare(ground)
        try:
            for warmed, token in ((service.port, ground.clients.token), (port, "")):
                await _hammered(warmed, token, 0)
            await house.analysed(ground.dsns)

            async def ours() -> float:
                return (await _hammered(service.port, ground.clients.token, 0))["rate"]

            async def theirs() -> float:
                return (await _hammered(port, "", 0))["rate"]

            found = await in_turns(
                "commands over HTTP, one process", "commands/s", ours, "bare FastAPI + asyncpg insert", theirs, floor=0.6
            )
            calm = (found.value or 0) / 3
            slowest = (await _hammered(service.port, ground.clients.token, calm))["p99"] * 1000
        finally:
            bare.terminate()
            await bare.wait()
            await ground.leave()
    name = f"p99 over HTTP at a third of that rate, {calm:.0f}/s"
    return [found, Row(name=name, value=slowest, unit="ms", floor="< 60 ms", reached=slowest < 60), await _traced(house, found)]


async def _traced(house: House, row: Row) -> Row:
    """The same with every span written to a file, as the local stack runs its services."""
    with TemporaryDirectory() as folder:
        ground = Ground(stack=house.stack, folder=Path(folder), rng=random.Random(2))
        await ground.prepare()
        try:
            service = await ground.serve("traced", environment={"SPANS_FILE": str(Path(folder, "spans.jsonl"))})
            await _hammered(service.port, ground.clients.token, 0)
            await house.analysed(ground.dsns)
            rates = sorted([(await _hammered(service.port, ground.clients.token, 0))["rate"] for _ in range(3)])
        finally:
            await ground.leave()
    return beside("the same with every span written to a file", "commands/s", rates[1], row)


async def _bare(ground: Ground) -> tuple[int, asyncio.subprocess.Process]:
    async with ground.admin() as admin:
        await admin.execute("create table bare (id uuid primary key, offer_id text not null, at timestamptz not null)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "load.bare_web", str(port), ground.dsns["admin"], env=os.environ)
    for _ in range(100):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return port, process
        except OSError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the bare server does not start")


async def _hammered(port: int, token: str, rate: float) -> dict[str, float]:
    wish = {"host": "127.0.0.1", "port": port, "path": "/hold", "token": token, "rate": rate, "clients": CLIENTS, "seconds": SECONDS}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "load.hammer", json.dumps(wish), env=os.environ, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    answer: dict[str, float] = json.loads(said)
    if answer["refused"]:
        raise RuntimeError(f"{answer['refused']} commands were refused")
    return answer
