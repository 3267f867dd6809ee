"""The consumer: batches in through FastStream, each partition's share in one transaction, bounded retries, then parking."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from opentelemetry import trace

from chassis.clock import Clock
from chassis.event_store import Connection
from chassis.failpoints import failpoint
from chassis.heard import RawRecord
from chassis.ledger import Ledger
from chassis.logs import get_logger
from chassis.share import HoleInPartition, Share
from chassis.subscription import Subscription
from chassis.telemetry import links_from
from chassis.topics import BrokerIdentity
from chassis.trouble import INFRASTRUCTURE
from contracts.catalogue import topic_of

ATTEMPTS = 3
MAX_RECORDS = 1_000
PAUSES = (0.05, 0.2, 0.8)
STRANGE_SECONDS = 1.0
ANSWER_SECONDS = 2.0
LITTLE, GATHER_SECONDS = 100, 0.005
"""After a batch smaller than this the next one is let gather for so long: each partition's share costs a transaction, however small."""

log = get_logger(__name__)
tracer = trace.get_tracer(__name__)


class StrangeTopic(Exception):
    """The marks name another cluster or another incarnation of a topic; nothing is heard until somebody decides."""


class NotConnected(Exception):
    """What is left to hear cannot be told: not connected to the broker yet, or not any more."""


@dataclass(kw_only=True)
class Consumer:
    """Hears for one subscription.

    committed: called after each commit, to wake the relay. refill: whether a new topic may be heard from its beginning
    (the watermarks then skip what was heard before). ask: who the broker is now. let_in: whether the group has given it
    partitions, or told it that there are none for it; until then its client is not to be asked anything.
    """

    subscription: Subscription
    pool: asyncpg.Pool
    broker_identity: BrokerIdentity
    clock: Clock
    refill: bool
    committed: Callable[[], None]
    assigned: set[TopicPartition] = field(default_factory=set)
    let_in: bool = False
    client: Callable[[], AIOKafkaConsumer | None] = field(default=lambda: None)
    ask: Callable[[], Awaitable[BrokerIdentity]] | None = None
    kept_in: Callable[[str], Ledger] = Ledger

    @property
    def ledger(self) -> Ledger:
        return self.kept_in(self.subscription.consumer)

    @property
    def topics(self) -> list[str]:
        return [topic_of(speaker) for speaker in self.subscription.speakers]

    async def reconcile(self) -> None:
        """Before hearing: do the marks belong to these topics?

        Raises:
            StrangeTopic: they do not, and refilling was not allowed.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            for topic in self.topics:
                here = (self.broker_identity.cluster_id, self.broker_identity.topic_ids[topic])
                strange = await connection.fetchval(STRANGE, self.subscription.consumer, topic, here[1])
                if strange and not self.refill:
                    raise StrangeTopic(
                        f"topic {topic} belongs to another cluster or was made anew; nothing is heard until somebody decides: "
                        f"raccroche ops republish {self.subscription.consumer} --plan"
                    )
                if strange:
                    await connection.execute(BEGIN_AGAIN, self.subscription.consumer, topic, *here)
                    log.warning("a new topic is heard from its beginning", topic=topic)

    def subscribe(self, broker: KafkaBroker) -> None:
        """Declare the batch subscriber on a broker that is not started yet."""
        subscriber = broker.subscriber(
            *self.topics,
            batch=True,
            max_records=MAX_RECORDS,
            batch_timeout_ms=100,
            ack_policy=AckPolicy.MANUAL,
            group_id=self.subscription.consumer,
            auto_offset_reset="earliest",
            session_timeout_ms=10_000,
            rebalance_timeout_ms=30_000,
            max_poll_interval_ms=300_000,
            isolation_level="read_uncommitted",
            parser=_untouched,
            decoder=_not_decoded,
            listener=_Seeker(self),
        )
        subscriber(self._on_batch)
        self.client = lambda: subscriber.consumer

    def places(self) -> frozenset[tuple[str, int]]:
        """Topic and partition of what is assigned now."""
        return frozenset((place.topic, place.partition) for place in tuple(self.assigned))

    async def lag(self) -> int:
        """Records on the topics beyond the marks; the truth in the database, not the group's offsets.

        Raises:
            NotConnected: the group has not let this member in yet, or the broker does not answer.
        """
        client = self.client()
        if client is None or not self.let_in:
            raise NotConnected
        partitions = [TopicPartition(topic, one) for topic in self.topics for one in client.partitions_for_topic(topic) or ()]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                ends = await client.end_offsets(partitions)
        except (KafkaError, TimeoutError):
            raise NotConnected from None
        marks = await self._marks()
        return sum(max(end - marks.get((place.topic, place.partition), 0), 0) for place, end in ends.items())

    async def _on_batch(self, message: KafkaMessage) -> None:
        records: Sequence[ConsumerRecord] = message.raw_message
        try:
            await self.hear([RawRecord.of(record) for record in records])
        except HoleInPartition as hole:
            record = records[0]
            log.warning("going back to the mark", topic=record.topic, partition=record.partition, offset=hole.next_offset)
            await self.seek_to_marks()
            return
        failpoint("consumer_before_group_commit")
        await message.ack()
        if len(records) < LITTLE:
            await asyncio.sleep(GATHER_SECONDS)

    async def hear(self, records: Sequence[RawRecord]) -> None:
        """Have the effects of a batch, share by share; returns when all is committed or parked."""
        for _, share in groupby(sorted(records, key=_place), key=lambda record: (record.topic, record.partition)):
            await self._hear_share(list(share))

    async def _hear_share(self, records: Sequence[RawRecord]) -> None:
        if len(records) == 1:
            await self._hear_one(records[0])
            return
        try:
            await self._commit_patiently(records)
        except HoleInPartition:
            raise
        except Exception as trouble:  # noqa: BLE001 -- any record may be the bad one: find it, half by half
            log.warning("a share is done again in halves", reason=type(trouble).__name__, records=len(records))
            await self._hear_share(records[: len(records) // 2])
            await self._hear_share(records[len(records) // 2 :])

    async def _hear_one(self, record: RawRecord) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._commit_patiently([record])
                return
            except HoleInPartition:
                raise
            except Exception as trouble:  # noqa: BLE001 -- bounded, then parked with its reason
                reason = f"{type(trouble).__name__}: {trouble}" if _speaks_no_data(trouble) else type(trouble).__name__
                if attempt == ATTEMPTS:
                    await self._patiently(self._as_long_as_it_is_strange)
                    await self._patiently(partial(self._park, record, reason))
                else:
                    await asyncio.sleep(PAUSES[attempt - 1])

    async def _as_long_as_it_is_strange(self) -> None:
        """Nothing is set aside for what another broker says at the same address: wait, the watchdog will end the process."""
        while self.ask is not None and await self.ask() != self.broker_identity:
            log.warning("the broker is not the one that was heard so far")
            await asyncio.sleep(STRANGE_SECONDS)

    async def _commit_patiently(self, records: Sequence[RawRecord]) -> None:
        await self._patiently(lambda: self._commit(records))

    async def _patiently(self, commit: Callable[[], Awaitable[None]]) -> None:
        """Commit something; trouble with the infrastructure is waited out, never blamed on a record."""
        attempt = 0
        while True:
            try:
                await commit()
                return
            except INFRASTRUCTURE as trouble:
                attempt += 1
                if attempt > 2:
                    log.warning("hearing waits for the database", reason=type(trouble).__name__, attempt=attempt)
                await asyncio.sleep(min(0.02 * 2 ** min(attempt, 8), 5.0))

    async def _commit(self, records: Sequence[RawRecord]) -> None:
        contexts = [_trace_of(record) for record in records]
        with tracer.start_as_current_span(
            f"receive {records[0].topic}",
            kind=trace.SpanKind.CONSUMER,
            links=links_from(contexts),
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "poll",
                "messaging.operation.type": "receive",
                "messaging.destination.name": records[0].topic,
                "messaging.destination.partition.id": str(records[0].partition),
                "messaging.consumer.group.name": self.subscription.consumer,
                "messaging.batch.message_count": len(records),
            },
        ):
            async with self.pool.acquire() as connection, connection.transaction():
                await self._share(connection).take(records, self.broker_identity)
        self.committed()

    async def _park(self, record: RawRecord, reason: str) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await self._share(connection).set_aside(record, self.broker_identity, reason=reason, attempts=ATTEMPTS)
        log.error("a record is parked", topic=record.topic, partition=record.partition, offset=record.offset, reason=reason)

    def _share(self, connection: Connection) -> Share:
        return Share(subscription=self.subscription, ledger=self.ledger, connection=connection, now=self.clock.now())

    async def seek_to_marks(self) -> None:
        """Read on from where the effects end; where there is no mark, from the beginning."""
        client = self.client()
        if client is None:
            return
        marks = await self._marks()
        for partition in client.assignment():
            client.seek(partition, marks.get((partition.topic, partition.partition), 0))

    async def _marks(self) -> dict[tuple[str, int], int]:
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(MARKS, self.subscription.consumer)
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


class _Seeker(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka carries no types
    """On assignment, to the marks. What goes wrong here only costs time: the mark is compared in each transaction."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._consumer.assigned -= revoked

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._consumer.seek_to_marks()
        self._consumer.assigned = set(assigned)
        self._consumer.let_in = True


def _place(record: RawRecord) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _trace_of(record: RawRecord) -> tuple[str | None, str | None]:
    found = {name: value for name, value in record.headers if name in ("ce_traceparent", "ce_tracestate") and value}
    parent, state = found.get("ce_traceparent"), found.get("ce_tracestate")
    return (parent.decode("ascii", "ignore") if parent else None, state.decode("ascii", "ignore") if state else None)


def _speaks_no_data(trouble: Exception) -> bool:
    """Only our own exceptions promise to name no value."""
    return type(trouble).__module__.startswith(("chassis", "contracts"))


async def _untouched(
    records: tuple[ConsumerRecord, ...], original: Callable[[tuple[ConsumerRecord, ...]], Awaitable[KafkaMessage]]
) -> KafkaMessage:
    """Keep the records as they came: headers may be null or not UTF-8, values may be anything."""
    message = await original((dataclasses.replace(records[0], headers=(), value=b""),))  # brings the consumer, for ack()
    message.raw_message = records
    return message


async def _not_decoded(message: KafkaMessage) -> None:
    """Nothing is decoded before our own code checks it, record by record."""


STRANGE = "select exists (select 1 from marks where consumer = $1 and topic = $2 and topic_id <> $3)"

BEGIN_AGAIN = "update marks set cluster_id = $3, topic_id = $4, next_offset = 0 where consumer = $1 and topic = $2"

MARKS = "select topic, partition, next_offset from marks where consumer = $1"
