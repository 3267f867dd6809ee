"""Followup's door on a real database: own territory only, and nobody reads coordinates without leaving a trace."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from chassis.callers import Caller
from chassis.decider import Request
from chassis.event_store import EventStore
from chassis.handler import Handler
from chassis.keyring import Keyring
from chassis.problems import install
from chassis.provision import Database, chassis_migrations, keyring_migrations
from chassis.testing import FixedClock
from contracts.intake import DropoutWithdrawn, Flags
from contracts.personal import Contact, Identity
from followup.api import Desk, routes
from followup.deadlines import deadlines_of
from followup.domain.case import CASE
from followup.domain.commands import OpenCase
from followup.domain.consultation import CONSULTATIONS
from followup.policies import when_dropout_withdrawn_then_close_case

pytestmark = pytest.mark.stack

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
STORE = EventStore(source="/raccroche/followup", clock=FixedClock(NOON))
MASTER = {name: {1: bytes(range(32))} for name in ("identity", "contact", "guardians", "notes")}


class AnyTokenIsATerritory:
    """A verifier for tests: the token names the département."""

    def verify(self, token: str) -> Caller:
        return Caller(actor=f"adviser-{token}", role="adviser", territory=(token,))


@dataclass
class Office:
    client: httpx.AsyncClient
    pool: asyncpg.Pool
    case_id: UUID

    async def asks(self, method: str, path: str, departement: str = "44", **rest: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {departement}", "Idempotency-Key": str(uuid4())}
        return await self.client.request(method, f"/cases/{self.case_id}{path}", headers=headers, **rest)


@pytest.fixture
async def office(fresh_database) -> AsyncIterator[Office]:
    migrations = Path(__file__).parents[1] / "migrations"
    dsns = await fresh_database(Database(name="followup", migrations=(chassis_migrations(), migrations)))
    keys = await fresh_database(Database(name="keyring", migrations=(keyring_migrations(),), login_roles=("app",)))
    async with asyncpg.create_pool(dsns["app"], min_size=1) as pool, asyncpg.create_pool(keys["app"], min_size=1) as key_pool:
        keyring = Keyring(key_pool, MASTER)
        cases = Handler(decider=CASE, store=STORE, pool=pool, timers=deadlines_of)
        case_id, person_id = uuid4(), uuid4()
        command = OpenCase(
            case_id=case_id,
            person_id=person_id,
            detection_id=uuid4(),
            departement="44",
            flags=Flags(l313_7=True, obligation_formation=True),
        )
        await cases.handle(Request(command=command, command_id=uuid4(), actor="test", correlation_id=uuid4()))
        await keyring.ensure([person_id])
        own = (await keyring.keys([person_id]))[person_id]
        identity = Identity(ine=None, family_name="Brandelvoux", first_names=("Ysaline",), birth_date=date(2009, 5, 4))
        admin = await asyncpg.connect(dsns["admin"])
        await admin.execute(SHOWN, case_id, person_id, NOON)
        await admin.execute(SEALED, case_id, person_id, own.seal(identity).token, own.seal(Contact(phones=("+33199001234",))).token)
        await admin.close()
        app = FastAPI()
        app.state.verifier = AnyTokenIsATerritory()
        install(app)
        app.include_router(
            routes(Desk(pool=pool, cases=cases, consultations=Handler(decider=CONSULTATIONS, store=STORE, pool=pool), keyring=keyring))
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://followup") as client:
            yield Office(client, pool, case_id)


SHOWN = """
insert into cases (case_id, person_id, detection_id, departement, l313_7, obligation_formation, status, opened_at, contacts, reached, solutions, deadlines_missed)
values ($1, $2, gen_random_uuid(), '44', true, true, 'open', $3, 0, false, 0, 0)
"""
SEALED = "insert into coordinates (case_id, person_id, identity, contact) values ($1, $2, $3, $4)"


async def test_an_adviser_of_the_territory_reads_coordinates_and_leaves_a_trace(office: Office) -> None:
    answer = await office.asks("GET", "/coordinates?purpose=contact")
    assert answer.json()["identity"]["family_name"] == "Brandelvoux"
    assert answer.headers["cache-control"] == "no-store"
    kept = await office.pool.fetchrow(
        "select actor, private, convert_from(body, 'utf8') as body from events where type like '%CoordinatesConsulted%'"
    )
    assert (kept["actor"], kept["private"]) == ("adviser-44", True)
    assert '"purpose":"contact"' in kept["body"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/coordinates?purpose=contact", None),
        ("POST", "/contacts", {"channel": "phone", "outcome": "reached"}),
        ("POST", "/close", {"motive": "unreachable"}),
    ],
)
async def test_a_case_elsewhere_is_as_if_there_were_none(office: Office, method: str, path: str, body: object) -> None:
    answer = await office.asks(method, path, departement="85", **({"json": body} if body else {}))
    assert answer.status_code == 404
    assert await office.pool.fetchval("select count(*) from events") == 1, "nothing but the opening is written"


async def test_unknown_fields_and_values_are_refused_by_name(office: Office) -> None:
    answer = await office.asks("POST", "/contacts", json={"channel": "pigeon", "outcome": "reached", "nationality": "x"})
    assert answer.status_code == 422
    assert "pigeon" not in answer.text
    assert "body.channel" in answer.text


async def test_the_clock_of_a_minor_is_set_for_three_calendar_months(office: Office) -> None:
    due = await office.pool.fetchval("select due_at from timers where kind = 'reorientation_interview'")
    assert due == datetime(2026, 5, 1, 22, tzinfo=UTC), "the first instant of 2 May in Paris: the first of May is the last day"


async def test_a_withdrawn_dropout_is_no_advisers_motive(office: Office) -> None:
    for motive in ("dropout_withdrawn", "erased"):
        assert (await office.asks("POST", "/close", json={"motive": motive})).status_code == 422


async def test_nothing_more_is_written_in_the_case_of_somebody_who_was_erased(office: Office) -> None:
    erased = DropoutWithdrawn(person_id=uuid4(), detection_id=uuid4(), reason="erased", facts=())
    (close,) = when_dropout_withdrawn_then_close_case(erased)
    wish = Request(command=replace(close, case_id=office.case_id), command_id=uuid4(), actor="test", correlation_id=uuid4())
    await Handler(decider=CASE, store=STORE, pool=office.pool, timers=deadlines_of).handle(wish)
    answers = [
        await office.asks("POST", "/contacts", json={"channel": "phone", "outcome": "reached"}),
        await office.asks(
            "POST", "/bilan", json={"level": 3, "wishes": [], "search_area": ["44"], "age": 17, "available_from": "2026-02-09"}
        ),
    ]
    assert [one.status_code for one in answers] == [409, 409]
    told = await office.pool.fetch("select type, convert_from(body, 'utf8') as body from events order by stream_version")
    assert [row["type"].split(".")[-2] for row in told] == ["CaseOpened", "CaseClosed"]
    assert '"motive":"erased"' in told[1]["body"]
