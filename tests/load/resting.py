"""What each service holds in memory when it has nothing to do."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from load.house import House
from load.measuring import Row
from raccroche.stack import SERVICES, Stack

REST_SECONDS = 10


async def rows(_: House) -> list[Row]:
    with TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "stack")
        try:
            await stack.up()
            await asyncio.sleep(REST_SECONDS)
            processes = stack.status()["processes"]
            megabytes = {name: psutil.Process(processes[name]["pid"]).memory_info().rss / 1e6 for name in SERVICES}  # type: ignore[index]
        finally:
            await stack.down()
    return [
        Row(name=f"resident memory of {name} at rest", value=value, unit="MB", floor="< 150 MB", reached=value < 150)
        for name, value in megabytes.items()
    ]
