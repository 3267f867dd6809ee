"""The clients: they insist until there is a definite answer, and remember what they lived, to the nanosecond."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx

PATIENCE = 80


def never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Call:
    """One command as its client lived it; began and ended in nanoseconds. status: none where the client never learnt it."""

    command: UUID
    offer: str
    began: int
    ended: int
    status: int | None
    answer: bytes


@dataclass(kw_only=True)
class Clients:
    """ports: where the instances answer now, asked before each attempt. came_of_it: what they saw of the faults, counted."""

    token: str
    rng: random.Random
    came_of_it: Counter[str]
    calls: list[Call] = field(default_factory=list)

    @property
    def definite(self) -> int:
        return sum(call.status is not None for call in self.calls)

    async def insist(
        self, count: int, seconds: float, offers: Sequence[str], ports: Sequence[int], *, copies: float = 0.1, pause: float = 0,
        enough: Callable[[], bool] = never,
    ) -> None:  # fmt: skip
        """So many clients hold seats, each command under a key of its own, now and then in two copies at once, until the time is over.

        pause: seconds between two commands of one client. enough: whether to stop before.
        """
        until = time.monotonic() + seconds
        async with httpx.AsyncClient(timeout=5, limits=httpx.Limits(max_connections=count * 2), verify=False) as web:

            async def client(number: int) -> None:
                rng = random.Random(self.rng.random() + number)
                while time.monotonic() < until and not enough():
                    await asyncio.sleep(pause)
                    command, offer = uuid4(), rng.choice(offers)
                    twice = 2 if rng.random() < copies else 1
                    await asyncio.gather(*(self.hold(web, command, offer, ports, rng) for _ in range(twice)))

            await asyncio.gather(*(client(number) for number in range(count)))

    async def hold(self, web: httpx.AsyncClient, command: UUID, offer: str, ports: Sequence[int], rng: random.Random) -> Call:
        """Ask until there is a definite answer, at any instance."""
        began, status, answer = time.monotonic_ns(), None, b""
        for _ in range(PATIENCE):
            reply = await self._once(web, command, offer, rng.choice(ports))
            if reply is not None and reply.status_code < 500:
                status, answer = reply.status_code, reply.content
                break
            self.came_of_it["client heard nothing" if reply is None else f"answered {reply.status_code}"] += 1
            await asyncio.sleep(0.05 + rng.random() * 0.4)
        call = Call(command=command, offer=offer, began=began, ended=time.monotonic_ns(), status=status, answer=answer)
        self.calls.append(call)
        return call

    async def _once(self, web: httpx.AsyncClient, command: UUID, offer: str, port: int) -> httpx.Response | None:
        """The answer to one attempt, if there was one."""
        try:
            return await web.post(
                f"http://127.0.0.1:{port}/hold", json={"offer_id": offer},
                headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": str(command)},
            )  # fmt: skip
        except httpx.HTTPError:
            return None
