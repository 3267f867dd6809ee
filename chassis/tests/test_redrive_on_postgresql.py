"""Redriving what is parked, on a real PostgreSQL: as if nothing had happened, up to the first that still fails, or not at all."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import asyncpg
import pytest
from specimens import CLOCK, NOON, SEATS, STORE, HoldSeat, accepted, hold, id_of, opened, said, seats

from chassis.consumer import Consumer
from chassis.event_store import EventStore
from chassis.handler import Handler
from chassis.heard import Heard, RawRecord
from chassis.ledger import Ledger
from chassis.parked import discard, parked
from chassis.projection import Projection
from chassis.provision import Database, chassis_migrations
from chassis.redrive import Redrive
from chassis.subscription import Subscription
from chassis.topics import BrokerIdentity
from contracts.followup import CaseOpened
from contracts.offers import ReferralAccepted, SeatsChanged

pytestmark = pytest.mark.stack

BROKER = BrokerIdentity(cluster_id="c", topic_ids={"raccroche.offers": "t1", "raccroche.followup": "t2"})
PLACES = [("raccroche.offers", 0), ("raccroche.offers", 1), ("raccroche.followup", 0)]

TABLES = """
create table counted (offer_id text primary key, times integer not null, held integer not null);
create table accepted (referral_id text primary key);
grant select, insert, update, delete on counted, accepted to {0}_consumer;
"""


@dataclass(frozen=True, kw_only=True)
class Counted:
    offer_id: str
    times: int
    held: int


@dataclass(frozen=True, kw_only=True)
class Accepted:
    referral_id: str


@dataclass(kw_only=True)
class Bug:
    """What the present code cannot do: the third change of these offers."""

    offers: set[str] = field(default_factory=set)

    def strike(self, event: SeatsChanged) -> None:
        if event.offer_id in self.offers and event.held == 3:
            raise ZeroDivisionError("the handler's bug")


@dataclass(kw_only=True)
class House:
    """A store whose events are heard again by one consumer, which has a projection, a policy and a need."""

    pool: asyncpg.Pool
    bug: Bug = field(default_factory=Bug)

    def subscription(self) -> Subscription:
        def count(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
            self.bug.strike(heard.event)
            return Counted(offer_id=heard.event.offer_id, times=(row.times if row else 0) + 1, held=heard.event.held)

        counted = Projection(
            table="counted", row=Counted, key_column="offer_id", hears=(SeatsChanged,), key=lambda event: event.offer_id, apply=count
        )
        kept = Projection(
            table="accepted", row=Accepted, key_column="referral_id", hears=(ReferralAccepted,),
            key=lambda event: str(event.referral_id), apply=lambda row, heard: Accepted(referral_id=str(heard.event.referral_id)),
        )  # fmt: skip
        echo = Handler(decider=SEATS, store=EventStore(source="/raccroche/specimen", clock=CLOCK), pool=self.pool)
        return Subscription(
            consumer="specimen", actor="/raccroche/specimen", speakers=("offers", "followup"), projections=(counted, kept),
            policies={SeatsChanged: (lambda event: [HoldSeat(offer_id=f"echo of {event.offer_id}")],)}, handlers={HoldSeat: echo},
            needs={ReferralAccepted: CaseOpened},
        )  # fmt: skip

    async def hear(self, records: Sequence[RawRecord]) -> None:
        consumer = Consumer(
            subscription=self.subscription(), pool=self.pool, broker_identity=BROKER, clock=CLOCK, refill=False, committed=lambda: None
        )
        await consumer.hear(records)

    @property
    def redrive(self) -> Redrive:
        return Redrive(subscription=self.subscription(), pool=self.pool, broker=BROKER, places=PLACES, clock=CLOCK)

    async def counted(self) -> dict[str, tuple[int, int]]:
        return {row["offer_id"]: (row["times"], row["held"]) for row in await self.pool.fetch("select offer_id, times, held from counted")}

    async def everything(self) -> dict[str, object]:
        """Digests of every table."""
        tables = (
            "counted",
            "accepted",
            "events",
            "outbox",
            "commands",
            "timers",
            "marks",
            "watermarks",
            "waiting",
            "known_subjects",
            "parked",
        )
        return {name: await self.pool.fetchval(f"select md5(string_agg(t::text, ',' order by t::text)) from {name} t") for name in tables}


@pytest.fixture
async def house(fresh_database) -> AsyncIterator[House]:
    dsns = await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))
    owner = await asyncpg.connect(dsns["admin"])
    await owner.execute(TABLES.format(dsns["name"]))
    await owner.execute(f"grant select on outbox to {dsns['name']}_consumer")
    await owner.close()
    async with asyncpg.create_pool(dsns["consumer"], min_size=2, max_size=6) as pool:
        yield House(pool=pool)


def series(offers: Sequence[str], changes: int = 5, start: int = 0) -> list[RawRecord]:
    """Each offer's seats are changed so often, in turns."""
    pairs = [(n, offer) for n in range(1, changes + 1) for offer in offers]
    return [said(seats(n, offer), version=n, offset=start + place) for place, (n, offer) in enumerate(pairs)]


async def keep(house: House, records: Sequence[RawRecord]) -> None:
    """The same changes in a table that only plain SQL looks at."""
    async with house.pool.acquire() as connection:
        for record in records:
            version = int(dict(record.headers)["ce_streamversion"])
            recording = STORE.record(seats(version, record.subject()), version, hold())
            await STORE.append(connection, [recording], [])


async def by_plain_sql(house: House) -> dict[str, tuple[int, int]]:
    rows = await house.pool.fetch(
        """select subject, count(*) as times, max((convert_from(body, 'utf8')::json ->> 'held')::int) as held from events
           where attributes like '%"/raccroche/offers"%'::bytea group by subject"""
    )
    return {row["subject"]: (row["times"], row["held"]) for row in rows}


async def test_after_the_fix_a_redrive_leaves_the_rows_as_if_nothing_had_happened(house: House) -> None:
    records = series(["good", "bad", "worse"])
    await keep(house, records)
    house.bug.offers = {"bad", "worse"}
    await house.hear(records)
    assert await house.counted() == {"good": (5, 5), "bad": (2, 2), "worse": (2, 2)}
    house.bug.offers = set()
    assert await house.redrive.subjects() == ["bad", "worse"]
    redriven = [await house.redrive.of(subject) for subject in await house.redrive.subjects()]
    assert [(len(one.resolved), one.stays) for one in redriven] == [(3, ()), (3, ())]
    assert await house.counted() == await by_plain_sql(house) == {"good": (5, 5), "bad": (5, 5), "worse": (5, 5)}
    asked = await house.pool.fetchval("select count(*) from commands where actor = '/raccroche/specimen'")
    assert asked == 15, "each change made the policy ask once"
    await house.hear([said(seats(6, "bad"), version=6, offset=len(records))])
    assert (await house.counted())["bad"] == (6, 6), "and the next is heard as ever"


async def test_a_second_redrive_changes_nothing(house: House) -> None:
    house.bug.offers = {"bad"}
    await house.hear(series(["bad"]))
    house.bug.offers = set()
    await house.redrive.of("bad")
    before = await house.everything()
    assert (await house.redrive.of("bad")).resolved == ()
    assert await house.everything() == before


async def test_a_dry_run_says_the_same_and_changes_nothing(house: House) -> None:
    house.bug.offers = {"bad"}
    await house.hear(series(["bad"]))
    house.bug.offers = set()
    before = await house.everything()
    tried = await house.redrive.of("bad", dry_run=True)
    assert await house.everything() == before
    assert await house.redrive.of("bad") == tried
    assert await house.everything() != before, "the check can fail"


async def test_the_first_that_still_fails_ends_its_subject_and_says_why(house: House) -> None:
    house.bug.offers = {"bad"}
    records = series(["bad"])
    await house.hear([records[0], dataclasses.replace(records[1], value=b"{}"), *records[2:]])
    house.bug.offers = set()
    blocked = await house.redrive.of("bad")
    assert blocked.resolved == ()
    assert [reason.partition(":")[0] for _, reason in blocked.stays] == ["Unreadable", *["behind a parked record of the same subject"] * 3]
    house.bug.offers = {"bad"}
    async with house.pool.acquire() as connection:
        assert await discard(connection, "specimen", blocked.stays[0][0], because="the line was cut", now=NOON)
        assert not await discard(connection, "specimen", blocked.stays[0][0], because="twice", now=NOON)
    row, reason = (await house.redrive.of("bad")).stays[0]
    assert (row, reason.partition(" in ")[0]) == (blocked.stays[1][0], "ZeroDivisionError")
    house.bug.offers = set()
    assert (await house.redrive.of("bad")).stays == ()
    assert await house.counted() == {"bad": (4, 5)}
    async with house.pool.acquire() as connection:
        everything = await parked(connection, "specimen", resolved_too=True)
        assert [one.because for one in everything] == ["the line was cut", None, None, None]
        assert await parked(connection, "specimen") == []


async def test_what_comes_before_the_one_that_fails_is_resolved(house: House) -> None:
    records = series(["bad"])
    house.bug.offers = {"bad"}
    first = dataclasses.replace(records[0], headers=(*records[0].headers[:-1], ("ce_chain", None)))
    await house.hear([first, *records[1:]])
    assert await house.counted() == {}
    async with house.pool.acquire() as connection:
        rows = await parked(connection, "specimen")
        assert await discard(connection, "specimen", rows[0].id, because="its header is null", now=NOON)
    redriven = await house.redrive.of("bad")
    assert redriven.resolved == (rows[1].id,)
    assert [row for row, _ in redriven.stays] == [row.id for row in rows[2:]]
    assert await house.counted() == {"bad": (1, 2)}


async def test_a_hole_stays_a_hole(house: House) -> None:
    records = series(["bad"])
    await house.hear([records[0], dataclasses.replace(records[2], offset=1), dataclasses.replace(records[3], offset=2)])
    redriven = await house.redrive.of("bad")
    assert redriven.resolved == ()
    assert redriven.stays[0][1].endswith("version 3 after 1")
    assert await house.counted() == {"bad": (1, 1)}


async def test_what_only_new_code_can_read_is_had_once_although_it_was_said_twice(house: House) -> None:
    records = series(["bad"], changes=4)
    strange = [dataclasses.replace(one, headers=(*one.headers, ("ce_new", None))) for one in records[1:2]]
    again = [dataclasses.replace(one, offset=one.offset + 3) for one in [*strange, *records[2:]]]
    await house.hear([records[0], *strange, *records[2:], *again])
    await house.pool.execute("update parked set record = $1 where stream_id is null", records[1].to_bytes())
    redriven = await house.redrive.of("bad")
    assert (len(redriven.resolved), redriven.stays) == (4, ())
    assert await house.counted() == {"bad": (4, 4)}
    await house.hear([said(seats(5, "bad"), version=5, offset=7)])
    assert await house.counted() == {"bad": (5, 5)}


async def test_a_redriven_fact_frees_what_waited_for_it(house: House) -> None:
    broken = dataclasses.replace(said(opened(), version=1, offset=0), value=b"{}")
    await house.hear([said(accepted(), version=1, offset=0)])
    await house.hear([broken])
    assert await house.pool.fetchval("select count(*) from waiting") == 1
    await house.pool.execute("update parked set record = $1", said(opened(), version=1, offset=0).to_bytes())
    await house.redrive.of(str(id_of("person")))
    assert await house.pool.fetchval("select count(*) from waiting") == 0
    assert await house.pool.fetchval("select count(*) from accepted") == 1


async def test_a_redrive_while_records_keep_coming_keeps_their_order(house: House) -> None:
    records = series(["bad"], changes=30)
    house.bug.offers = {"bad"}
    await house.hear(records[:4])
    house.bug.offers = set()

    async def keep_coming() -> None:
        for record in records[4:]:
            await house.hear([record])

    coming = asyncio.create_task(keep_coming())
    while not coming.done():
        await house.redrive.of("bad")
        await asyncio.sleep(0)
    await coming
    await house.redrive.of("bad")
    assert await house.counted() == {"bad": (30, 30)}
    assert await house.pool.fetchval("select count(*) from parked where resolved_at is null") == 0


async def test_a_consumer_whose_marks_are_held_waits_and_blames_no_record(house: House) -> None:
    records = series(["good"])
    await house.hear(records[:1])
    async with house.pool.acquire() as holding, holding.transaction():
        await Ledger("specimen").lock_marks(holding, PLACES, BROKER)
        async with asyncpg.create_pool(**_impatient(house.pool), min_size=1, max_size=1) as pool:
            waiting = asyncio.create_task(dataclasses.replace(house, pool=pool).hear(records[1:]))
            await asyncio.sleep(1.0)
            assert not waiting.done()
            await holding.execute("select 1")
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    assert await house.pool.fetchval("select count(*) from parked") == 0
    await house.hear(records[1:])
    assert await house.counted() == {"good": (5, 5)}


def _impatient(pool: asyncpg.Pool) -> dict[str, object]:
    """The same role, whose wait for a lock is refused after a tenth of a second: many times in the test's one."""
    return {"dsn": pool._connect_args[0], "server_settings": {"lock_timeout": "100ms"}}
