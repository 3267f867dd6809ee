"""The watchdog's verdict, instant by instant, and each stall that it is there for on a real loop, broker and database."""

import asyncio
import threading
import time
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.provision import Database, chassis_migrations
from chassis.topics import ensure_topics, identity_of
from chassis.watchdog import PATIENCE_SECONDS, Look, Verdict, Watchdog
from contracts.catalogue import Topic

PLACE = ("raccroche.offers", 0)
STILL = Look(at=0.0, marks={PLACE: 5}, ends={PLACE: 9}, assigned=frozenset({PLACE}), beat=0.0)


def at(second: float, **changed: object) -> Look:
    return replace(STILL, at=second, beat=second, **changed)  # type: ignore[arg-type]


def verdict_after(*looks: Look) -> str | None:
    verdict = Verdict()
    return [verdict.of(look) for look in looks][-1]


def test_a_mark_that_stands_with_more_to_hear_is_a_stall_well_within_a_minute() -> None:
    seconds = range(0, 60, 5)
    verdict = Verdict()
    first = next(second for second in seconds if verdict.of(at(second)))
    assert first == PATIENCE_SECONDS < 60 - 15, "a look each five seconds and ten to ask leave it under a minute"


def test_no_lag_is_no_stall() -> None:
    assert verdict_after(at(0, ends={PLACE: 5}), at(500, ends={PLACE: 5})) is None


def test_time_counts_from_when_there_was_more_to_hear() -> None:
    assert verdict_after(at(0, ends={PLACE: 5}), at(500), at(539)) is None
    assert verdict_after(at(0, ends={PLACE: 5}), at(495, ends={PLACE: 5}), at(500), at(541)) is not None


def test_a_mark_that_moves_however_slowly_is_no_stall() -> None:
    assert verdict_after(*(at(second, marks={PLACE: second // 35}, ends={PLACE: 100}) for second in range(0, 300, 5))) is None


def test_a_member_that_stands_by_while_another_holds_the_partition_is_left_alone() -> None:
    other = frozenset({("raccroche.offers", 1)})
    assert verdict_after(at(0, assigned=other), at(100, assigned=other)) is None


def test_a_member_without_any_partition_is_ended_when_nobody_moves() -> None:
    assert verdict_after(at(0, assigned=frozenset()), at(100, assigned=frozenset())) is not None


def test_a_loop_that_does_not_turn_is_a_stall_even_without_lag() -> None:
    assert verdict_after(replace(STILL, at=41.0, beat=0.0, ends={})) == "the loop is blocked"


@given(st.lists(st.floats(0, 30), min_size=1, max_size=30))
def test_while_nobody_answers_no_time_counts(gaps: list[float]) -> None:
    verdict, now = Verdict(), 0.0
    for gap in gaps:
        now += gap
        assert verdict.of(at(now)) is None
        verdict.blind()


@pytest.mark.stack
@pytest.mark.parametrize("stall", ["nothing moves", "the loop spins", "the topic is made anew", "none", "the broker is away"])
async def test_on_the_real_broker_and_database_each_stall_ends_the_process_and_nothing_else_does(stack, fresh_database, stall: str) -> None:
    dsns = await fresh_database(Database(name="watched", migrations=(chassis_migrations(),)))
    topic = f"watched.{uuid4().hex}"
    await ensure_topics(stack.bootstrap, [Topic(name=topic, speaker="offers", partitions=1)])
    known = await identity_of(stack.bootstrap, [topic])
    await _say(stack.bootstrap, topic)
    ended = threading.Event()
    dog = Watchdog(
        dsn=dsns["consumer"], bootstrap="127.0.0.1:1" if stall == "the broker is away" else stack.bootstrap, consumer="watched", known=known,
        topics=[topic], assigned=lambda: frozenset({(topic, 0)}), look_each=0.2, verdict=Verdict(patience=2.0),
        end=lambda _: ended.set(),
    )  # fmt: skip
    if stall == "none":
        await _hear(dsns["consumer"], topic, known)
    dog.start()
    match stall:
        case "the loop spins":
            until = time.monotonic() + 12
            while time.monotonic() < until and not ended.is_set():
                sum(range(1_000))
        case "the topic is made anew":
            await _make_anew(stack.bootstrap, topic)
    await asyncio.to_thread(ended.wait, 12 if stall not in ("none", "the broker is away") else 6)
    dog.stop()
    assert ended.is_set() == (stall not in ("none", "the broker is away"))


async def _say(bootstrap: str, topic: str) -> None:
    from aiokafka import AIOKafkaProducer

    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(topic, b"one")


async def _hear(dsn: str, topic: str, known) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "insert into marks (consumer, topic, partition, cluster_id, topic_id, next_offset) values ('watched', $1, 0, $2, $3, 1)",
        topic, known.cluster_id, known.topic_ids[topic],
    )  # fmt: skip
    await connection.close()


async def _make_anew(bootstrap: str, topic: str) -> None:
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": bootstrap})
    await asyncio.to_thread(lambda: [one.result(10) for one in admin.delete_topics([topic]).values()])
    await asyncio.sleep(1)
    await ensure_topics(bootstrap, [Topic(name=topic, speaker="offers", partitions=1)])
