"""How events are said on a real Kafka: the partition that every client computes, order over many batches, one very large event."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import Message, Producer

from chassis import speech
from chassis.chain import canonical, leaf_of
from chassis.outbox import Entry
from chassis.speech import BATCH_BYTES, Speech, partition_of
from chassis.topics import ensure_topics
from contracts.catalogue import Topic

PARTITIONS = 6
LARGEST = 900_000


def subjects(count: int) -> list[str]:
    chance = random.Random(4)
    made = [str(UUID(int=chance.getrandbits(128))) for _ in range(count)]
    return [*made, *(one[: n % 37] + "é" * (n % 3) + "x" for n, one in enumerate(made))]


def test_a_subject_is_where_the_default_partitioner_puts_it() -> None:
    theirs = DefaultPartitioner()
    for count in (1, 3, 6, 7, 12, 100):
        for subject in subjects(500):
            assert partition_of(subject, count) == theirs(subject.encode(), list(range(count)), [])


@pytest.mark.stack
async def test_a_subject_is_where_librdkafka_puts_it(stack, topic: str) -> None:
    producer = Producer({"bootstrap.servers": stack.bootstrap, "partitioner": "murmur2_random", "linger.ms": 5})
    places: dict[str, int] = {}

    def delivered(_: object, message: Message) -> None:
        places[(message.key() or b"").decode()] = message.partition() or 0

    for subject in subjects(300):
        producer.produce(topic, key=subject.encode(), value=b"", on_delivery=delivered)
    assert await asyncio.to_thread(producer.flush, 20) == 0
    assert places == {subject: partition_of(subject, PARTITIONS) for subject in subjects(300)}


@pytest.mark.stack
async def test_each_subject_stays_in_order_over_many_batches(stack, topic: str, voice: Speech) -> None:
    keys = [f"specimen--{n}" for n in range(40)]
    for first in range(0, 60, 20):
        batches = await voice.prepare([entry(key, version, size=16_000) for version in range(first, first + 20) for key in keys])
        assert len(batches) > 1, "a partition's share needs several batches, one after the other"
        assert all(len({partition for partition, _ in together}) == len(together) for together in batches)
        await (await voice.say(batches))
    records = await read_all(topic, stack.bootstrap, 60 * 40)
    for key in keys:
        said = [(one.partition, version_of(one)) for one in records if one.key == key.encode()]
        assert said == [(partition_of(key, PARTITIONS), version) for version in range(60)]


@pytest.mark.stack
async def test_nothing_is_said_behind_what_the_broker_refuses(stack, topic: str, voice: Speech) -> None:
    entries = [entry("specimen--1", 1, size=1_500_000), entry("specimen--1", 2, size=10), entry("specimen--1", 3, size=10)]
    with pytest.raises(MessageSizeTooLargeError):
        await (await voice.say(await voice.prepare(entries)))
    await (await voice.say(await voice.prepare([entry("specimen--1", 9, size=10)])))
    assert [version_of(one) for one in await read_all(topic, stack.bootstrap, 1)] == [9]


@pytest.mark.stack
async def test_a_voice_that_is_let_go_in_a_stall_leaves_nothing_that_goes_on(stack, topic: str) -> None:
    before = asyncio.all_tasks()
    voice = await speech.opened(stack.bootstrap, topic)
    batches = await voice.prepare([entry("specimen--1", 1, size=10)])
    await stack.pause("kafka")
    try:
        saying = await voice.say(batches)
        await asyncio.sleep(0.2)
        saying.cancel()
        async with asyncio.timeout(speech.STOP_SECONDS / 2):
            await speech.closed(voice)
    finally:
        await stack.resume("kafka")
    await asyncio.gather(saying, return_exceptions=True)
    assert asyncio.all_tasks() <= before | {saying}


@pytest.mark.stack
async def test_one_event_may_be_much_larger_than_a_batch(stack, topic: str, voice: Speech) -> None:
    sizes = [10, LARGEST, 10, BATCH_BYTES, LARGEST, 10]
    await (await voice.say(await voice.prepare([entry("specimen--1", n, size=size) for n, size in enumerate(sizes)])))
    records = await read_all(topic, stack.bootstrap, len(sizes))
    assert [(version_of(one), len(one.value)) for one in records] == list(enumerate(sizes))


@pytest.mark.stack
async def test_nothing_is_heard_of_what_was_only_prepared(stack, topic: str, voice: Speech) -> None:
    await voice.prepare([entry("specimen--1", 1, size=10)])
    await (await voice.say(await voice.prepare([entry("specimen--1", 2, size=10)])))
    assert [version_of(one) for one in await read_all(topic, stack.bootstrap, 1)] == [2]


@pytest.fixture
async def topic(stack) -> str:
    name = f"speech.{uuid4().hex}"
    await ensure_topics(stack.bootstrap, [Topic(name=name, speaker="offers", partitions=PARTITIONS)])
    return name


@pytest.fixture
async def voice(stack, topic: str) -> AsyncIterator[Speech]:
    opened = await speech.opened(stack.bootstrap, topic)
    yield opened
    await speech.closed(opened)


def entry(subject: str, version: int, *, size: int) -> Entry:
    attributes = canonical({"subject": subject, "streamversion": str(version)})
    return Entry(
        sequence=1, chain=bytes(32), outbox_id=1, event_id=uuid4(), private=False, subject=subject, recorded=1_700_000_000_000,
        attributes=attributes, leaf=leaf_of(attributes), body=b"x" * size, traceparent=None, tracestate=None,
    )  # fmt: skip


def version_of(record: ConsumerRecord) -> int:
    return int(dict(record.headers)["ce_streamversion"])


async def read_all(topic: str, bootstrap: str, count: int) -> Sequence[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, n) for n in range(PARTITIONS)])
        found: list[ConsumerRecord] = []
        async with asyncio.timeout(30):
            while len(found) < count:
                found += [one for share in (await consumer.getmany(timeout_ms=200)).values() for one in share]
        return found
    finally:
        await consumer.stop()
