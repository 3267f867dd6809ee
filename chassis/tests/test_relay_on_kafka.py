"""The relay between a real PostgreSQL and a real Kafka: the stored bytes in order, a chain anyone can recompute, refilled alike."""

import asyncio
import dataclasses
import hashlib
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from specimens import SEATS, STORE, hold, id_of

import chassis.relay
from chassis.handler import Handler
from chassis.outbox import Entry, Outbox
from chassis.provision import Database, chassis_migrations
from chassis.relay import Relay, StrangeBroker
from chassis.topics import ensure_topics, identity_of
from contracts.catalogue import Topic
from contracts.followup import CoordinatesConsulted

pytestmark = pytest.mark.stack


@pytest.fixture
async def dsns(fresh_database) -> dict[str, str]:
    return await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))


@pytest.fixture
async def handler(dsns: dict[str, str]) -> AsyncIterator[Handler]:
    async with asyncpg.create_pool(dsns["app"], min_size=1, max_size=4) as pool:
        yield Handler(decider=SEATS, store=STORE, pool=pool)


async def fresh_topic(bootstrap: str) -> str:
    topic = f"specimen.{uuid4().hex}"
    await ensure_topics(bootstrap, [Topic(name=topic, speaker="offers", partitions=3)])
    return topic


async def relay_to(topic: str, bootstrap: str, dsns: dict[str, str], *, refill: bool = False) -> Relay:
    return Relay(dsn=dsns["relay"], topic=topic, bootstrap=bootstrap, refill=refill, broker=await identity_of(bootstrap, [topic]))


async def read_all(topic: str, bootstrap: str, count: int) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, n) for n in range(3)])
        found: list[ConsumerRecord] = []
        async with asyncio.timeout(20):
            while len(found) < count:
                found += [one for share in (await consumer.getmany(timeout_ms=200)).values() for one in share]
        return found
    finally:
        await consumer.stop()


async def emptied(dsns: dict[str, str]) -> None:
    connection = await asyncpg.connect(dsns["app"])
    try:
        async with asyncio.timeout(20):
            while await connection.fetchval("select count(*) from outbox"):
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


def header(record: ConsumerRecord, name: str) -> str:
    (value,) = [value for key, value in record.headers if key == name]
    return str(value.decode())


async def said(handler: Handler, offers: Sequence[str]) -> None:
    await asyncio.gather(*(handler.handle(hold(offer)) for offer in offers))


OFFERS = [f"specimen--{n % 5}" for n in range(40)]


async def test_the_bytes_on_the_topic_are_the_bytes_in_the_store(stack, dsns, handler) -> None:
    topic = await fresh_topic(stack.bootstrap)
    relay = asyncio.create_task((await relay_to(topic, stack.bootstrap, dsns)).run())
    await said(handler, OFFERS)
    records = await read_all(topic, stack.bootstrap, 40)
    relay.cancel()
    connection = await asyncpg.connect(dsns["app"])
    stored = {
        str(row["event_id"]): row
        for row in await connection.fetch("select event_id, subject, stream_version, body, attributes from events")
    }
    await connection.close()
    assert len(records) == len(stored) == 40
    for record in records:
        row = stored[header(record, "ce_id")]
        assert (record.value, record.key.decode()) == (row["body"], row["subject"])
    for offer in set(OFFERS):
        versions = [int(header(one, "ce_streamversion")) for one in records if one.key.decode() == offer]
        assert versions == sorted(versions) == list(range(1, 9))


async def test_the_sequence_has_no_hole_and_plain_hashlib_recomputes_the_chain(stack, dsns, handler) -> None:
    topic = await fresh_topic(stack.bootstrap)
    relay = asyncio.create_task((await relay_to(topic, stack.bootstrap, dsns)).run())
    await said(handler, OFFERS)
    records = sorted(await read_all(topic, stack.bootstrap, 40), key=lambda one: int(header(one, "ce_sequence")))
    relay.cancel()
    connection = await asyncpg.connect(dsns["app"])
    attributes = {str(row["event_id"]): row["attributes"] for row in await connection.fetch("select event_id, attributes from events")}
    await connection.close()
    chain = b"\0" * 32
    for place, record in enumerate(records, start=1):
        assert int(header(record, "ce_sequence")) == place
        leaf = hashlib.sha256(attributes[header(record, "ce_id")]).digest()
        chain = hashlib.sha256(b"\1" + chain + place.to_bytes(8, "big") + leaf).digest()
        assert header(record, "ce_chain") == chain.hex()
        assert header(record, "ce_digest") == hashlib.sha256(record.value).hexdigest()


async def test_a_relay_that_died_after_giving_places_says_the_same_places_again(stack, dsns, handler) -> None:
    topic = await fresh_topic(stack.bootstrap)
    await said(handler, OFFERS)
    connection = await asyncpg.connect(dsns["relay"])
    dying = Outbox(connection=connection)
    await dying.place(await dying.waiting((), 500))
    places = {str(row["event_id"]): row["sequence"] for row in await connection.fetch("select event_id, sequence from relay_log")}
    await connection.close()
    relay = asyncio.create_task((await relay_to(topic, stack.bootstrap, dsns)).run())
    await emptied(dsns)
    records = await read_all(topic, stack.bootstrap, 40)
    relay.cancel()
    assert {header(one, "ce_id"): int(header(one, "ce_sequence")) for one in records} == places


async def test_another_topic_hears_nothing_until_allowed_and_then_the_same_record_by_record(stack, dsns, handler) -> None:
    first, second = await fresh_topic(stack.bootstrap), await fresh_topic(stack.bootstrap)
    relay = asyncio.create_task((await relay_to(first, stack.bootstrap, dsns)).run())
    await said(handler, OFFERS)
    before = await read_all(first, stack.bootstrap, 40)
    await emptied(dsns)
    relay.cancel()
    owner = await asyncpg.connect(dsns["admin"])
    await owner.execute("update relay_topic set topic = $1", second)
    await owner.close()
    with pytest.raises(StrangeBroker):
        await asyncio.wait_for((await relay_to(second, stack.bootstrap, dsns)).run(), 20)
    refilling = asyncio.create_task((await relay_to(second, stack.bootstrap, dsns, refill=True)).run())
    after = await read_all(second, stack.bootstrap, 40)
    refilling.cancel()
    assert content(before) == content(after)


def content(records: Sequence[ConsumerRecord]) -> set[tuple[object, ...]]:
    return {(one.partition, one.key, one.value, tuple(one.headers), one.timestamp) for one in records}


async def test_a_private_event_has_a_chain_of_its_own_and_is_never_said(stack, dsns, handler) -> None:
    topic = await fresh_topic(stack.bootstrap)
    consulted = CoordinatesConsulted(case_id=id_of("case"), person_id=id_of("person"), purpose="contact")
    kept = STORE.record(consulted, 1, hold())
    async with handler.pool.acquire() as connection, connection.transaction():
        await STORE.append(connection, [kept], [])
    relay = asyncio.create_task((await relay_to(topic, stack.bootstrap, dsns)).run())
    await emptied(dsns)
    await said(handler, OFFERS[:3])
    records = await read_all(topic, stack.bootstrap, 3)
    await emptied(dsns)
    relay.cancel()
    assert {header(one, "ce_type").split(".")[-2] for one in records} == {"SeatsChanged"}
    connection = await asyncpg.connect(dsns["relay"])
    places = [(row["private"], row["sequence"]) for row in await connection.fetch("select private, sequence from relay_log order by 1, 2")]
    await connection.close()
    assert places == [(False, 1), (False, 2), (False, 3), (True, 1)]


async def test_whoever_takes_office_late_and_finds_another_broker_says_nothing(stack, dsns, handler) -> None:
    topic = await fresh_topic(stack.bootstrap)
    await handler.handle(hold("specimen--1"))
    relay = await relay_to(topic, stack.bootstrap, dsns, refill=True)
    relay.broker = dataclasses.replace(relay.broker, topic_ids={topic: "as it was when this process began"})
    with pytest.raises(StrangeBroker, match="while this service ran"):
        async with asyncio.timeout(20):
            await relay.run()
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.bootstrap)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(topic, n) for n in range(3)])
    finally:
        await consumer.stop()
    assert set(ends.values()) == {0}


async def test_a_batch_that_nobody_acknowledges_is_given_up_and_its_rows_stay(monkeypatch, dsns, handler) -> None:
    monkeypatch.setattr(chassis.relay, "ACK_SECONDS", 0.1)
    await handler.handle(hold("specimen--1"))
    connection = await asyncpg.connect(dsns["relay"])
    try:
        outbox, relay = Outbox(connection=connection), Relay(dsn="", topic="none", bootstrap="", refill=False)
        saying = await relay.turn(outbox, Silent(), None)
        assert saying is not None
        with pytest.raises(TimeoutError):
            await relay.finish(outbox, saying)
        assert len(await outbox.leftovers(10)) == 1
    finally:
        await connection.close()


class Silent:
    """A voice that is never acknowledged."""

    async def prepare(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        return entries

    async def say(self, _: Sequence[Entry]) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()
