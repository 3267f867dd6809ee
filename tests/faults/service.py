"""One instance of the specimen: a process that is started again whenever it dies, and a count of how it died."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from chassis.failpoints import SIGN
from faults.nursery import Child, Nursery

READY_SECONDS = 90.0
STOPPED_SECONDS = 20.0


def armed_with_nothing() -> str | None:
    return None


@dataclass(kw_only=True)
class Service:
    """arm: asked at each start for the failpoint that this life ends with, `name:nth`, if any."""

    nursery: Nursery
    name: str
    port: int
    environment: dict[str, str]
    log: Path
    arm: Callable[[], str | None] = armed_with_nothing
    child: Child | None = None
    deaths: Counter[str] = field(default_factory=Counter)
    stopped: bool = False
    watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.watching = asyncio.create_task(self._supervise())

    async def _supervise(self) -> None:
        while not self.stopped:
            armed = self.arm()
            self.child = await self.nursery.bear({**self.environment, **({"FAILPOINT": armed} if armed else {})}, self.log)
            point = armed.partition(":")[0] if armed else ""
            before = self.said(f"{SIGN}{point}\n")
            code = await self.child.gone
            if not self.stopped:
                suicide = armed is not None and self.said(f"{SIGN}{point}\n") > before
                self.deaths[point if suicide else f"exit {code}"] += 1
                await asyncio.sleep(0.1)

    def kill(self) -> bool:
        return self.signal(signal.SIGKILL)

    def signal(self, what: signal.Signals) -> bool:
        """Whether there was a process to be told."""
        if self.child is None or self.child.gone.done():
            return False
        try:
            os.kill(self.child.pid, what)
        except ProcessLookupError:  # it has gone, and that is on its way to us
            return False
        return True

    @property
    def ended_itself(self) -> int:
        """How often it gave up: the watchdog, or something that must go on and ended."""
        return self.deaths["exit 1"]

    def said(self, words: str) -> int:
        """How often these words are in its log."""
        return self.log.read_text(errors="replace").count(words) if self.log.exists() else 0

    async def ready(self, patience: float = READY_SECONDS) -> float:
        """Seconds until it is ready.

        Raises:
            RuntimeError: it is not, within `patience` seconds.
        """
        began = time.monotonic()
        async with httpx.AsyncClient(timeout=2, verify=False) as client:
            while time.monotonic() - began < patience:
                try:
                    if (await client.get(f"http://127.0.0.1:{self.port}/ready")).status_code == 200:
                        return time.monotonic() - began
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        raise RuntimeError(f"{self.name} does not become ready; see {self.log}")

    async def stop(self) -> None:
        self.stopped = True
        self.signal(signal.SIGCONT)
        self.kill()
        if self.watching is not None:
            await asyncio.wait_for(self.watching, STOPPED_SECONDS)
