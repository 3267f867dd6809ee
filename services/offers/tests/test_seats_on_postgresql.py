"""Seats under real concurrency: sixteen want one and one gets it; one case asks twice at once and is referred once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.decider import Request
from chassis.event_store import EventStore
from chassis.handler import Handler
from chassis.provision import Database, chassis_migrations
from chassis.testing import FixedClock
from contracts.offers import OfferPublished
from offers.deadlines import deadlines_of
from offers.domain.commands import MakeReferral, PublishOffer
from offers.domain.decisions import SHELF

pytestmark = pytest.mark.stack

MIGRATIONS = Path(__file__).parents[1] / "migrations"
STORE = EventStore(source="/raccroche/offers", clock=FixedClock(datetime(2026, 2, 1, 12, tzinfo=UTC)))


@pytest.fixture
async def pool(fresh_database) -> AsyncIterator[asyncpg.Pool]:
    dsns = await fresh_database(Database(name="offers", migrations=(chassis_migrations(), MIGRATIONS)))
    async with asyncpg.create_pool(dsns["app"], min_size=16, max_size=16) as pool:
        yield pool


def asked[C](command: C) -> Request[C]:
    return Request(command=command, command_id=uuid4(), actor="tester", correlation_id=uuid4(), route="test")


def referral_of(case_id: UUID, offer_id: str = "catalogue--1") -> Request[MakeReferral]:
    command = MakeReferral(
        case_id=case_id,
        offer_id=offer_id,
        person_id=uuid4(),
        bilan_id=uuid4(),
        age=18,
        search_area=("44",),
        at=datetime(2026, 2, 1, 9, tzinfo=UTC),
    )
    return asked(command)


async def publish(pool: asyncpg.Pool, seats: int) -> Handler:
    offer = OfferPublished(
        offer_id="catalogue--1", name="Atelier", organisation="asso", themes=(), status="stagiaire", min_age=16, max_age=25,
        departements=("44",), seats=seats, answer_within_days=10,
    )  # fmt: skip
    await Handler(decider=SHELF, store=STORE, pool=pool).handle(asked(PublishOffer(offer=offer)))
    return Handler(decider=SHELF, store=STORE, pool=pool, timers=deadlines_of)


async def made(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("select count(*) from events where type like '%.ReferralMade.v1'"))


async def test_sixteen_concurrent_referrals_for_one_seat_give_exactly_one(pool: asyncpg.Pool) -> None:
    handler = await publish(pool, seats=1)
    outcomes = await asyncio.gather(*(handler.handle(referral_of(uuid4())) for _ in range(16)))
    assert sorted(outcome.status for outcome in outcomes) == ["done", *["refused"] * 15]
    assert {outcome.reason for outcome in outcomes} == {None, "no seat is free"}
    assert await made(pool) == 1
    assert await pool.fetchval("select count(*) from timers where kind = 'answer_by'") == 1


async def test_one_case_referred_sixteen_times_at_once_is_referred_once(pool: asyncpg.Pool) -> None:
    handler = await publish(pool, seats=16)
    case_id = uuid4()
    outcomes = await asyncio.gather(*(handler.handle(referral_of(case_id)) for _ in range(16)))
    assert [outcome.status for outcome in outcomes].count("done") == 1
    assert await made(pool) == 1


async def test_seats_for_all_are_held_by_all(pool: asyncpg.Pool) -> None:
    handler = await publish(pool, seats=16)
    outcomes = await asyncio.gather(*(handler.handle(referral_of(uuid4())) for _ in range(16)))
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert await made(pool) == 16
