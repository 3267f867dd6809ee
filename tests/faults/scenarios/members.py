"""Members of the consumer's group come, go, stand still, and hear on where they no longer may."""

import asyncio
import signal
import time

from faults.ground import Ground
from faults.scenario import OFFERS, Scenario, bitten
from faults.watching import members_changing

LOCKS = """
select count(pg_terminate_backend(pid)) from pg_locks
where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
"""


async def two_relays(ground: Ground) -> None:
    """Two instances; the connection that holds the relay's lock is cut while it sends, again and again, so that two relays live."""
    await ground.serve("one")
    await ground.serve("two")
    times = int(ground.span(30, 10))

    async def cut() -> None:
        for _ in range(times):
            await asyncio.sleep(0.7)
            async with ground.admin() as admin:
                ground.strike("lock cut", await admin.fetchval(LOCKS))

    await asyncio.gather(ground.load(16, times * 0.8, OFFERS), cut())
    ground.came_of_it["the relay began again"] += sum(service.said("relay starts again") for service in ground.services)
    bitten(ground, "lock cut", "the relay began again")


async def frozen_member(ground: Ground) -> None:
    """A member stands still beyond its session in the midst of work, another takes over, the first comes back: no effect twice."""
    await ground.serve("one")
    await ground.serve("two")

    async def strike() -> None:
        for service in ground.services[:2]:
            await asyncio.sleep(2)
            ground.strike("member frozen", service.signal(signal.SIGSTOP))
            await asyncio.sleep(13)
            service.signal(signal.SIGCONT)

    async with members_changing(ground):
        await asyncio.gather(ground.load(8, 34, OFFERS), strike())
    bitten(ground, "member frozen", "rebalances")


async def rebalance_storm(ground: Ground) -> None:
    """Four members, one of which goes every two seconds, by SIGTERM or SIGKILL, and comes back: no effect lost or had twice."""
    names = ("one", "two", "three", "four")[: int(ground.span(4, 2))]
    for name in names:
        await ground.serve(name, patiently=False)
    await asyncio.gather(*(service.ready() for service in ground.services))
    await ground.serve_door()
    until = time.monotonic() + ground.span(60, 14)

    async def strike() -> None:
        number = 0
        while time.monotonic() < until:
            await asyncio.sleep(1.5)
            number += 1
            service = ground.services[number % len(names)]
            polite = number % 4 == 0
            gone = service.signal(signal.SIGTERM if polite else signal.SIGKILL)
            ground.strike("member gone by SIGTERM" if polite else "member killed", gone, kills=not polite)

    async with members_changing(ground):
        await asyncio.gather(ground.load(8, ground.span(62, 15), OFFERS, pause=0.02), strike())
    bitten(ground, "member killed", "rebalances")


SCENARIOS = (
    Scenario(name="two relays alive", guarantee="G5", also=("G3", "G4"), play=two_relays, smoke=True, operations=500),
    Scenario(name="a member frozen beyond its session", guarantee="G8", also=("G7",), play=frozen_member, operations=300),
    Scenario(
        name="rebalance storm of four members", guarantee="G8", also=("G1", "G7", "G11"), play=rebalance_storm, smoke=True, operations=300
    ),
)
