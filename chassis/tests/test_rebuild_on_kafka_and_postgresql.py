"""Rebuilding a projection beside the live one, on a real broker and database: equal or not at all, and nothing else comes of it."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import asyncpg
import pytest
from rebuild_house import KEPT_APART, RebuildHouse, as_it_is, case, changes, fresh_topics, rebuild_house
from specimens import CLOCK, NOON, id_of, said, seats

from chassis.beside import beside
from chassis.parked import discard, parked
from chassis.planning import plan
from chassis.provision import Database, chassis_migrations
from chassis.rebuild import AlreadyRunning, NotInTime
from chassis.redrive import Redrive
from chassis.subscription import Subscription

pytestmark = pytest.mark.stack


@pytest.fixture
async def house(fresh_database, stack, monkeypatch) -> AsyncIterator[RebuildHouse]:
    topic_of = fresh_topics()
    for module in ("consumer", "one_subject", "planning"):
        monkeypatch.setattr(f"chassis.{module}.topic_of", topic_of)
    dsns = await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))
    async with rebuild_house(dsns, stack.bootstrap, topic_of) as house:
        yield house


OFFERS = [f"specimen--{n}" for n in range(30)]

TABLES = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by relname"

CATALOGUE = """
select json_build_object(
  'columns', (select json_agg(row(attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(d.adbin, d.adrelid)) order by attnum)
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where attrelid = c.oid and attnum > 0),
  'owner', c.relowner::regrole, 'options', c.reloptions,
  'grants', (select json_agg(x::text order by x::text) from aclexplode(c.relacl) x),
  'column grants', (select json_agg(row(attname, x::text) order by attname, x::text)
    from pg_attribute a, aclexplode(a.attacl) x where a.attrelid = c.oid),
  'indexes', (select json_agg(pg_get_indexdef(indexrelid) order by 1) from (select indexrelid from pg_index where indrelid = c.oid order by indexrelid::regclass::text) i),
  'constraints', (select json_agg(row(conname, pg_get_constraintdef(oid)) order by conname) from pg_constraint where conrelid = c.oid)
)::text from pg_class c where c.oid = 'public.counted'::regclass
"""


async def test_what_is_rebuilt_is_equal_takes_the_place_of_the_live_table_and_is_made_as_it_was(house: RebuildHouse) -> None:
    await house.say(changes(OFFERS, 5))
    await house.hear()
    catalogue, rows, oid = (
        await house.admin.fetchval(CATALOGUE),
        await house.rows(),
        await house.admin.fetchval("select 'counted'::regclass::oid"),
    )
    rebuilt = await house.rebuild().run()
    assert (rebuilt.switched, rebuilt.comparison.equal, rebuilt.comparison.differ) == (True, 30, False)
    assert rebuilt.records == 150
    assert await house.admin.fetchval("select 'counted'::regclass::oid") != oid
    assert await house.admin.fetchval(CATALOGUE) == catalogue
    assert await house.rows() == rows
    assert await house.left_over() == []
    await house.say(changes(OFFERS, 1, start=6))
    await house.hear()
    assert {row[:2] for row in (await house.rows()).values()} == {(6, 6)}, "and the live consumer goes on in it"


async def test_records_that_waited_for_a_fact_are_in_it(house: RebuildHouse) -> None:
    referrals, cases = zip(*(case(n) for n in range(4)), strict=True)
    await house.say([*referrals, *cases[:3]])
    await house.hear()
    assert len(await house.rows("accepted")) == 3
    rebuilt = await house.rebuild("accepted").run()
    assert (rebuilt.switched, rebuilt.comparison.equal) == (True, 3)
    await house.say(cases[3:])
    await house.hear()
    assert len(await house.rows("accepted")) == 4


async def test_under_live_traffic_it_ends_equal_and_a_reader_is_never_refused(house: RebuildHouse) -> None:
    await house.say(changes(OFFERS, 5))
    stop = asyncio.Event()

    async def go_on() -> int:
        done = 5
        while not stop.is_set():
            done += 1
            await house.say(changes(OFFERS, 1, start=done))
        return done

    async def read_on() -> int:
        reads = 0
        async with asyncpg.create_pool(house.dsns["app"], min_size=2, max_size=2) as pool:
            while not stop.is_set():
                assert len(await pool.fetch("select offer_id, times from counted where times > $1", 0)) == 30
                reads += 1
        return reads

    async with house.living():
        while len(await house.rows()) < 30:
            await asyncio.sleep(0.05)
        saying, looking = asyncio.create_task(go_on()), asyncio.create_task(read_on())
        rebuilt = [await house.rebuild().run() for _ in range(3)]
        stop.set()
        done, reads = await asyncio.gather(saying, looking)
        async with asyncio.timeout(20):
            while {row[:2] for row in (await house.rows()).values()} != {(done, done)}:
                await asyncio.sleep(0.05)
    assert [one.switched for one in rebuilt] == [True] * 3
    assert not any(one.comparison.differ for one in rebuilt)
    assert rebuilt[-1].records > rebuilt[0].records, "there was traffic"
    assert reads > 20
    assert await house.admin.fetchval("select count(*) from parked") == 0
    assert await house.left_over() == []


async def test_a_damaged_row_is_found_and_named_nothing_is_switched_and_accepting_repairs_it(house: RebuildHouse) -> None:
    await house.say(changes(OFFERS, 3))
    await house.hear()
    rows, oid = await house.rows(), await house.admin.fetchval("select 'counted'::regclass::oid")
    await house.admin.execute("update counted set times = 9 where offer_id = 'specimen--4'")
    await house.admin.execute("delete from counted where offer_id = 'specimen--5'")
    await house.admin.execute("insert into counted values ('nobody', 1, 1)")
    damaged = await house.rows()
    rebuilt = await house.rebuild().run()
    assert not rebuilt.switched
    assert rebuilt.comparison.named == (("specimen--4", "different"), ("nobody", "only live"), ("specimen--5", "only rebuilt"))
    assert (rebuilt.comparison.equal, rebuilt.comparison.different) == (28, 1)
    assert (await house.rows(), await house.admin.fetchval("select 'counted'::regclass::oid")) == (damaged, oid)
    assert await house.left_over() == []
    assert (await house.rebuild().run(accept=True)).switched
    assert await house.rows() == rows


async def test_nothing_but_rows_comes_of_a_rebuild(house: RebuildHouse) -> None:
    await house.say([*changes(OFFERS, 3), *case(1)])
    await house.hear()
    for table in KEPT_APART:
        await house.admin.execute(f"delete from {table}")
    before = await house.digests(KEPT_APART)
    assert (await house.rebuild().run()).switched
    assert (await house.rebuild("accepted").run()).switched
    await house.one_subject().check("specimen--1", accept=True)
    assert await house.digests(KEPT_APART) == before


async def test_that_check_finds_a_subscription_that_is_not_closed(house: RebuildHouse, monkeypatch) -> None:
    await house.say(changes(OFFERS, 3))
    await house.hear()
    for table in KEPT_APART:
        await house.admin.execute(f"delete from {table}")
    before = await house.digests(KEPT_APART)
    monkeypatch.setattr("chassis.rebuild.beside", as_it_is)
    await house.rebuild().run()
    after = await house.digests(KEPT_APART)
    assert [name for name in KEPT_APART if after[name] != before[name]] == list(KEPT_APART)


def test_what_a_rebuild_may_have_is_named_and_everything_else_is_closed() -> None:
    live = RebuildHouse(dsns={}, bootstrap="", pool=None, admin=None, broker=None, places=[]).subscription()  # type: ignore[arg-type]
    apart = beside(live, live.projections[0], table="rebuild.counted")
    may_have = {"consumer", "actor", "speakers", "projections", "needs"}
    defaults = Subscription(consumer="", actor="", speakers=())
    for one in dataclasses.fields(Subscription):
        assert one.name in may_have or getattr(apart, one.name) == getattr(defaults, one.name), one.name
    assert apart.speakers == ("offers", "followup"), "what offers says may have to wait for what followup says"
    assert beside(dataclasses.replace(live, needs={}), live.projections[0], table="x").speakers == ("offers",)


async def test_a_killed_rebuild_goes_on_where_it_was(house: RebuildHouse, monkeypatch) -> None:
    await house.say(changes(OFFERS, 20))
    await house.hear()
    monkeypatch.setattr("chassis.reading.AT_ONCE", 100)

    def die(done: int, _: int) -> None:
        if done >= 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await house.rebuild(progress=die).run()
    assert set(await house.left_over()) >= {"marks", "watermarks", "counted"}
    rebuilt = await house.rebuild().run()
    assert (rebuilt.resumed, rebuilt.switched, rebuilt.comparison.equal) == (True, True, 30)
    assert 0 < rebuilt.records <= 300
    assert await house.left_over() == []


async def test_begun_anew_it_hears_all_of_it(house: RebuildHouse, monkeypatch) -> None:
    await house.say(changes(OFFERS, 20))
    await house.hear()
    monkeypatch.setattr("chassis.reading.AT_ONCE", 100)
    with pytest.raises(ZeroDivisionError):
        await house.rebuild(progress=lambda done, _: 1 // (done < 300)).run()
    rebuilt = await house.rebuild().run(anew=True)
    assert (rebuilt.resumed, rebuilt.records, rebuilt.switched) == (False, 600, True)


async def test_what_the_live_consumer_set_aside_is_passed_over_until_it_is_redriven(house: RebuildHouse) -> None:
    """One is redriven, one discarded, one unreadable, one waits for a decision: the two are equal at each step."""
    house.fails = {("specimen--1", 3), ("specimen--2", 3), ("specimen--3", 3)}
    unreadable = dataclasses.replace(said(seats(1, "torn"), version=1, offset=0), value=b"{}")
    await house.say([*changes(OFFERS[:5], 5), unreadable, *changes(["torn"], 2, start=2)])
    await house.hear()
    house.fails = set()
    assert (await house.rebuild().run()).switched, "the fix alone changes nothing: what is set aside waits for its redrive"
    redrive = Redrive(subscription=house.subscription(), pool=house.pool, broker=house.broker, places=house.places, clock=CLOCK)
    await redrive.of("specimen--1")
    async with house.pool.acquire() as connection:
        for subject in ("specimen--2", "torn"):
            first, *_ = await parked(connection, "specimen", subject=subject)
            await discard(connection, "specimen", first.id, because="a human said so", now=NOON)
    await redrive.of("specimen--2")
    await redrive.of("torn")
    times = {offer: row[0] for offer, row in (await house.rows()).items()}
    assert times == {"specimen--0": 5, "specimen--1": 5, "specimen--2": 4, "specimen--3": 2, "specimen--4": 5, "torn": 2}
    rebuilt = await house.rebuild().run()
    assert (rebuilt.switched, rebuilt.comparison.equal) == (True, 6)
    await redrive.of("specimen--3")
    assert (await house.rows())["specimen--3"][0] == 5, "nothing was had twice"
    assert (await house.rebuild().run()).switched


async def test_code_that_fails_where_the_live_consumer_did_not_is_never_switched(house: RebuildHouse) -> None:
    await house.say(changes(OFFERS[:3], 5))
    await house.hear()
    house.fails = {("specimen--1", 4)}
    rows = await house.rows()
    rebuilt = await house.rebuild().run(accept=True)
    assert not rebuilt.switched
    assert [one.reason for one in rebuilt.failed] == ["ZeroDivisionError", "behind a parked record of the same subject"]
    assert rebuilt.comparison.named == (("specimen--1", "different"),)
    assert await house.rows() == rows
    assert await house.left_over() == []


async def test_a_reader_that_holds_the_table_delays_the_switch_and_stops_no_other_reader(house: RebuildHouse) -> None:
    await house.say(changes(OFFERS, 3))
    await house.hear()
    async with asyncpg.create_pool(house.dsns["app"], min_size=2, max_size=2) as pool, pool.acquire() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.fetch("select offer_id from counted")
        rebuilding = asyncio.create_task(house.rebuild(rename_seconds=0.3).run())
        for _ in range(15):
            async with asyncio.timeout(10):
                assert await pool.fetchval("select count(*) from counted") == 30
            await asyncio.sleep(0.1)
        assert not rebuilding.done()
        await transaction.rollback()
        assert (await rebuilding).switched


async def test_a_comparison_that_takes_too_long_lets_the_live_consumer_go_and_changes_nothing(house: RebuildHouse) -> None:
    await house.say(changes(OFFERS, 3))
    await house.hear()
    rows = await house.rows()
    with pytest.raises(NotInTime):
        await house.rebuild(pause_seconds=0.001).run()
    assert await house.rows() == rows
    async with asyncio.timeout(5):
        await house.say(changes(OFFERS, 1, start=4))
        await house.hear()


async def test_two_rebuilds_of_one_projection_do_not_run_at_once(house: RebuildHouse) -> None:
    async with house.rebuild()._alone():
        with pytest.raises(AlreadyRunning):
            await house.rebuild().run()
        assert (await house.rebuild("accepted").run()).switched


async def test_what_is_no_projection_is_neither_opened_nor_switched_nor_dropped(house: RebuildHouse) -> None:
    tables = [row["relname"] for row in await house.admin.fetch(TABLES)]
    assert {"events", "commands", "outbox", "timers", "marks", "watermarks", "waiting", "known_subjects", "parked", "seen"} < set(tables)
    for table in {*tables} - {"counted", "accepted"}:
        for statement in ("rebuild_open('{0}')", "rebuild_switch('{0}')", "rebuild_drop('{0}', 'specimen~{0}')"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await house.pool.execute("select " + statement.format(table))
    assert [row["relname"] for row in await house.admin.fetch(TABLES)] == tables


async def test_the_live_consumers_hearing_cannot_be_dropped(house: RebuildHouse) -> None:
    await house.say(changes(OFFERS[:1], 3))
    await house.hear()
    for name in ("specimen", "specimen~accepted", "counted"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.pool.execute("select rebuild_drop('counted', $1)", name)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await house.pool.execute("delete from marks")
    assert await house.admin.fetchval("select count(*) from marks where consumer = 'specimen'") == 1


async def test_a_table_on_which_others_depend_is_refused(house: RebuildHouse) -> None:
    await house.admin.execute(f"set role {house.dsns['name']}_owner; create view looked_at as select * from counted; reset role")
    with pytest.raises(asyncpg.DependentObjectsStillExistError):
        await house.pool.execute("select rebuild_open('counted')")


async def test_no_other_role_may_rebuild(house: RebuildHouse) -> None:
    for role in ("app", "relay"):
        connection = await asyncpg.connect(house.dsns[role])
        for statement in ("rebuild_open('counted')", "rebuild_switch('counted')", "rebuild_drop('counted', 'specimen~counted')"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"select {statement}")
        await connection.close()


async def test_the_rows_of_one_subject_are_checked_and_replaced_alone(house: RebuildHouse) -> None:
    await house.say(changes(OFFERS[:4], 5))
    await house.hear()
    rows = await house.rows()
    checked = await house.one_subject().check("specimen--1")
    assert (checked.records, checked.replaced) == (5, False)
    assert checked.comparison is not None
    assert (checked.comparison.equal, checked.comparison.differ) == (1, False)
    await house.admin.execute("update counted set times = 7 where offer_id in ('specimen--1', 'specimen--2')")
    checked = await house.one_subject().check("specimen--1")
    assert checked.comparison is not None
    assert checked.comparison.named == (("specimen--1", "different"),)
    assert (await house.rows())["specimen--1"][0] == 7, "nothing is changed unless told to"
    assert (await house.one_subject().check("specimen--1", accept=True)).replaced
    assert (await house.rows())["specimen--1"] == rows["specimen--1"]
    assert (await house.rows())["specimen--2"][0] == 7, "nor anybody else's"
    await house.admin.execute("delete from counted where offer_id = 'specimen--1'")
    assert (await house.one_subject().check("specimen--1", accept=True)).replaced
    assert (await house.rows())["specimen--1"] == rows["specimen--1"]
    assert await house.left_over() == []
    assert (await house.one_subject().check("nobody")).records == 0


async def test_one_subject_with_records_set_aside_is_compared_without_them(house: RebuildHouse) -> None:
    house.fails = {("specimen--1", 3)}
    await house.say([*changes(OFFERS[:2], 5), *case(7)])
    await house.hear()
    assert (await house.one_subject().check("specimen--0")).failed == None  # noqa: E711
    checked = await house.one_subject().check("specimen--1")
    assert checked.comparison is not None
    assert not checked.comparison.differ
    house.fails = {("specimen--0", 2)}
    failed = await house.one_subject().check("specimen--0", accept=True)
    assert (failed.comparison, failed.replaced) == (None, False)
    assert failed.failed is not None
    assert failed.failed.startswith("ZeroDivisionError")
    referral = await house.one_subject("accepted").check(str(id_of("person 7")))
    assert (referral.records, referral.comparison and referral.comparison.equal) == (2, 1)


async def test_a_plan_counts_and_writes_nothing(house: RebuildHouse) -> None:
    await house.say(changes(OFFERS, 5))
    await house.hear()
    everything = (*KEPT_APART, "marks", "watermarks", "parked", "counted")
    before = await house.digests(everything)
    live = house.subscription()
    found = await plan(house.pool, live, live.projections[0], beside(live, live.projections[0], table="counted"))
    assert (list(found.records.values()), found.rows, found.parked, found.heard_before) == ([150, 0], 30, 0, 0)
    assert found.bytes > 0
    assert await house.digests(everything) == before
    assert await house.left_over() == []
