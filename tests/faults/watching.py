"""Whether a fault bit is seen from outside: how often the leaders of the topic or the members of the group changed meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from faults.ground import AWAY, Ground
from faults.topic import TOPIC
from raccroche.stack.cluster import NobodyKnows

LOOK_SECONDS = 0.4


@contextlib.asynccontextmanager
async def counting(ground: Ground, name: str, ask: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Counts, as something that came of it, how often the answer changed while the block lasted; no answer is no change."""
    watching = asyncio.create_task(_count(ground, name, ask))
    try:
        yield
    finally:
        watching.cancel()


async def _count(ground: Ground, name: str, ask: Callable[[], Awaitable[object]]) -> None:
    last = None
    while True:
        with contextlib.suppress(NobodyKnows, KafkaException, TimeoutError):
            now = await ask()
            ground.came_of_it[name] += last is not None and now != last
            last = now
        await asyncio.sleep(LOOK_SECONDS)


@contextlib.asynccontextmanager
async def backlog_growing(ground: Ground) -> AsyncIterator[None]:
    """The most events that waited in the outbox at one time while the block lasted, as something that came of it."""

    async def look() -> None:
        while True:
            with contextlib.suppress(*AWAY):
                async with ground.admin() as admin:
                    waiting = await admin.fetchval("select count(*) from outbox")
                ground.came_of_it["most events that waited"] = max(waiting, ground.came_of_it["most events that waited"])
            await asyncio.sleep(LOOK_SECONDS)

    watching = asyncio.create_task(look())
    try:
        yield
    finally:
        watching.cancel()


def leaders_changing(ground: Ground) -> contextlib.AbstractAsyncContextManager[None]:
    async def ask() -> object:
        return await ground.stack.cluster.leaders(TOPIC)

    return counting(ground, "leader changes", ask)


def members_changing(ground: Ground) -> contextlib.AbstractAsyncContextManager[None]:
    """Rebalances: another set of members, or another share of the partitions."""
    admin = AdminClient({"bootstrap.servers": ground.stack.bootstrap, "log_level": 0})

    def described() -> object:
        found = admin.describe_consumer_groups([ground.consumer], request_timeout=5)[ground.consumer].result(6)
        return {(member.member_id, frozenset(place.partition for place in member.assignment.topic_partitions)) for member in found.members}

    return counting(ground, "rebalances", lambda: asyncio.to_thread(described))
