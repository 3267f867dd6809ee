"""From the topic to a projection in one process through the whole consumer, beside bare aiokafka and pydantic over the same records."""

import asyncio
import time
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faststream.kafka import KafkaBroker
from specimens import CLOCK

from chassis import consumer as chassis_consumer
from chassis.consumer import Consumer
from chassis.heard import Heard
from chassis.projection import Projection
from chassis.subscription import Subscription
from chassis.topics import identity_of
from contracts.catalogue import decode
from contracts.envelope import Attributes
from contracts.offers import SeatsChanged
from load.house import House
from load.measuring import Row, in_turns
from load.relaying import _records

PARTITIONS = 6


@dataclass(frozen=True, kw_only=True)
class Counted:
    offer_id: str
    times: int


def _count(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
    return Counted(offer_id=heard.event.offer_id, times=(row.times if row else 0) + 1)


COUNTED = Projection(
    table="counted", row=Counted, key_column="offer_id", hears=(SeatsChanged,), key=lambda event: event.offer_id, apply=_count
)


async def said(house: House) -> tuple[str, int]:
    """A topic with the relay's records, each with a trace context."""
    topic, records = await house.topic(PARTITIONS), await _records(house)
    async with AIOKafkaProducer(bootstrap_servers=house.stack.bootstrap, enable_idempotence=True, acks="all", linger_ms=5) as producer:
        for n, (key, value, headers) in enumerate(records, start=1):
            trace = f"00-{n:032x}-{n:016x}-01".encode()
            await producer.send(topic, value=value, key=key, headers=[*headers, ("ce_traceparent", trace)])
    return topic, len(records)


async def rows(house: House) -> list[Row]:
    topic, count = await said(house)

    async def ours() -> float:
        dsns = await house.database()
        try:
            return await _heard(house, topic, count, dsns)
        finally:
            await house.drop(dsns)

    async def theirs() -> float:
        consumer = AIOKafkaConsumer(bootstrap_servers=house.stack.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, n) for n in range(PARTITIONS)])
            began, seen = time.perf_counter(), 0
            while seen < count:
                for records in (await consumer.getmany(timeout_ms=200, max_records=1_000)).values():
                    for record in records:
                        found = {name.removeprefix("ce_"): value.decode() for name, value in record.headers}
                        found["datacontenttype"] = found.pop("content-type")
                        decode(Attributes.model_validate_strings(found).type, record.value)
                    seen += len(records)
            return count / (time.perf_counter() - began)
        finally:
            await consumer.stop()

    return [await in_turns("consume to projection, one process", "events/s", ours, "bare aiokafka + pydantic", theirs, floor=0.25)]


async def _heard(house: House, topic: str, count: int, dsns: dict[str, str]) -> float:
    """From the first record to the last committed mark."""
    identity = await identity_of(house.stack.bootstrap, [topic])
    subscription = Subscription(consumer=f"load-{uuid4().hex}", actor="/raccroche/load", speakers=("offers",), projections=(COUNTED,))
    topic_of, chassis_consumer.topic_of = chassis_consumer.topic_of, lambda _: topic
    async with asyncpg.create_pool(dsns["consumer"], min_size=2, max_size=4) as pool:
        first: list[float] = []
        consumer = Consumer(
            subscription=subscription,
            pool=pool,
            broker_identity=identity,
            clock=CLOCK,
            refill=False,
            committed=lambda: first.append(time.perf_counter()),
        )
        broker = KafkaBroker(house.stack.bootstrap, allow_auto_create_topics=False, logger=None)
        consumer.subscribe(broker)
        try:
            began = time.perf_counter()
            await broker.start()
            while not consumer.assigned:
                await asyncio.sleep(0.005)
            began = time.perf_counter()
            while (await pool.fetchval("select coalesce(sum(next_offset), 0) from marks")) < count:
                await asyncio.sleep(0.02)
            elapsed = time.perf_counter() - began
            assert await pool.fetchval("select sum(times) from counted") == count
            return count / elapsed
        finally:
            chassis_consumer.topic_of = topic_of
            await broker.stop()
