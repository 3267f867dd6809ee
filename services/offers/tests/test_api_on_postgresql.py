"""Offers' door on a real database: who may publish, refer and answer; and what a closed case does to a referral on its way."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from chassis.callers import Caller
from chassis.decider import Request
from chassis.event_store import EventStore
from chassis.problems import install
from chassis.provision import Database, chassis_migrations
from chassis.testing import FixedClock
from chassis.timers import fire_due
from offers.api import Desk, routes
from offers.cancelling import Cancelling
from offers.deadlines import Ringing, deadlines_of
from offers.domain.commands import CancelReferral
from offers.domain.decisions import SHELF

pytestmark = pytest.mark.stack

CLOCK = FixedClock(datetime(2026, 2, 1, 12, tzinfo=UTC))
STORE = EventStore(source="/raccroche/offers", clock=CLOCK)
OFFER = {
    "name": "Atelier", "organisation": "asso", "themes": ["métiers"], "status": "stagiaire", "min_age": 16, "max_age": 25,
    "departements": ["44"], "seats": 1, "answer_within_days": 10,
}  # fmt: skip


class TokenSaysIt:
    """A verifier for tests: `role:organisation or département`."""

    def verify(self, token: str) -> Caller:
        role, _, of = token.partition(":")
        return Caller(actor=token, role=role, organisation=of or None, territory=(of,) if role == "adviser" else ())


@dataclass
class House:
    client: httpx.AsyncClient
    pool: asyncpg.Pool
    consumer: asyncpg.Pool
    handler: Cancelling
    admin: asyncpg.Connection

    async def asks(self, who: str, method: str, path: str, body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {who}", "Idempotency-Key": str(uuid4())}
        return await self.client.request(method, path, headers=headers, json=body)

    async def case(self, *, bilan: bool = True, is_open: bool = True) -> UUID:
        """A case of Loire-Atlantique as followup told of it."""
        case_id = uuid4()
        await self.admin.execute(CASE, case_id, uuid4(), uuid4() if bilan else None, is_open)
        return case_id

    async def referred(self, case_id: UUID, who: str = "adviser:44", offer: str = "asso--1") -> httpx.Response:
        return await self.asks(who, "POST", "/referrals", {"case_id": str(case_id), "offer_id": offer})


CASE = """
insert into cases (case_id, person_id, departement, bilan_id, age, search_area, is_open)
values ($1, $2, '44', $3, 17, '{44}', $4)
"""


def referral_in(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    (stream,) = {event["stream"] for event in answer.json()["events"] if event["stream"].startswith("referral-")}
    return str(stream).removeprefix("referral-")


@pytest.fixture
async def house(fresh_database) -> AsyncIterator[House]:
    dsns = await fresh_database(Database(name="offers", migrations=(chassis_migrations(), Path(__file__).parents[1] / "migrations")))
    admin = await asyncpg.connect(dsns["admin"])
    async with asyncpg.create_pool(dsns["app"], min_size=1) as pool, asyncpg.create_pool(dsns["consumer"], min_size=1) as consumer:
        handler = Cancelling(decider=SHELF, store=STORE, pool=pool, timers=deadlines_of)
        app = FastAPI()
        app.state.verifier = TokenSaysIt()
        install(app)
        app.include_router(routes(Desk(pool=pool, handler=handler, clock=CLOCK)))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://offers") as client:
            house = House(client, pool, consumer, handler, admin)
            assert (await house.asks("platform:asso", "PUT", "/offers/asso--1", OFFER)).status_code in {200, 201}
            yield house
    await admin.close()


async def test_a_platform_publishes_its_own_organisations_offers_only(house: House) -> None:
    assert (await house.asks("platform:other", "PUT", "/offers/asso--2", OFFER)).status_code == 403
    assert (await house.asks("adviser:44", "PUT", "/offers/asso--2", OFFER)).status_code == 403


async def test_ages_that_nobody_can_have_are_refused(house: House) -> None:
    answer = await house.asks("platform:asso", "PUT", "/offers/asso--3", {**OFFER, "min_age": 30, "max_age": 16})
    assert answer.status_code == 422


async def test_an_adviser_refers_a_case_of_the_own_territory_only(house: House) -> None:
    case_id = await house.case()
    assert (await house.referred(case_id, "adviser:85")).status_code == 404
    assert (await house.referred(uuid4())).status_code == 404
    referral_in(await house.referred(case_id))


async def test_no_referral_without_a_bilan_or_of_a_closed_case(house: House) -> None:
    assert (await house.referred(await house.case(bilan=False))).status_code == 409
    assert (await house.referred(await house.case(is_open=False))).status_code == 409
    assert await house.pool.fetchval("select count(*) from events where type like '%ReferralMade%'") == 0


async def test_only_the_host_answers(house: House) -> None:
    referral = referral_in(await house.referred(await house.case()))
    for path, body in (("accept", {}), ("decline", {"motive": "other"})):
        assert (await house.asks("platform:other", "POST", f"/referrals/{referral}/{path}", body)).status_code == 404
        assert (await house.asks("adviser:44", "POST", f"/referrals/{referral}/{path}", body)).status_code == 403
    assert (await house.asks("platform:asso", "POST", f"/referrals/{referral}/accept", {})).status_code == 201
    assert (await house.asks("platform:asso", "POST", f"/referrals/{referral}/decline", {"motive": "other"})).status_code == 409


async def test_a_closed_case_frees_the_seat_for_the_next_one(house: House) -> None:
    first = await house.case()
    referral_in(await house.referred(first))
    assert (await house.referred(await house.case())).status_code == 409
    cancel = Request(command=CancelReferral(case_id=first, reason="case_closed"), command_id=uuid4(), actor="test", correlation_id=uuid4())
    await house.handler.handle(cancel)
    referral_in(await house.referred(await house.case()))


async def test_an_unanswered_referral_expires_when_its_last_day_is_over_in_paris(house: House) -> None:
    referral_in(await house.referred(await house.case()))
    ring = Ringing(handler=house.handler)
    last_minute, over = datetime(2026, 2, 11, 22, 59, tzinfo=UTC), datetime(2026, 2, 11, 23, tzinfo=UTC)
    assert await fire_due(house.consumer, FixedClock(last_minute), ring) == 0
    assert await fire_due(house.consumer, FixedClock(over), ring) == 1
    referral_in(await house.referred(await house.case()))
