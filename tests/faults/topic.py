"""The specimen's topic: deleted and made again between two stories, or in the midst of one."""

import asyncio
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from chassis.topics import TopicMissing, ensure_topics, identity_of
from contracts.catalogue import Topic

TOPIC = "raccroche.offers"
PARTITIONS = 6
MAKING_SECONDS = 60.0


async def make_anew(bootstrap: str, *, replication: int) -> None:
    """Returns when the new one is there.

    Raises:
        TimeoutError: it cannot be made.
    """
    before = await _known(bootstrap)
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    if before is not None:
        await asyncio.to_thread(lambda: admin.delete_topics([TOPIC])[TOPIC].result(20))
    until = time.monotonic() + MAKING_SECONDS
    while time.monotonic() < until:
        try:
            await make(bootstrap, replication=replication)
            if await _known(bootstrap) not in {None, before}:
                return
        except KafkaException:
            pass  # the old one is still going, or the broker is coming
        await asyncio.sleep(0.25)
    raise TimeoutError("the topic could not be made anew")


async def make(bootstrap: str, *, replication: int) -> None:
    await ensure_topics(bootstrap, [Topic(name=TOPIC, speaker="offers", partitions=PARTITIONS)], replication=replication)


async def _known(bootstrap: str) -> str | None:
    try:
        return (await identity_of(bootstrap, [TOPIC])).topic_ids[TOPIC]
    except TopicMissing:
        return None
