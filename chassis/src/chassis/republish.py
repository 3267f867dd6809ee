"""Everything that a service ever said, said again on a topic that does not hold it: a decision of a human who names the cluster."""

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from chassis import speech
from chassis.event_store import Connection
from chassis.outbox import Entry, Outbox
from chassis.relay import Relay
from chassis.topics import BrokerIdentity


class StillSpeaking(Exception):
    """A running service holds the relay's lock: stop it first, or it would speak in between."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A topic as it was known so far: cluster id and topic id, and whether the broker that answers has that very one."""

    topic: str
    cluster_id: str
    topic_id: str
    here: bool


@dataclass(frozen=True, kw_only=True)
class Strangeness:
    """What does not belong to the broker that answers. said: the service's own topic; heard: those of its consumer's marks."""

    said: Known | None
    heard: tuple[Known, ...]
    events: int

    @property
    def nothing(self) -> bool:
        return (self.said is None or self.said.here) and all(known.here for known in self.heard)


@dataclass(kw_only=True)
class _Counting(Outbox):
    """Tells how much of its history was asked for."""

    told: Callable[[int, int], None]
    of: int
    asked: int = 0

    async def history(self, after: int, limit: int) -> list[Entry]:
        entries = await super().history(after, limit)
        self.asked += len(entries)
        self.told(self.asked, self.of)
        return entries


async def strangeness(connection: Connection, own_topic: str | None, consumer: str, broker: BrokerIdentity) -> Strangeness:
    """Ask the database what it knows. connection: of the consumer's role. own_topic: none where the service says nothing."""

    def known(row: asyncpg.Record) -> Known:
        topic, cluster_id, topic_id = row["topic"], row["cluster_id"], row["topic_id"]
        here = (cluster_id, topic_id) == (broker.cluster_id, broker.topic_ids.get(topic))
        return Known(topic=topic, cluster_id=cluster_id, topic_id=topic_id, here=here)

    said = await connection.fetchrow(SAID, own_topic)
    heard = await connection.fetch(HEARD, consumer)
    events = await connection.fetchval(EVENTS)
    return Strangeness(said=None if said is None else known(said), heard=tuple(map(known, heard)), events=int(events))


async def say_again(dsn: str, topic: str, bootstrap: str, broker: BrokerIdentity, progress: Callable[[int, int], None], events: int) -> int:
    """Say everything on `topic`, with the stored places and chains, under the relay's lock; the number of records.

    dsn: of the relay's role.

    Raises:
        StillSpeaking: see there. asyncpg.PostgresError, aiokafka.errors.KafkaError: not all was said; saying it again is no harm.
    """
    connection = await asyncpg.connect(dsn, command_timeout=30)
    try:
        outbox = _Counting(connection=connection, told=progress, of=events)
        if not await outbox.lock():
            raise StillSpeaking(f"a running service says {topic}; stop it first")
        voice = await speech.opened(bootstrap, topic)
        try:
            relay = Relay(dsn=dsn, topic=topic, bootstrap=bootstrap, refill=True, broker=broker)
            count = await relay.republish(outbox, voice)
        finally:
            await speech.closed(voice)
        await outbox.met(topic, broker.cluster_id, broker.topic_ids[topic])
        return count
    finally:
        await connection.close()


SAID = "select topic, cluster_id, topic_id from relay_topic where topic = $1"

HEARD = """
select topic, min(cluster_id) as cluster_id, min(topic_id) as topic_id from marks where consumer = $1 group by topic order by topic
"""

EVENTS = "select count(*) from relay_log where not private"
