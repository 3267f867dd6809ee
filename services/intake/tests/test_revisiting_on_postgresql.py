"""Detections judged by humans, undone in bulk and tried under another version, on a real PostgreSQL and through the app's own routes."""

import base64
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from intake_house import MIGRATIONS, FreshDatabase, House, entered
from intake_specimens import OTHER_UAI, REFERENCE, UAI, enrolment, enrolments_csv, leaver, leavers_csv
from test_intake_api_on_postgresql import AUDIENCE, ISSUER, _public_keys, basics_of, token

from chassis.callers import TokenVerifier, unguarded_routes
from chassis.event_store import Connection
from chassis.problems import install
from chassis.provision import Database, chassis_migrations, keyring_migrations
from chassis.testing import heard
from contracts.intake import DropoutConfirmed, DropoutContested, DropoutDetected, DropoutWithdrawn
from intake import revisiting
from intake.app import build
from intake.domain.detection import SIEI_V2
from intake.projections.dropouts import DROPOUTS
from intake.revisiting import Revisiting

pytestmark = pytest.mark.stack

OPS, ADVISER, STRANGER = token("ops"), token("adviser", territory=["44"]), token("adviser", territory=["75"])
SENDER, OTHER_SENDER = token("sender", uai=UAI), token("sender", uai=OTHER_UAI)
FIRST = UUID(int=101)
BAC_PRO, NAMES = "24725214311", ("ARBELIN", "BRISCAUT", "CORNEVAL", "DUVALLON", "ESTREMONT", "FALQUIER", "GERMANOU")
ADULT = "2006-05-14"


@dataclass(frozen=True, kw_only=True)
class Office:
    """The routes, the house behind them, and the consumer's own connection."""

    client: httpx.AsyncClient
    house: House
    consumer: asyncpg.Connection

    async def hear(self) -> None:
        """What the consumer would have folded by now."""
        kinds = (DropoutDetected, DropoutContested, DropoutConfirmed, DropoutWithdrawn)
        await self.consumer.execute("delete from dropouts")
        await DROPOUTS.fold(self.consumer, [heard(event) for event in await self.house.events(*kinds)])

    async def say(self, detection_id: UUID, verb: str, headers: dict[str, str], motive: str | None = None) -> httpx.Response:
        body = {"motive": motive} if motive else None
        keyed = {**headers, "Idempotency-Key": str(uuid4())}
        return await self.client.post(f"/detections/{detection_id}/{verb}", json=body, headers=keyed)


@pytest.fixture
async def office(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    dsns = await fresh_database(Database(name="intake", migrations=(chassis_migrations(), MIGRATIONS)))
    keyring_dsns = await fresh_database(Database(name="keyring", migrations=(keyring_migrations(),), login_roles=("app",)))
    key_file = tmp_path / "identity.key"
    key_file.write_text(base64.b64encode(bytes(32)).decode())  # that of the house behind the routes
    consumer = await asyncpg.connect(dsns["consumer"])
    async with entered(dsns["app"], keyring_dsns["app"]) as opened:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.state.verifier = TokenVerifier(_public_keys(), issuer=ISSUER, audience=AUDIENCE)
        install(app)
        for router in build(basics_of(opened, key_file)).routers:
            app.include_router(router)
        assert unguarded_routes(app) == []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://intake") as client:
            yield Office(client=client, house=opened, consumer=consumer)
    await consumer.close()


def revisiting_of(house: House) -> Revisiting:
    handler = house.reader.desk.person_handler
    return Revisiting(pool=house.pool, store=handler.store, handler=handler)  # type: ignore[arg-type]  # the house's store is the real one


async def with_leavers(office: Office, *rows: dict[str, str], list_id: UUID = FIRST, on: date = REFERENCE) -> list[UUID]:
    """Send them, read them, and say which detections there are."""
    await office.house.send(list_id, leavers_csv(*rows), reference_date=on)
    await office.house.read_all()
    await office.hear()
    return [event.detection_id for event in await office.house.events(DropoutDetected) if isinstance(event, DropoutDetected)]


def seven(**changes: str) -> list[dict[str, str]]:
    return [leaver(ine=f"{n:010d}A", nom=name, **changes) for n, name in enumerate(NAMES, start=1)]


async def counts(house: House) -> tuple[int, ...]:
    return tuple([await house.pool.fetchval(f"select count(*) from {table}") for table in ("events", "commands", "touched")])


async def test_a_sender_contests_an_adviser_confirms_or_withdraws_each_within_sight(office: Office) -> None:
    (found,) = await with_leavers(office, leaver())
    for headers, verb in ((OTHER_SENDER, "contest"), (STRANGER, "contest"), (STRANGER, "withdraw")):
        assert (await office.say(found, verb, headers, "diploma_held")).status_code == 404
    for verb in ("confirm", "withdraw"):
        assert (await office.say(found, verb, SENDER, "diploma_held")).status_code == 403
    assert (await office.say(found, "confirm", ADVISER)).status_code == 409
    assert (await office.say(found, "contest", SENDER, "because I say so")).status_code == 422
    assert (await office.say(found, "contest", SENDER, "diploma_held")).status_code == 201
    await office.hear()
    for headers, seen in ((SENDER, 1), (ADVISER, 1), (OPS, 1), (OTHER_SENDER, 0), (STRANGER, 0)):
        assert len((await office.client.get("/detections", headers=headers)).json()["contested"]) == seen
    assert (await office.say(found, "confirm", ADVISER)).status_code == 201
    assert (await office.say(found, "withdraw", ADVISER, "wrong_person")).status_code == 201
    (withdrawn,) = await office.house.events(DropoutWithdrawn)
    assert isinstance(withdrawn, DropoutWithdrawn) and (withdrawn.reason, withdrawn.motive) == ("contested", "wrong_person")
    await office.hear()
    assert (await office.client.get("/detections", headers=OPS)).json() == {"contested": []}


async def test_a_rule_is_undone_with_its_impact_first_and_does_not_find_them_again(office: Office) -> None:
    await with_leavers(office, *seven())
    before = await counts(office.house)
    impact = (await office.client.get("/rules/siei/1/impact", headers=OPS)).json()
    assert impact == {"detections": 7, "contested": 0, "by_flags": {"both": 7}, "by_departement": {"44": 7}}
    assert await counts(office.house) == before
    first = (await office.client.post("/rules/siei/1/undo", headers=OPS)).json()
    again = (await office.client.post("/rules/siei/1/undo", headers=OPS)).json()
    end = (await office.client.post("/rules/siei/1/undo", params={"after": first["after"]}, headers=OPS)).json()
    assert (first["undone"], again["undone"], end) == (7, 0, {"undone": 0, "after": None})
    undone = await office.house.events(DropoutWithdrawn)
    assert Counter(event.reason for event in undone if isinstance(event, DropoutWithdrawn)) == {"rule_undone": 7}
    assert (await office.client.get("/rules/siei/1/impact", headers=OPS)).json()["detections"] == 0
    assert len(await with_leavers(office, *seven(motif_sortie="11"), list_id=UUID(int=102), on=date(2026, 2, 28))) == 7


async def test_undoing_that_was_cut_goes_on_where_it_stood(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisiting, "AT_ONCE", 3)
    await with_leavers(office, *seven())
    room = revisiting_of(office.house)
    cut = await room.undo("siei", 1, after="", actor="ops-1")
    assert (cut.undone, (await room.impact("siei", 1)).detections) == (3, 4)
    done, after = 0, ""
    while True:
        page = await room.undo("siei", 1, after=after, actor="ops-2")
        done += page.undone
        if page.after is None:
            break
        after = page.after
    assert (done, len(await office.house.events(DropoutWithdrawn)), (await room.impact("siei", 1)).detections) == (4, 7, 0)


async def test_undoing_leaves_other_versions_and_other_people_alone(office: Office) -> None:
    await with_leavers(office, leaver())
    assert (await office.client.post("/rules/siei/2/undo", headers=OPS)).json()["undone"] == 0
    assert (await office.client.post("/rules/siei/9/undo", headers=OPS)).status_code == 404
    for headers in (ADVISER, SENDER, token("analyst")):
        assert (await office.client.post("/rules/siei/1/undo", headers=headers)).status_code == 403
    assert await office.house.events(DropoutWithdrawn) == []


async def test_a_what_if_counts_whom_another_version_adds_and_writes_nothing(office: Office) -> None:
    cap_holders = seven(formation=BAC_PRO, diplome_obtenu="04", date_naissance=ADULT)
    plain = [leaver(ine=f"{n:010d}B", nom=f"{name}ON", date_naissance=ADULT) for n, name in enumerate(NAMES, start=1)]
    assert len(await with_leavers(office, *cap_holders, *plain)) == 7
    before = await counts(office.house)
    nothing = {"total": 0, "by_departement": {}}
    same = (await office.client.get("/rules/siei/1/what-if", headers=token("analyst"))).json()
    assert same == {"people": 14, "added": nothing, "removed": nothing}
    other = (await office.client.get("/rules/siei/2/what-if", headers=OPS)).json()
    assert other == {"people": 14, "added": {"total": 7, "by_departement": {"44": 7}}, "removed": nothing}
    assert await counts(office.house) == before
    assert (await office.client.get("/rules/siei/2/what-if", headers=ADVISER)).status_code == 403


async def test_a_what_if_of_few_is_told_neither_by_departement_nor_as_a_sum(office: Office) -> None:
    await with_leavers(office, *seven(formation=BAC_PRO, diplome_obtenu="04", date_naissance=ADULT)[:2])
    for params in ({}, {"region": "52"}, {"departement": "44"}):
        found = (await office.client.get("/rules/siei/2/what-if", params=params, headers=token("analyst"))).json()
        for counts_told in (found["added"], found["removed"]):
            assert (counts_told["total"], set(counts_told["by_departement"].values())) == (None, {None})


async def test_a_what_if_could_not_write_if_it_tried(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await with_leavers(office, leaver())

    async def writes(connection: Connection, _: list[UUID]) -> dict[UUID, str]:
        await connection.execute("delete from touched")
        return {}

    monkeypatch.setattr(revisiting, "_departements", writes)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await revisiting_of(office.house).what_if(SIEI_V2)


async def test_the_funnel_counts_everybody_listed_as_gone_once(office: Office) -> None:
    holders = [leaver(ine=f"{n:010d}C", nom=f"{name}IN", date_naissance=ADULT, diplome_obtenu="07") for n, name in enumerate(NAMES[:2])]
    assert len(await with_leavers(office, *seven(), *holders)) == 7
    await office.house.send(UUID(int=102), enrolments_csv(enrolment(ine=f"{1:010d}A", nom=NAMES[0], uai=OTHER_UAI)), sender=OTHER_UAI)
    await office.house.read_all()
    analyst = (await office.client.get("/rules/siei/1/funnel", headers=token("analyst"))).json()
    assert (analyst["listed"], set(analyst["places"].values())) == (None, {None}), "one alone is enrolled"
    answer = (await office.client.get("/rules/siei/1/funnel", headers=OPS)).json()
    assert answer["listed"] == 9
    assert {place: count for place, count in answer["places"].items() if count} == {"dropout": 6, "enrolled": 1, "diploma_held": 2}
    assert (await office.client.get("/rules/siei/1/funnel", headers=ADVISER)).status_code == 403
    assert (await office.client.get("/rules/siei/9/funnel", headers=OPS)).status_code == 404


async def test_a_funnel_hides_whom_the_figures_hide(office: Office) -> None:
    """One of seven is under one duty alone: the figures tell nothing of the académie, so a funnel of seven may not either."""
    await with_leavers(office, *seven()[:6], leaver(ine="0000000099B", nom="ALVORD", date_naissance=ADULT))
    for params in ({"academie": "17"}, {}):
        asked = [await office.client.get("/rules/siei/1/funnel", params=params, headers=who) for who in (OPS, token("analyst"))]
        exact, hidden = (one.json() for one in asked)
        assert (exact["places"]["dropout"], hidden["listed"], set(hidden["places"].values())) == (7, None, {None})


async def test_what_a_rule_would_do_is_asked_of_a_territory(office: Office) -> None:
    await with_leavers(
        office, *seven(formation=BAC_PRO, diplome_obtenu="04", date_naissance=ADULT), leaver(ine="0000000099B", nom="ALVORD")
    )
    for asked, there in (({"academie": "17"}, 8), ({"region": "52"}, 8), ({"academie": "01"}, 0)):
        funnel = (await office.client.get("/rules/siei/1/funnel", params=asked, headers=OPS)).json()
        assert funnel["listed"] == there == sum(funnel["places"].values())
        found = (await office.client.get("/rules/siei/2/what-if", params=asked, headers=OPS)).json()
        assert found["added"] == ({"total": 7, "by_departement": {"44": 7}} if there else {"total": 0, "by_departement": {}})
        impact = (await office.client.get("/rules/siei/1/impact", params=asked, headers=OPS)).json()
        assert (impact["detections"], impact["by_departement"]) == ((1, {"44": 1}) if there else (0, {}))
    analyst = (await office.client.get("/rules/siei/1/funnel", params={"academie": "17"}, headers=token("analyst"))).json()
    assert (analyst["listed"], set(analyst["places"].values())) == (None, {None}), "one alone has dropped out"
    whole = (await office.client.get("/rules/siei/1/funnel", headers=token("analyst"))).json()
    assert whole["listed"] is None, "or the other seven would say it"
    for path in ("funnel", "what-if", "impact"):
        assert (await office.client.get(f"/rules/siei/1/{path}", params={"region": "98"}, headers=OPS)).status_code == 422
