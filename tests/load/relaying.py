"""The relay over a full outbox, beside a bare idempotent producer that sends the same records, and librdkafka's."""

import asyncio
import time

import asyncpg
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from specimens import STORE, hold, seats

from chassis.event_store import EventStore
from chassis.outbox import Outbox
from chassis.relay import Relay
from chassis.topics import identity_of
from contracts.envelope import to_headers
from load.house import House
from load.measuring import Row, in_turns

EVENTS = 30_000
AT_ONCE = 5_000


async def filled(house: House, count: int = EVENTS, store: EventStore = STORE) -> dict[str, str]:
    """A database whose outbox holds so many events, ten to a stream."""
    dsns = await house.database()
    connection = await asyncpg.connect(dsns["app"])
    for start in range(0, count, AT_ONCE):
        recordings = [store.record(seats(n % 10 + 1, f"specimen--{n // 10}"), n % 10 + 1, hold()) for n in range(start, start + AT_ONCE)]
        async with connection.transaction():
            await store.append(connection, recordings, [])
    await connection.close()
    return dsns


async def rows(house: House) -> list[Row]:
    async def ours() -> float:
        dsns, topic = await filled(house), await house.topic()
        try:
            return await _relayed(house, dsns, topic)
        finally:
            await house.drop(dsns)

    records = await _records(house)

    async def theirs() -> float:
        topic = await house.topic()
        async with AIOKafkaProducer(
            bootstrap_servers=house.stack.bootstrap, acks="all", enable_idempotence=True, linger_ms=2, max_batch_size=256 * 1024
        ) as producer:
            began = time.perf_counter()
            pending = [await producer.send(topic, value=value, key=key, headers=headers) for key, value, headers in records]
            for one in pending:
                await one
            return len(records) / (time.perf_counter() - began)

    found = await in_turns("relay to Kafka, acks=all", "events/s", ours, "bare aiokafka idempotent producer", theirs, floor=0.6)
    beside = await asyncio.to_thread(_librdkafka, house.stack.bootstrap, await house.topic(), records)
    return [found, Row(name="the same by librdkafka's producer", value=beside, unit="events/s", floor="-", reached=True)]


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
    return EVENTS / elapsed


async def _records(house: House) -> list[tuple[bytes, bytes, list[tuple[str, bytes]]]]:
    """What the relay would send, made beforehand."""
    import orjson

    dsns = await filled(house)
    connection = await asyncpg.connect(dsns["relay"])
    entries = await Outbox(connection=connection).waiting((), EVENTS)
    await connection.close()
    await house.drop(dsns)
    return [
        (one.subject.encode(), one.body, to_headers(orjson.loads(one.attributes), sequence=n, chain="a" * 64, traceparent=None, tracestate=None))
        for n, one in enumerate(entries, start=1)
    ]  # fmt: skip


def _librdkafka(bootstrap: str, topic: str, records: list[tuple[bytes, bytes, list[tuple[str, bytes]]]]) -> float:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 2,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    began = time.perf_counter()
    for key, value, headers in records:
        producer.produce(topic, value=value, key=key, headers=headers)
        producer.poll(0)
    producer.flush(60)
    return len(records) / (time.perf_counter() - began)
