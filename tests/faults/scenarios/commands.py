"""Commands that come together, in copies, again: one writer wins, one effect per key."""

import asyncio
import random
from uuid import uuid4

import httpx

from faults.ground import Ground
from faults.proxy import Proxy
from faults.scenario import HOT, OFFERS, Scenario, bitten
from faults.scenarios.database import crash
from faults.specimen import SEATS


async def one_stream(ground: Ground) -> None:
    """Sixty-four clients and two instances on a few streams, PostgreSQL crashing meanwhile: no seat beyond the last, the only seat once."""
    await ground.serve("one")
    await ground.serve("two")

    async def strike() -> None:
        await asyncio.sleep(4)
        await crash(ground)

    seconds = ground.span(16, 9)
    await asyncio.gather(ground.load(64, seconds, HOT), ground.load(16, seconds, ["one--1", "one--2", *OFFERS]), strike())
    async with ground.admin() as admin:
        held = dict(await admin.fetch("select subject, max(stream_version) from events group by subject"))
    if any(held.get(offer, 0) > 1 for offer in ("one--1", "one--2")) or any(held[offer] > SEATS for offer in HOT):
        raise AssertionError(f"seats given twice: {held}")
    ground.came_of_it["refused by the rule"] = sum(call.status == 409 for call in ground.clients.calls)
    bitten(ground, "refused by the rule", "database crashed")


async def copies(ground: Ground) -> None:
    """Sixteen copies at once while the service is killed, the same key after a restart, the same key with another body."""
    service = await ground.serve("one", environment={"SPECIMEN_MEMBER": "one"})
    async with httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=64)) as web:
        keys = [uuid4() for _ in range(int(ground.span(120, 40)))]

        async def bursts(share: list) -> None:
            for key in share:
                await asyncio.gather(*(ground.hold(web, key, OFFERS[key.int % 400]) for _ in range(16)))

        async def kill() -> None:
            for _ in range(int(ground.span(10, 3))):
                await asyncio.sleep(0.4)
                ground.strike("SIGKILL at a random time", service.kill(), kills=True)
                await service.ready()

        await asyncio.gather(*(bursts(keys[number::4]) for number in range(4)), kill())
        for key in keys:
            await ground.hold(web, key, OFFERS[key.int % 400])
        other = await web.post(
            f"http://127.0.0.1:{service.port}/hold", json={"offer_id": "another"},
            headers={"Authorization": f"Bearer {ground.clients.token}", "Idempotency-Key": str(keys[0])},
        )  # fmt: skip
    if other.status_code != 422:
        raise AssertionError(f"the same key with another body: {other.status_code}")
    bitten(ground, "SIGKILL at a random time", "client heard nothing")


async def answers_lost(ground: Ground) -> None:
    """Between client and service the line is cut after the request went through: the client asks again and gets the first answer."""
    service = await ground.serve("one")
    rng = random.Random(ground.rng.random())

    def now_and_then(request: bytes) -> str | None:
        return rng.choice(["answered", "at once"]) if request.startswith(b"POST") and rng.random() < 0.2 else None

    async with Proxy(service.port, now_and_then).listening() as proxy:
        await ground.clients.insist(16, ground.span(20, 8), OFFERS, [proxy.port], copies=0.2)
        ground.strike("answer lost", proxy.cuts["answered"])
        ground.strike("request handed over and cut", proxy.cuts["at once"])
    bitten(ground, "answer lost", "request handed over and cut", "client heard nothing")


SCENARIOS = (
    Scenario(name="sixty-four clients on one stream", guarantee="G2", also=("G1",), play=one_stream, smoke=True, operations=500),
    Scenario(name="sixteen copies, the service killed", guarantee="G11", also=("G1", "G2"), play=copies, smoke=True, operations=600),
    Scenario(name="answers lost on their way", guarantee="G11", play=answers_lost, operations=300),
)
