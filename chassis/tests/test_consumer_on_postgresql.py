"""The consumer's shares on a real PostgreSQL: effects once, no jump over a hole, one bad record costs only itself."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import asyncpg
import pytest
from specimens import CLOCK, accepted, id_of, opened, said, seats

import chassis.consumer
from chassis.consumer import Consumer
from chassis.heard import Heard, RawRecord
from chassis.projection import Projection
from chassis.provision import Database, chassis_migrations
from chassis.share import HoleInPartition
from chassis.subscription import Subscription
from chassis.topics import BrokerIdentity
from contracts.followup import CaseOpened
from contracts.offers import ReferralAccepted, SeatsChanged

pytestmark = pytest.mark.stack

BROKER = BrokerIdentity(cluster_id="c", topic_ids={"raccroche.offers": "t1", "raccroche.followup": "t2"})


@dataclass(frozen=True, kw_only=True)
class Counted:
    offer_id: str
    times: int


def _count(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
    if heard.event.held < 0:
        raise ZeroDivisionError("poison")
    return Counted(offer_id=heard.event.offer_id, times=(row.times if row else 0) + 1)


COUNTED = Projection(
    table="counted", row=Counted, key_column="offer_id", hears=(SeatsChanged,), key=lambda event: event.offer_id, apply=_count
)


@dataclass(frozen=True, kw_only=True)
class Accepted:
    referral_id: str
    closed: bool


ACCEPTED = Projection(
    table="accepted", row=Accepted, key_column="referral_id", hears=(ReferralAccepted,),
    key=lambda event: str(event.referral_id), apply=lambda row, heard: Accepted(referral_id=str(heard.event.referral_id), closed=False),
)  # fmt: skip


@pytest.fixture
async def pool(fresh_database, stack) -> AsyncIterator[asyncpg.Pool]:
    dsns = await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))
    owner = await asyncpg.connect(dsns["admin"])
    await owner.execute(TABLES.format(dsns["name"]))
    await owner.close()
    async with asyncpg.create_pool(dsns["consumer"], min_size=1, max_size=4) as pool:
        yield pool


TABLES = """
create table counted (offer_id text primary key, times integer not null);
create table accepted (referral_id text primary key, closed boolean not null);
grant select, insert, update, delete on counted, accepted to {0}_consumer;
"""


def consumer(pool: asyncpg.Pool, broker: BrokerIdentity = BROKER, *, refill: bool = False) -> Consumer:
    subscription = Subscription(
        consumer="specimen", actor="/raccroche/specimen", speakers=("offers", "followup"),
        projections=(COUNTED, ACCEPTED), needs={ReferralAccepted: CaseOpened},
    )  # fmt: skip
    return Consumer(subscription=subscription, pool=pool, broker_identity=broker, clock=CLOCK, refill=refill, committed=lambda: None)


async def times(pool: asyncpg.Pool) -> dict[str, int]:
    return {row["offer_id"]: row["times"] for row in await pool.fetch("select offer_id, times from counted")}


def series(count: int, offer_id: str = "specimen--1", start: int = 0) -> list[RawRecord]:
    return [said(seats(n, offer_id), version=n, offset=start + n - 1) for n in range(1, count + 1)]


async def test_what_is_delivered_again_has_its_effect_once(pool: asyncpg.Pool) -> None:
    records = series(6)
    await consumer(pool).hear(records[:4])
    await consumer(pool).hear(records[2:])
    await consumer(pool).hear(records)
    assert await times(pool) == {"specimen--1": 6}


async def test_a_record_beyond_the_mark_is_a_hole_and_nothing_moves(pool: asyncpg.Pool) -> None:
    records = series(6)
    await consumer(pool).hear(records[:2])
    with pytest.raises(HoleInPartition):
        await consumer(pool).hear(records[4:])
    assert await times(pool) == {"specimen--1": 2}


async def test_what_the_relay_says_twice_at_other_offsets_has_its_effect_once(pool: asyncpg.Pool) -> None:
    records = series(3)
    again = [dataclasses.replace(record, offset=record.offset + 3) for record in records]
    await consumer(pool).hear([*records, *again])
    assert await times(pool) == {"specimen--1": 3}


async def test_one_poison_record_parks_itself_and_those_behind_it_of_its_subject_only(pool: asyncpg.Pool) -> None:
    poisoned = [
        said(seats(1, "bad"), version=1, offset=0),
        said(seats(-1, "bad"), version=2, offset=1),
        said(seats(1, "good"), version=1, offset=2),
        said(seats(3, "bad"), version=3, offset=3),
        said(seats(2, "good"), version=2, offset=4),
    ]
    await consumer(pool).hear(poisoned)
    assert await times(pool) == {"bad": 1, "good": 2}
    parked = await pool.fetch("select record_offset, reason, attempts from parked order by record_offset")
    assert [(row["record_offset"], row["attempts"]) for row in parked] == [(1, 3), (3, 0)]
    assert "poison" not in parked[0]["reason"], "a foreign exception's text may carry data"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: dataclasses.replace(r, value=None),
        lambda r: dataclasses.replace(r, value=r.value + b" "),
        lambda r: dataclasses.replace(r, headers=()),
        lambda r: dataclasses.replace(r, headers=(*r.headers, ("foreign", None))),
        lambda r: dataclasses.replace(r, headers=(*r.headers, ("foreign", b"\xff"))),
        lambda r: dataclasses.replace(r, key=b"somebody else"),
    ],
    ids=["tombstone", "changed body", "no headers", "null header", "header not UTF-8", "other key"],
)
async def test_an_unbelievable_record_is_parked_with_its_reason_and_the_next_is_heard(pool: asyncpg.Pool, spoil) -> None:
    bad = spoil(said(seats(1, "bad"), version=1, offset=0))
    await consumer(pool).hear([bad, said(seats(1, "good"), version=1, offset=1)])
    assert await times(pool) == {"good": 1}
    assert await pool.fetchval("select count(*) from parked where reason like 'Unreadable: %'") == 1


async def test_a_skipped_version_parks_the_subject_instead_of_jumping(pool: asyncpg.Pool) -> None:
    await consumer(pool).hear([said(seats(1), version=1, offset=0), said(seats(3), version=3, offset=1)])
    assert await times(pool) == {"specimen--1": 1}
    assert "HoleInStream" in await pool.fetchval("select reason from parked")


async def test_a_record_waits_for_the_fact_it_needs_and_then_has_its_effect(pool: asyncpg.Pool) -> None:
    await consumer(pool).hear([said(accepted(), version=1, offset=0)])
    assert await pool.fetchval("select count(*) from waiting") == 1
    assert await pool.fetchval("select count(*) from accepted") == 0
    await consumer(pool).hear([said(opened(), version=1, offset=0)])
    assert await pool.fetchval("select count(*) from waiting") == 0
    assert await pool.fetchval("select count(*) from accepted") == 1


@pytest.mark.parametrize("fact_first", [True, False])
async def test_two_members_that_hear_the_fact_and_what_waits_for_it_at_once_leave_nothing_waiting(
    pool: asyncpg.Pool, fact_first: bool
) -> None:
    shares = [[said(opened(), version=1, offset=0)], [said(accepted(), version=1, offset=0)]]
    await _at_once(pool, *(shares if fact_first else reversed(shares)))
    assert await pool.fetchval("select count(*) from waiting") == 0
    assert await pool.fetchval("select count(*) from accepted") == 1


async def test_a_record_that_comes_behind_a_waiting_one_while_another_member_frees_it_does_not_wait_for_ever(pool: asyncpg.Pool) -> None:
    await consumer(pool).hear([said(accepted(), version=1, offset=0)])
    behind = said(accepted().model_copy(update={"referral_id": id_of("other")}), version=1, offset=1)
    await _at_once(pool, [said(opened(), version=1, offset=0)], [behind])
    assert await pool.fetchval("select count(*) from waiting") == 0
    assert await pool.fetchval("select count(*) from accepted") == 2


async def _at_once(pool: asyncpg.Pool, first: list[RawRecord], second: list[RawRecord]) -> None:
    """Two members, each in a transaction that began before the other one's end; the second goes as far as it can meanwhile."""
    async with pool.acquire() as one, pool.acquire() as other:
        mine, its = one.transaction(), other.transaction()
        await mine.start()
        await its.start()
        await consumer(pool)._share(one).take(first, BROKER)
        following = asyncio.create_task(consumer(pool)._share(other).take(second, BROKER))
        await asyncio.wait([following], timeout=0.2)
        await mine.commit()
        await following
        await its.commit()


async def test_a_topic_made_anew_stops_hearing_unless_refilling_is_allowed(pool: asyncpg.Pool) -> None:
    records = series(3)
    await consumer(pool).hear(records)
    anew = BrokerIdentity(cluster_id="c2", topic_ids={"raccroche.offers": "t9", "raccroche.followup": "t8"})
    with pytest.raises(Exception, match="until somebody decides"):
        await consumer(pool, anew).reconcile()
    refilled = consumer(pool, anew, refill=True)
    await refilled.reconcile()
    await refilled.hear(records)
    assert await times(pool) == {"specimen--1": 3}


async def test_a_witness_sees_even_what_was_heard_before(pool: asyncpg.Pool) -> None:
    seen: list[int] = []

    async def witness(_: object, heard: Sequence[Heard[SeatsChanged]], __: object) -> None:
        seen.extend(one.envelope.attributes.streamversion for one in heard)

    hearing = consumer(pool)
    hearing.subscription = dataclasses.replace(hearing.subscription, witnesses=(witness,))
    records = series(2)
    await hearing.hear([*records, *(dataclasses.replace(record, offset=record.offset + 2) for record in records)])
    assert seen == [1, 2, 1, 2]


async def test_nothing_is_set_aside_for_what_another_broker_says_at_the_same_address(pool: asyncpg.Pool, monkeypatch) -> None:
    monkeypatch.setattr(chassis.consumer, "STRANGE_SECONDS", 0.05)
    another = dataclasses.replace(BROKER, cluster_id="another")
    here = [another]

    async def ask() -> BrokerIdentity:
        return here[0]

    hearing = consumer(pool)
    hearing.ask = ask
    skipping = asyncio.create_task(hearing.hear([said(seats(5), version=5, offset=0)]))
    await asyncio.sleep(2)  # three tries and their pauses, and then it waits
    assert not skipping.done()
    assert await pool.fetchval("select count(*) from parked") == 0
    here[0] = BROKER
    await skipping
    assert await pool.fetchval("select count(*) from parked") == 1
