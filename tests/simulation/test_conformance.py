"""One suite for the fakes and for what they stand for: the same rules asked of memory and of PostgreSQL, of the fake broker and of Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from specimens import CLOCK, NOON, STORE, hold, said, seats

from chassis.event_store import Answered, Conflict
from chassis.ledger import Ledger, Parking
from chassis.outbox import Entry, Outbox
from chassis.projection import PostgresqlRows, Projection
from chassis.provision import Database, chassis_migrations
from chassis.speech import Speech, closed, opened
from chassis.topics import BrokerIdentity, ensure_topics
from contracts.catalogue import Topic
from simulation.broker import Broker, MemoryVoice
from simulation.memory import Memory, MemoryConnection, MemoryPool
from simulation.ports import MemoryLedger, MemoryOutbox, MemoryRows, MemoryStore, entry_of
from simulation.variants import Counted

TOPIC = "raccroche.offers"
BROKER = BrokerIdentity(cluster_id="c1", topic_ids={TOPIC: "t1"})
ANEW = BrokerIdentity(cluster_id="c1", topic_ids={TOPIC: "t2"})
SOURCE = "/raccroche/offers"
ANSWER = Answered(command_id=uuid4(), actor="a", route="r", fingerprint=b"f", status=200, answer=b"{}")


@dataclass(kw_only=True)
class House:
    """One database, fake or real, with the ports over it."""

    pool: Any
    store: Any
    ledger: Any
    rows: Any
    outbox: Callable[[Any], Any]
    hurry: Callable[[Any], Awaitable[object]]
    """Makes the server impatient, after 0.2 s, with that session."""


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.stack)])
def database(request: pytest.FixtureRequest) -> Any:
    """None for the fake; what makes a fresh one for the real."""
    return None if request.param == "memory" else request.getfixturevalue("fresh_database")


@pytest.fixture
async def house(database: Any) -> AsyncIterator[House]:
    if database is None:
        memory = Memory()

        async def hurry(_: MemoryConnection) -> None:
            memory.idle_limit = 0.2

        yield House(
            pool=MemoryPool(connect=lambda: MemoryConnection(memory=memory)), store=MemoryStore(real=STORE), ledger=MemoryLedger("reader"),
            rows=MemoryRows(), outbox=lambda connection: MemoryOutbox(connection=connection), hurry=hurry,
        )  # fmt: skip
        return
    dsns = await database(Database(name="conform", migrations=(chassis_migrations(),)))
    owner = await asyncpg.connect(dsns["admin"])
    await owner.execute("create table counted (offer_id text primary key, times int not null, last int not null, seen_at text not null)")
    await owner.close()
    async with asyncpg.create_pool(dsns["admin"], min_size=3, max_size=6) as pool:
        yield House(
            pool=pool, store=STORE, ledger=Ledger("reader"), rows=PostgresqlRows(), outbox=lambda connection: Outbox(connection=connection),
            hurry=lambda connection: connection.execute("set idle_in_transaction_session_timeout = '200ms'"),
        )  # fmt: skip


def recorded(version: int, offer: str = "specimen--1") -> Any:
    return STORE.record(seats(version, offer), version, hold())


async def appended(house: House, *recordings: Any, answers: tuple[Answered, ...] = ()) -> None:
    async with house.pool.acquire() as connection, connection.transaction():
        await house.store.append(connection, recordings, answers)


async def read(house: House, stream: str = "offer-specimen--1") -> list[Any]:
    async with house.pool.acquire() as connection, connection.transaction():
        return (await house.store.load(connection, [stream]))[stream]


async def test_events_come_back_in_their_order_and_a_stream_never_written_is_empty(house: House) -> None:
    await appended(house, recorded(1), recorded(2))
    assert [event.held for event in await read(house)] == [1, 2]
    assert await read(house, "offer-nobody") == []


async def test_a_version_is_taken_once(house: House) -> None:
    await appended(house, recorded(1))
    with pytest.raises(Conflict):
        await appended(house, recorded(1))
    assert len(await read(house)) == 1


async def test_a_command_is_answered_once(house: House) -> None:
    await appended(house, answers=(ANSWER,))
    with pytest.raises(Conflict):
        await appended(house, recorded(1), answers=(ANSWER,))
    async with house.pool.acquire() as connection, connection.transaction():
        assert await house.store.answered(connection, [ANSWER.command_id, uuid4()]) == {ANSWER.command_id: ANSWER}
    assert await read(house) == [], "the whole transaction went"


@pytest.mark.parametrize("first_commits", [True, False])
async def test_the_second_writer_of_a_version_waits_for_the_end_of_the_first(house: House, first_commits: bool) -> None:
    async with house.pool.acquire() as one, house.pool.acquire() as other:
        first = one.transaction()
        await _enter(first)
        await house.store.append(one, [recorded(1)], [])
        second = asyncio.create_task(_append_on(house, other, recorded(1)))
        await asyncio.sleep(0.05)
        assert not second.done()
        await _leave(first, commits=first_commits)
        outcome = (await asyncio.gather(second, return_exceptions=True))[0]
    assert isinstance(outcome, Conflict) if first_commits else outcome is None
    assert len(await read(house)) == 1


async def test_what_is_not_committed_is_seen_by_nobody_else(house: House) -> None:
    async with house.pool.acquire() as one:
        first = one.transaction()
        await _enter(first)
        await house.store.append(one, [recorded(1)], [])
        assert await read(house) == []
        await _leave(first, commits=True)
    assert len(await read(house)) == 1


async def test_a_number_drawn_early_and_committed_late_appears_late_in_the_outbox(house: House) -> None:
    async with house.pool.acquire() as one, house.pool.acquire() as relaying:
        outbox = house.outbox(relaying)
        early = one.transaction()
        await _enter(early)
        await house.store.append(one, [recorded(1, "early")], [])
        await appended(house, recorded(1, "late"))
        assert [entry.subject for entry in await outbox.waiting((), 10)] == ["late"]
        await _leave(early, commits=True)
        assert [entry.subject for entry in await outbox.waiting((), 10)] == ["early", "late"]


async def test_the_outbox_leaves_out_what_is_being_said_and_remembers_what_was_placed(house: House) -> None:
    await appended(house, recorded(1), recorded(2), recorded(3))
    async with house.pool.acquire() as relaying:
        outbox = house.outbox(relaying)
        first, *_ = entries = await outbox.waiting((), 2)
        assert [entry.subject for entry in await outbox.waiting([entry.outbox_id for entry in entries], 10)] == [first.subject]
        await outbox.place(entries)
        again = house.outbox(relaying)
        assert [(entry.sequence, entry.chain) for entry in await again.leftovers(10)] == [
            (entry.sequence, entry.chain) for entry in entries
        ]
        await outbox.said([first.outbox_id])
        assert [entry.sequence for entry in await again.leftovers(10)] == [2]
        rest = await again.waiting([entries[1].outbox_id], 10)
        await again.place(rest)
        assert [entry.sequence for entry in rest] == [3]


async def test_two_relays_cannot_give_the_same_place_twice(house: House) -> None:
    await appended(house, recorded(1), recorded(2))
    async with house.pool.acquire() as one, house.pool.acquire() as other:
        first, second = house.outbox(one), house.outbox(other)
        (a, b), stale = await first.waiting((), 2), await second.waiting((), 2)
        await first.place([a, b])
        with pytest.raises(asyncpg.UniqueViolationError):
            await second.place(stale)


async def test_a_mark_begins_at_zero_moves_with_its_transaction_and_knows_its_topic(house: House) -> None:
    async with house.pool.acquire() as one:
        transaction = one.transaction()
        await _enter(transaction)
        assert await house.ledger.lock_mark(one, TOPIC, 0, BROKER) == 0
        await house.ledger.move_mark(one, TOPIC, 0, 7)
        await _leave(transaction, commits=False)
        for offset in (0, 7):
            async with one.transaction():
                assert await house.ledger.lock_mark(one, TOPIC, 0, BROKER) == offset
                await house.ledger.move_mark(one, TOPIC, 0, 7)
        async with one.transaction():
            assert await house.ledger.lock_mark(one, TOPIC, 0, ANEW) is None


async def test_a_mark_is_one_reader_s_at_a_time(house: House) -> None:
    async with house.pool.acquire() as one, house.pool.acquire() as other:
        async with one.transaction():
            await house.ledger.lock_mark(one, TOPIC, 0, BROKER)
            await house.ledger.move_mark(one, TOPIC, 0, 1)
        transaction = one.transaction()
        await _enter(transaction)
        await house.ledger.lock_mark(one, TOPIC, 0, BROKER)
        await house.ledger.move_mark(one, TOPIC, 0, 5)
        second = asyncio.create_task(_lock_on(house, other))
        await asyncio.sleep(0.05)
        assert not second.done()
        await _leave(transaction, commits=True)
        assert await second == 5


async def test_who_stands_idle_in_a_transaction_for_too_long_loses_what_it_holds(house: House) -> None:
    async with house.pool.acquire() as one, house.pool.acquire() as other:
        await house.hurry(one)
        transaction = one.transaction()
        await _enter(transaction)
        await house.ledger.lock_mark(one, TOPIC, 0, BROKER)
        await house.ledger.move_mark(one, TOPIC, 0, 5)
        await asyncio.sleep(0.4)
        assert await _lock_on(house, other) == 0
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.IdleInTransactionSessionTimeoutError)):
            await house.ledger.move_mark(one, TOPIC, 0, 6)
        with suppress(Exception):
            await _leave(transaction, commits=False)


async def test_a_watermark_never_falls(house: House) -> None:
    stream, quiet = (SOURCE, "offer-1"), (SOURCE, "offer-2")
    for version in (3, 2):
        async with house.pool.acquire() as connection, connection.transaction():
            await house.ledger.write_versions(connection, {stream: version})
    async with house.pool.acquire() as connection, connection.transaction():
        assert await house.ledger.versions(connection, [stream, quiet, stream]) == {stream: 3}


async def test_what_waits_comes_back_in_order_and_a_fact_is_learnt_once(house: House) -> None:
    records = [said(seats(n), version=n, offset=n) for n in (1, 2)]
    async with house.pool.acquire() as connection, connection.transaction():
        numbers = [await house.ledger.wait(connection, SOURCE, "s", "fact", raw, NOON) for raw in records]
        await house.ledger.learn(connection, "fact", "s")
        await house.ledger.learn(connection, "fact", "s")
        assert await house.ledger.known(connection, ["s", "t"]) == {("fact", "s")}
        assert await house.ledger.waiting(connection, ["s"]) == {"s": list(zip(numbers, records, strict=True))}
        await house.ledger.waited(connection, numbers[0])
        assert await house.ledger.waiting(connection, ["s"]) == {"s": [(numbers[1], records[1])]}


async def test_a_record_is_set_aside_once_and_its_subject_with_it(house: House) -> None:
    raw = said(seats(1), version=1, offset=4)
    parking = Parking(raw=raw, source=SOURCE, stream="s", type="t", reason="r", attempts=3, at=CLOCK.now())
    for _ in range(2):
        async with house.pool.acquire() as connection, connection.transaction():
            await house.ledger.lock_mark(connection, TOPIC, 0, BROKER)
            await house.ledger.move_mark(connection, TOPIC, 0, 5)
            await house.ledger.park(connection, parking)
            assert await house.ledger.aside(connection, [str(raw.subject()), "another"]) == {raw.subject()}


async def test_what_is_set_aside_comes_back_in_order_until_it_is_resolved(house: House) -> None:
    records = [said(seats(n), version=n, offset=n) for n in (1, 2)]
    async with house.pool.acquire() as connection, connection.transaction():
        assert await house.ledger.lock_marks(connection, [(TOPIC, 1), (TOPIC, 0)], BROKER) == {(TOPIC, 0): 0, (TOPIC, 1): 0}
        for raw in records:
            await house.ledger.park(connection, Parking(raw=raw, source=SOURCE, stream="s", type="t", reason="r", attempts=3, at=NOON))
    subject = str(records[0].subject())
    async with house.pool.acquire() as connection, connection.transaction():
        assert await house.ledger.subjects_aside(connection) == [subject]
        first, second = await house.ledger.set_aside(connection, subject)
        assert [(one.raw, one.reason) for one in (first, second)] == [(raw, "r") for raw in records]
        await house.ledger.resolve(connection, first.row, NOON)
        await house.ledger.fails_still(connection, second.row, "again")
    async with house.pool.acquire() as connection, connection.transaction():
        assert [(one.row, one.reason) for one in await house.ledger.set_aside(connection, subject)] == [(second.row, "again")]
        assert await house.ledger.aside(connection, [subject]) == {subject}
        await house.ledger.resolve(connection, second.row, NOON)
        assert await house.ledger.subjects_aside(connection) == []
        assert await house.ledger.aside(connection, [subject]) == set()


async def test_rows_are_kept_changed_and_gone_with_their_transaction(house: House) -> None:
    shown: Projection[Counted] = Projection(
        table="counted", row=Counted, key_column="offer_id", hears=(), key=lambda _: None, apply=lambda row, _: row, rows=house.rows
    )  # fmt: skip
    rows = {name: Counted(offer_id=name, times=1, last=1) for name in ("a", "b")}
    async with house.pool.acquire() as connection:
        async with connection.transaction():
            await house.rows.write(connection, shown, rows, [])
        transaction = connection.transaction()
        await _enter(transaction)
        await house.rows.write(connection, shown, {"a": Counted(offer_id="a", times=2, last=2)}, ["b"])
        await _leave(transaction, commits=False)
        async with connection.transaction():
            assert await house.rows.load(connection, shown, ["a", "b", "c"]) == rows
            await house.rows.write(connection, shown, {"a": Counted(offer_id="a", times=2, last=2)}, ["b"])
            assert await house.rows.load(connection, shown, ["a", "b"]) == {"a": Counted(offer_id="a", times=2, last=2)}


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
def kafka(request: pytest.FixtureRequest) -> Any:
    """None for the fake; the stack for the real."""
    return None if request.param == "memory" else request.getfixturevalue("stack")


@pytest.fixture
async def mouth(kafka: Any) -> AsyncIterator[tuple[Any, Callable[[], Any]]]:
    """A voice, and what reads back key and version per partition."""
    if kafka is None:
        broker = Broker(delay=lambda: 0.001, strikes=lambda _: False)

        async def written() -> list[list[tuple[bytes | None, bytes | None]]]:
            return [[(one.key, dict(one.headers)["ce_streamversion"]) for one in broker.read(n, 0, 10_000)] for n in range(3)]

        yield MemoryVoice(broker=broker), written
        return
    topic = f"conform.{uuid4().hex}"
    await ensure_topics(kafka.bootstrap, [Topic(name=topic, speaker="offers", partitions=3)])
    voice: Speech = await opened(kafka.bootstrap, topic)
    yield voice, lambda: _read_kafka(kafka.bootstrap, topic)
    await closed(voice)


async def test_what_is_acknowledged_can_be_read_each_key_in_order_in_one_partition(mouth: tuple[Any, Callable[[], Any]]) -> None:
    voice, written = mouth
    keys = [f"specimen--{n}" for n in range(7)]
    for version in range(1, 6):
        await (await voice.say(await voice.prepare([entry(key, version) for key in keys])))
    partitions = await written()
    assert sum(map(len, partitions)) == 35
    for key in keys:
        homes = [n for n, log in enumerate(partitions) if any(one == key.encode() for one, _ in log)]
        assert len(homes) == 1
        assert [version for one, version in partitions[homes[0]] if one == key.encode()] == [b"1", b"2", b"3", b"4", b"5"]


def entry(key: str, version: int) -> Entry:
    return entry_of(recorded(version, key), 1, (1, bytes(32)))


async def _read_kafka(bootstrap: str, topic: str) -> list[list[tuple[bytes | None, bytes | None]]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(topic, n) for n in range(3)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[list[tuple[bytes | None, bytes | None]]] = [[], [], []]
        async with asyncio.timeout(20):
            while sum(map(len, found)) < sum(ends.values()):
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    found[place.partition] += [(one.key, dict(one.headers)["ce_streamversion"]) for one in records]
        return found
    finally:
        await consumer.stop()


async def _append_on(house: House, connection: Any, recording: Any) -> None:
    async with connection.transaction():
        await house.store.append(connection, [recording], [])


async def _lock_on(house: House, connection: Any) -> int | None:
    async with connection.transaction():
        return await house.ledger.lock_mark(connection, TOPIC, 0, BROKER)


class _RolledBack(Exception):
    pass


async def _enter(transaction: Any) -> None:
    await transaction.__aenter__()


async def _leave(transaction: Any, *, commits: bool) -> None:
    if commits:
        await transaction.__aexit__(None, None, None)
        return
    try:
        raise _RolledBack
    except _RolledBack as undone:
        try:
            await transaction.__aexit__(_RolledBack, undone, undone.__traceback__)
        except _RolledBack:
            return
