"""Durable timers on a real PostgreSQL: each rings once, when it is due by the injected clock, and again after a lost race."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import asyncpg
import pytest
from specimens import NOON, SEATS, STORE, HoldSeat, hold, id_of

from chassis.decider import Trace
from chassis.event_store import Conflict, Connection
from chassis.handler import Handler
from chassis.provision import Database, chassis_migrations
from chassis.testing import FixedClock
from chassis.timers import Timer, fire_due, keep_firing, ringing, set_timers

pytestmark = pytest.mark.stack


@pytest.fixture
async def pool(fresh_database) -> AsyncIterator[asyncpg.Pool]:
    dsns = await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))
    async with asyncpg.create_pool(dsns["consumer"], min_size=2, max_size=6) as pool:
        yield pool


async def set_one(pool: asyncpg.Pool, name: str = "answer", after: timedelta = timedelta(hours=1)) -> None:
    timer = Timer(timer_id=id_of(name), due_at=NOON + after, kind="hold", subject="specimen--1", body=b"{}", trace=Trace())
    async with pool.acquire() as connection:
        await set_timers(connection, [timer])


class Ring:
    """Holds a seat for each timer, as a service would ask; loses the first `losing` races."""

    def __init__(self, pool: asyncpg.Pool, losing: int = 0) -> None:
        self.handler = Handler(decider=SEATS, store=STORE, pool=pool)
        self.losing = losing
        self.rung = asyncio.Event()

    async def __call__(self, connection: Connection, timers: Sequence[Timer]) -> None:
        requests = [ringing(timer, HoldSeat(offer_id=timer.subject), actor="/raccroche/specimen") for timer in timers]
        await self.handler.handle_in(connection, requests)
        if self.losing:
            self.losing -= 1
            raise Conflict("somebody wrote first")
        self.rung.set()


async def held(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("select count(*) from events"))


async def test_a_timer_rings_when_it_is_due_and_once(pool: asyncpg.Pool) -> None:
    await set_one(pool)
    clock, ring = FixedClock(NOON), Ring(pool)
    assert await fire_due(pool, clock, ring) == 0
    clock.at = NOON + timedelta(hours=1)
    assert [await fire_due(pool, clock, ring) for _ in range(3)] == [1, 0, 0]
    assert await held(pool) == 1


async def test_set_twice_it_rings_once(pool: asyncpg.Pool) -> None:
    await set_one(pool)
    await set_one(pool)
    assert await fire_due(pool, FixedClock(NOON + timedelta(days=1)), Ring(pool)) == 1


async def test_two_instances_ring_each_timer_once_between_them(pool: asyncpg.Pool) -> None:
    for number in range(20):
        await set_one(pool, f"timer {number}")
    late = FixedClock(NOON + timedelta(days=1))
    await asyncio.gather(*(fire_due(pool, late, Ring(pool)) for _ in range(4)))
    assert await held(pool) == 20
    assert await pool.fetchval("select count(*) from timers where fired_at is null") == 0


async def test_a_lost_race_rolls_back_and_rings_again_without_ending_the_loop(pool: asyncpg.Pool) -> None:
    await set_one(pool)
    ring = Ring(pool, losing=2)
    firing = asyncio.create_task(keep_firing(pool, FixedClock(NOON + timedelta(days=1)), ring, lambda: None))
    await asyncio.wait_for(ring.rung.wait(), 20)
    assert not firing.done()
    firing.cancel()
    assert await held(pool) <= 1


async def test_what_a_ring_asked_stands_with_the_timer_or_not_at_all(pool: asyncpg.Pool) -> None:
    await set_one(pool)
    with pytest.raises(Conflict):
        await fire_due(pool, FixedClock(NOON + timedelta(days=1)), Ring(pool, losing=1))
    assert await held(pool) == 0
    assert await pool.fetchval("select fired_at from timers") is None


async def test_the_handlers_own_race_is_the_same(pool: asyncpg.Pool) -> None:
    """Sixteen writers beside a ringing timer: every seat is held once, none is lost."""
    await set_one(pool)
    ring = Ring(pool)
    firing = asyncio.create_task(keep_firing(pool, FixedClock(NOON + timedelta(days=1)), ring, lambda: None))
    await asyncio.gather(*(ring.handler.handle(hold()) for _ in range(16)))
    await asyncio.wait_for(ring.rung.wait(), 20)
    async with asyncio.timeout(20):
        while await held(pool) < 17:
            await asyncio.sleep(0.02)
    firing.cancel()
    assert await held(pool) == 17
