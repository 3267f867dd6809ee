"""From the topic to a projection in one process through the whole consumer, beside bare aiokafka and pydantic over the same records."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import OFFSET_BEGINNING
from confluent_kafka import Consumer as Librdkafka
from confluent_kafka import TopicPartition as Place
from faststream.kafka import KafkaBroker
from specimens import CLOCK

from chassis import consumer as chassis_consumer
from chassis.consumer import Consumer
from chassis.heard import Heard
from chassis.pools import open_pool
from chassis.projection import Projection
from chassis.subscription import Subscription
from chassis.topics import identity_of
from contracts.catalogue import decode
from contracts.envelope import Attributes
from contracts.offers import SeatsChanged
from load.house import House
from load.measuring import Row, beside, in_turns
from load.relaying import ready

EVENTS = 30_000
PARTITIONS = 6
MAX_RECORDS = 1_000


@dataclass(frozen=True, kw_only=True)
class Counted:
    offer_id: str
    times: int


def _count(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
    return Counted(offer_id=heard.event.offer_id, times=(row.times if row else 0) + 1)


COUNTED = Projection(
    table="counted", row=Counted, key_column="offer_id", hears=(SeatsChanged,), key=lambda event: event.offer_id, apply=_count
)


async def said(house: House) -> str:
    """A topic with the relay's records, each with a trace context."""
    topic = await house.topic(PARTITIONS)
    async with AIOKafkaProducer(bootstrap_servers=house.stack.bootstrap, enable_idempotence=True, acks="all", linger_ms=5) as producer:
        for n, (key, value, headers) in enumerate(await ready(house, EVENTS), start=1):
            trace = f"00-{n:032x}-{n:016x}-01".encode()
            await producer.send(topic, value=value, key=key, headers=[*headers, ("ce_traceparent", trace)])
    return topic


async def rows(house: House) -> list[Row]:
    topic = await said(house)

    async def ours() -> float:
        dsns = await house.database()
        try:
            return await _heard(house, topic, dsns["consumer"])
        finally:
            await house.drop(dsns)

    async def theirs() -> float:
        consumer = AIOKafkaConsumer(bootstrap_servers=house.stack.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, n) for n in range(PARTITIONS)])
            began, seen = time.perf_counter(), 0
            while seen < EVENTS:
                for records in (await consumer.getmany(timeout_ms=200, max_records=MAX_RECORDS)).values():
                    for record in records:
                        _validated(record.headers, record.value)
                    seen += len(records)
            return EVENTS / (time.perf_counter() - began)
        finally:
            await consumer.stop()

    found = await in_turns("consume to projection, one process", "events/s", ours, "bare aiokafka + pydantic", theirs, floor=0.25)
    other = max([await asyncio.to_thread(_librdkafka, house.stack.bootstrap, topic) for _ in range(3)])
    return [found, beside("the same records by librdkafka's consumer + pydantic", "events/s", other, found)]


def _validated(headers: Iterable[tuple[str, bytes]], value: bytes) -> None:
    found = {name.removeprefix("ce_"): one.decode() for name, one in headers}
    found["datacontenttype"] = found.pop("content-type")
    decode(Attributes.model_validate_strings(found).type, value)


def _librdkafka(bootstrap: str, topic: str) -> float:
    consumer = Librdkafka({"bootstrap.servers": bootstrap, "group.id": uuid4().hex, "enable.auto.commit": False})
    consumer.assign([Place(topic, n, OFFSET_BEGINNING) for n in range(PARTITIONS)])
    try:
        began, seen = time.perf_counter(), 0
        while seen < EVENTS:
            for message in consumer.consume(MAX_RECORDS, timeout=0.2):
                _validated(message.headers(), message.value())
                seen += 1
        return EVENTS / (time.perf_counter() - began)
    finally:
        consumer.close()


async def _heard(house: House, topic: str, dsn: str) -> float:
    """From the assignment to the last committed mark."""
    identity = await identity_of(house.stack.bootstrap, [topic])
    subscription = Subscription(consumer=f"load-{uuid4().hex}", actor="/raccroche/load", speakers=("offers",), projections=(COUNTED,))
    topic_of, chassis_consumer.topic_of = chassis_consumer.topic_of, lambda _: topic  # a topic of its own for each run
    async with await open_pool(dsn, least=2, most=4) as pool:
        consumer = Consumer(
            subscription=subscription, pool=pool, broker_identity=identity, clock=CLOCK, refill=False, committed=lambda: None
        )  # fmt: skip
        broker = KafkaBroker(house.stack.bootstrap, allow_auto_create_topics=False, logger=None)
        consumer.subscribe(broker)
        try:
            await broker.start()
            while not consumer.assigned:
                await asyncio.sleep(0.005)
            began = time.perf_counter()
            while (await pool.fetchval("select coalesce(sum(next_offset), 0) from marks")) < EVENTS:
                await asyncio.sleep(0.02)
            elapsed = time.perf_counter() - began
            if (counted := await pool.fetchval("select sum(times) from counted")) != EVENTS:
                raise RuntimeError(f"{counted} of {EVENTS} events were counted")
            return EVENTS / elapsed
        finally:
            chassis_consumer.topic_of = topic_of
            await broker.stop()
