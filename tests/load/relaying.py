"""The relay over a full outbox, beside a bare idempotent producer that sends the same records, and librdkafka's."""

import asyncio
import time
from collections.abc import Sequence

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, Producer, TopicPartition
from specimens import STORE, hold, seats

from chassis.outbox import Outbox
from chassis.relay import Relay
from chassis.topics import identity_of
from contracts.envelope import to_headers
from load.house import House
from load.measuring import Row, beside, in_turns

EVENTS = 60_000
AT_ONCE = 5_000
PARTITIONS = 6

type Record = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value, headers."""


async def filled(house: House, count: int = EVENTS, *, each: int = 10) -> dict[str, str]:
    """A database whose outbox holds so many events, `each` to a stream; its statistics are up to date, as in one that lives."""
    dsns = await house.database()
    connection = await asyncpg.connect(dsns["app"])
    for start in range(0, count, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, count))
        await STORE.append(
            connection, [STORE.record(seats(n % each + 1, f"specimen--{n // each}"), n % each + 1, hold()) for n in numbers], []
        )
    await connection.close()
    await house.analysed(dsns)
    return dsns


async def ready(house: House, count: int = EVENTS) -> list[Record]:
    """What the relay would send, made beforehand."""
    dsns = await filled(house, count)
    connection = await asyncpg.connect(dsns["relay"])
    entries = await Outbox(connection=connection).waiting((), count)
    await connection.close()
    await house.drop(dsns)
    return [
        (one.subject.encode(), one.body, to_headers(orjson.loads(one.attributes), sequence=one.sequence, chain="a" * 64, traceparent=None,
                                                    tracestate=None))
        for one in entries
    ]  # fmt: skip


async def rows(house: House) -> list[Row]:
    async def ours() -> float:
        dsns, topic = await filled(house), await house.topic(PARTITIONS)
        try:
            return await _relayed(house, dsns, topic)
        finally:
            await house.drop(dsns)

    records = await ready(house)

    async def theirs() -> float:
        topic = await house.topic(PARTITIONS)
        # of linger 0, 2, 10 ms and batches from 16 to 900 kB these were the fastest
        async with AIOKafkaProducer(
            bootstrap_servers=house.stack.bootstrap, acks="all", enable_idempotence=True, linger_ms=2, max_batch_size=256 * 1024
        ) as producer:
            began = time.perf_counter()
            pending = [await producer.send(topic, value=value, key=key, headers=headers) for key, value, headers in records]
            for one in pending:
                await one
            return len(records) / (time.perf_counter() - began)

    found = await in_turns("relay to Kafka, acks=all", "events/s", ours, "bare aiokafka idempotent producer", theirs, floor=0.6)
    other = max([await asyncio.to_thread(_librdkafka, house.stack.bootstrap, await house.topic(PARTITIONS), records) for _ in range(3)])
    return [found, beside("the same records by librdkafka's producer", "events/s", other, found)]


async def _relayed(house: House, dsns: dict[str, str], topic: str) -> float:
    """From when the relay holds its lock and its producer has started to the empty outbox."""
    identity = await identity_of(house.stack.bootstrap, [topic])
    relay = Relay(dsn=dsns["relay"], topic=topic, bootstrap=house.stack.bootstrap, refill=False, broker=identity)
    watching = await asyncpg.connect(dsns["app"])
    running = asyncio.create_task(relay.run())
    while not relay.alive:  # as the other side's clock starts when its producer has
        await asyncio.sleep(0.001)
    began = time.perf_counter()
    while await watching.fetchval("select exists (select 1 from outbox)"):
        await asyncio.sleep(0.02)
    elapsed = time.perf_counter() - began
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await watching.close()
    if (said := await asyncio.to_thread(_said, house.stack.bootstrap, topic)) != EVENTS:
        raise RuntimeError(f"{said} of {EVENTS} records are on the topic")
    return EVENTS / elapsed


def _said(bootstrap: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic})
    try:
        return sum(consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=20)[1] for n in range(PARTITIONS))
    finally:
        consumer.close()


def _librdkafka(bootstrap: str, topic: str, records: Sequence[Record]) -> float:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 2, "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000, "partitioner": "murmur2_random",
        }
    )  # fmt: skip
    began = time.perf_counter()
    for key, value, headers in records:
        producer.produce(topic, value=value, key=key, headers=headers)
    if left := producer.flush(60):
        raise RuntimeError(f"{left} records are left")
    return len(records) / (time.perf_counter() - began)
