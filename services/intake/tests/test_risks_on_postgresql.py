"""Signals of risk by HTTP: judged and identified as reports are, listed apart from dropouts, and nothing follows from them."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from intake_house import FreshDatabase
from intake_specimens import LEAVER, OTHER_UAI, UAI, enrolment, enrolments_csv, leaver, leavers_csv
from test_intake_api_on_postgresql import OPS, SENDER, Entrance, opened_entrance, token
from test_reports_on_postgresql import ADVISER, PLATFORM, persons, read_lists, report

from chassis.keyring import Erased
from chassis.testing import heard
from contracts.intake import DropoutDetected, EnrolmentSeen, ExitSeen, ListLineHeld, ReportReceived, RiskSignalled
from contracts.personal import Contact, Identity
from intake.batch import CELLS
from intake.formats.cells import Risk
from intake.projections.dropouts import DROPOUTS
from intake.projections.risks import RISKS
from intake.risks import COLUMNS

pytestmark = pytest.mark.stack

WHO = {name: LEAVER[name] for name in COLUMNS}


def absences(**changes: object) -> dict[str, object]:
    return {**WHO, "signal": "absences", "demi_journees": 12, "mois": "2026-01", **changes}


def no_assignment(**changes: object) -> dict[str, object]:
    return {**WHO, "signal": "no_assignment", "annee_scolaire": 2025, **changes}


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    async with opened_entrance(fresh_database, tmp_path) as opened:
        yield opened


async def signalled(door: Entrance, body: object, *, headers: dict[str, str] = SENDER, key: UUID | None = None) -> httpx.Response:
    return await report(door, body, headers=headers, key=key, path="/risks")


async def shown(door: Entrance, headers: dict[str, str], **asked: str) -> list[dict[str, object]]:
    """What `GET /risks` says when the consumer has heard all."""
    consumer = await asyncpg.connect(door.house.dsns[0].replace("_app:", "_consumer:"))
    try:
        await consumer.execute("delete from risks")
        await consumer.execute("delete from dropouts")
        await RISKS.fold(consumer, [heard(event) for event in await door.house.events(RiskSignalled)])
        await DROPOUTS.fold(consumer, [heard(event) for event in await door.house.events(DropoutDetected)])
    finally:
        await consumer.close()
    answer = await door.client.get("/risks", params=asked, headers=headers)
    assert answer.status_code == 200
    return list(answer.json()["risks"])


async def test_absences_are_a_signal_with_sealed_identity_and_nothing_is_decided(door: Entrance) -> None:
    answer = await signalled(door, absences())
    assert (answer.status_code, answer.json()["verdict"], answer.json()["findings"]) == (201, "accepted", [])
    received, risk = await door.house.events()
    assert isinstance(received, ReportReceived) and isinstance(risk, RiskSignalled)
    assert (received.origin, str(received.list_id), risk.list_id) == ("risk", answer.json()["report_id"], received.list_id)
    assert (risk.signal, risk.half_days, risk.month, risk.school_year) == ("absences", 12, "2026-01", None)
    assert (risk.uai, risk.departement, risk.age, risk.reference_date) == (UAI, "44", 17, date(2026, 2, 2))
    keys = (await door.house.keyring.keys([risk.person_id]))[risk.person_id]
    assert keys.open(risk.identity, Identity).family_name == "DUVALLON"
    assert risk.contact is not None and keys.open(risk.contact, Contact).email == "maia@exemple.fr"
    await door.house.keyring.destroy([risk.person_id])
    with pytest.raises(Erased):
        (await door.house.keyring.keys([risk.person_id]))[risk.person_id].open(risk.identity, Identity)


async def test_no_assignment_is_a_signal_of_its_school_year(door: Entrance) -> None:
    assert (await signalled(door, no_assignment(), headers=ADVISER)).status_code == 201
    (risk,) = await door.house.events(RiskSignalled)
    assert isinstance(risk, RiskSignalled) and (risk.signal, risk.half_days, risk.month, risk.school_year) == (
        "no_assignment",
        None,
        None,
        2025,
    )


async def test_under_16_is_answered_and_nothing_is_kept(door: Entrance) -> None:
    answer = await signalled(door, absences(date_naissance="2010-02-03"))
    assert (answer.status_code, answer.json()["verdict"]) == (200, "not_kept")
    for table in ("events", "lists", "line_verdict", "identity_token", "commands", "enrolment_snapshot", "person_derived"):
        assert await door.house.pool.fetchval(f"select count(*) from {table}") == 0, table
    assert (await signalled(door, absences(date_naissance="2010-02-02"))).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        absences(mois=None), absences(demi_journees=None), absences(demi_journees=0), absences(demi_journees=63), absences(mois="2026-13"),
        absences(annee_scolaire=2025), no_assignment(annee_scolaire=None), no_assignment(mois="2026-01"), {**WHO, "signal": "mood"}, WHO,
        {**absences(), "date_sortie": "2026-01-01"}, {**absences(), "commentaire": "x"}, absences(mois="2026-03"),
        no_assignment(annee_scolaire=2027), absences(nom=""),
    ],
)  # fmt: skip
async def test_a_signal_that_is_none_is_refused_and_repeats_nobody(door: Entrance, body: dict[str, object]) -> None:
    answer = await signalled(door, body)
    assert answer.status_code == 422 and LEAVER["prenom"] not in answer.text
    assert await door.house.events() == []


async def test_each_signals_its_own_and_sees_its_own(door: Entrance) -> None:
    stranger, elsewhere = token("sender", uai=OTHER_UAI), token("adviser", territory=["75"])
    for headers in (stranger, elsewhere, token("sender"), token("adviser"), PLATFORM, OPS, token("analyst")):
        assert (await signalled(door, absences(), headers=headers)).status_code == 403
    assert (await signalled(door, absences())).status_code == 201
    assert (await signalled(door, no_assignment())).status_code == 201
    for headers, seen in ((SENDER, 2), (ADVISER, 2), (OPS, 2), (stranger, 0), (elsewhere, 0), (token("sender"), 0), (token("adviser"), 0)):
        assert len(await shown(door, headers)) == seen
    for headers in (PLATFORM, token("analyst")):
        assert (await door.client.get("/risks", headers=headers)).status_code == 403
    (one,) = await shown(door, ADVISER, signal="absences")
    assert (one["signal"], one["half_days"], one["month"], one["uai"], one["departement"], one["detected"]) == (
        "absences", 12, "2026-01", UAI, "44", False,
    )  # fmt: skip
    first, second = sorted(str(row["risk_id"]) for row in await shown(door, OPS))
    assert [row["risk_id"] for row in await shown(door, OPS, limit="1")] == [first]
    assert [row["risk_id"] for row in await shown(door, OPS, after=first)] == [second]


async def test_the_same_signal_again_says_nothing_new_and_another_month_does(door: Entrance) -> None:
    key = uuid4()
    first, again = await signalled(door, absences(), key=key), await signalled(door, absences(), key=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert (await signalled(door, absences())).status_code == 201
    assert len(await door.house.events(RiskSignalled)) == 1
    for other in (absences(mois="2025-12"), absences(demi_journees=13), no_assignment()):
        assert (await signalled(door, other)).status_code == 201
    assert len(await door.house.events(RiskSignalled)) == 4 and await persons(door) == 1
    changed = await signalled(door, absences(mois="2025-11"), key=key)
    assert (changed.status_code, changed.json()["rule"]) == (422, "KEY_REUSED")


async def test_a_dropout_found_later_stands_beside_the_signal_and_is_the_same_person(door: Entrance) -> None:
    await signalled(door, absences())
    assert await door.house.events(DropoutDetected, ExitSeen) == []
    assert (await report(door, leaver())).status_code == 201
    (risk,), (found,) = await door.house.events(RiskSignalled), await door.house.events(DropoutDetected)
    assert risk.subject == found.subject and await persons(door) == 1
    (row,) = await shown(door, OPS)
    assert row["detected"] is True


async def test_a_signal_about_a_dropout_decides_nothing(door: Entrance) -> None:
    await report(door, leaver())
    before = len(await door.house.events(DropoutDetected))
    await signalled(door, absences())
    assert len(await door.house.events(DropoutDetected)) == before == 1
    assert await door.house.pool.fetchval("select count(*) from touched") == 0


async def test_whoever_is_at_risk_and_told_by_lists_is_enrolled_and_nothing_waits_undecided(door: Entrance) -> None:
    body = enrolments_csv(enrolment(date_entree="2025-09-01"))
    assert (await door.put(body)).status_code == 202
    await read_lists(door)
    await signalled(door, absences())
    again = enrolments_csv(enrolment(date_entree="2025-09-01"), enrolment(ine="", nom="ARBELIN"))
    assert (await door.put(again)).status_code == 202
    await read_lists(door)
    assert (await door.put(enrolments_csv(enrolment(date_entree="2025-09-02")))).status_code == 202
    await read_lists(door)
    assert len(await door.house.events(EnrolmentSeen)) == 1 and await door.house.events(DropoutDetected) == []
    assert await door.house.pool.fetchval("select count(*) from touched") == 0
    assert await door.house.pool.fetchval("select count(*) from lists where closed_at is null") == 0


async def test_a_signal_that_contradicts_somebody_known_waits_for_a_human_with_what_it_said(door: Entrance) -> None:
    await report(door, leaver())
    answer = await signalled(door, absences(nom="ARBELIN", prenom="Tom", date_naissance="2007-01-01"))
    assert (answer.status_code, answer.json()["verdict"]) == (202, "held")
    (held,) = await door.house.events(ListLineHeld)
    assert isinstance(held, ListLineHeld)
    sealed = await door.house.pool.fetchval("select sealed_line from line_verdict where list_id = $1", held.list_id)
    opened = (await door.house.keyring.keys([held.list_id]))[held.list_id].open_bytes("list", "line", sealed)
    kept = CELLS.validate_json(opened)
    assert kept.kind == "risk" and kept.risk == Risk(signal="absences", half_days=12, month="2026-01")
    assert await door.house.events(RiskSignalled) == []


async def test_a_signal_is_no_source_that_covers_anybody(door: Entrance) -> None:
    await signalled(door, absences())
    assert (await door.put(leavers_csv(leaver()))).status_code == 202
    await read_lists(door)
    (found,) = await door.house.events(DropoutDetected)
    assert isinstance(found, DropoutDetected) and found.coverage == {"csv": 1}
