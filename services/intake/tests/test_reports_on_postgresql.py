"""Single reports and self-referrals by HTTP: the same verdicts, the same person and the same detection as a line of a list."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from intake_house import FreshDatabase
from intake_specimens import LEAVER, OTHER_UAI, enrolment, enrolments_csv, leaver, leavers_csv
from test_intake_api_on_postgresql import OPS, SENDER, Entrance, opened_entrance, token

from contracts.intake import DiplomaSeen, DropoutDetected, DropoutWithdrawn, ExitSeen, ListClosed, ListLineHeld, ReportReceived
from contracts.personal import Identity
from intake.reader import Reader

pytestmark = pytest.mark.stack

ADVISER = token("adviser", territory=["44"])
PLATFORM = token("platform", organisation="ma-place")


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    async with opened_entrance(fresh_database, tmp_path) as opened:
        yield opened


async def report(
    door: Entrance, body: object, *, headers: dict[str, str] = SENDER, key: UUID | None = None, path: str = "/reports"
) -> httpx.Response:
    return await door.client.post(path, json=body, headers={**headers, "Idempotency-Key": str(key or uuid4())})


async def read_lists(door: Entrance) -> None:
    """By the reader that the app was built with: its keys are the entrance's."""
    reader = door.parts.workers[0].__self__  # type: ignore[attr-defined]  # the object whose `run` the worker is
    assert isinstance(reader, Reader)
    while await reader.read_next():
        pass


async def persons(door: Entrance) -> int:
    return int(await door.house.pool.fetchval("select count(distinct person_id) from identity_token"))


async def test_a_report_is_a_fact_and_a_detection_at_once_and_says_where_it_comes_from(door: Entrance) -> None:
    answer = await report(door, leaver())
    assert (answer.status_code, answer.json()["verdict"], answer.json()["findings"]) == (201, "accepted", [])
    events = await door.house.events()
    assert [type(event) for event in events] == [ReportReceived, ExitSeen, DiplomaSeen, DropoutDetected]
    received, seen, _, detected = events
    assert isinstance(received, ReportReceived) and isinstance(seen, ExitSeen) and isinstance(detected, DropoutDetected)
    assert (str(received.list_id), received.origin, seen.origin) == (answer.json()["report_id"], "report", "report")
    assert (seen.list_id, seen.line, detected.coverage, detected.reference_date.isoformat()) == (received.list_id, 1, {}, "2026-02-02")
    keys = (await door.house.keyring.keys([seen.person_id]))[seen.person_id]
    assert keys.open(seen.identity, Identity).family_name == "DUVALLON"


async def test_somebody_who_comes_forward_is_found_as_from_a_list(door: Entrance) -> None:
    answer = await report(door, leaver(), headers=PLATFORM, path="/self-referrals")
    assert answer.status_code == 201
    (seen,) = await door.house.events(ExitSeen)
    assert isinstance(seen, ExitSeen) and seen.origin == "self"
    assert len(await door.house.events(DropoutDetected)) == 1


async def test_under_16_is_answered_and_nothing_is_kept(door: Entrance) -> None:
    for path, headers in (("/reports", SENDER), ("/self-referrals", PLATFORM)):
        answer = await report(door, leaver(date_naissance="2010-02-03"), headers=headers, path=path)
        assert (answer.status_code, answer.json()["verdict"]) == (200, "not_kept")
        assert [one["rule"] for one in answer.json()["findings"]] == ["UNDER_16"]
    for table in ("events", "lists", "line_verdict", "identity_token", "commands", "enrolment_snapshot"):
        assert await door.house.pool.fetchval(f"select count(*) from {table}") == 0, table
    assert (await report(door, leaver(date_naissance="2010-02-02"))).status_code == 201


async def test_a_rejected_report_is_told_why_under_its_own_names_and_is_not_kept(door: Entrance) -> None:
    answer = await report(door, leaver(nom="", date_sortie="2025-02-30"))
    assert (answer.status_code, answer.json()["verdict"]) == (422, "rejected")
    assert [(one["field"], one["rule"]) for one in answer.json()["findings"]] == [("nom", "MISSING_FIELD"), ("date_sortie", "BAD_DATE")]
    assert await door.house.events() == []
    assert await door.house.pool.fetchval("select count(*) from lists") == 0


async def test_remarks_are_those_of_a_line(door: Entrance) -> None:
    answer = await report(door, leaver(telephone="0000"))
    assert (answer.status_code, answer.json()["verdict"]) == (201, "accepted_with_remarks")
    assert [one["rule"] for one in answer.json()["findings"]] == ["PHONE_INVALID"]


async def test_the_same_key_is_the_same_report_and_another_body_under_it_is_refused(door: Entrance) -> None:
    key = uuid4()
    first, again = await report(door, leaver(), key=key), await report(door, leaver(), key=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert len(await door.house.events(ReportReceived)) == 1
    other = await report(door, leaver(nom="ARBELIN"), key=key)
    assert (other.status_code, other.json()["rule"]) == (422, "KEY_REUSED")


async def test_the_same_report_under_another_key_says_no_new_fact(door: Entrance) -> None:
    await report(door, leaver())
    assert (await report(door, leaver())).status_code == 201
    assert len(await door.house.events(ExitSeen)) == 1 and len(await door.house.events(DropoutDetected)) == 1


@pytest.mark.parametrize("list_first", [True, False], ids=["list, then report", "report, then list"])
async def test_a_report_beside_a_list_is_one_person_and_one_detection(door: Entrance, list_first: bool) -> None:
    async def send_list() -> None:
        assert (await door.put(leavers_csv(leaver()))).status_code == 202
        await read_lists(door)

    if list_first:
        await send_list()
    assert (await report(door, leaver(telephone="06 98 76 54 32"), headers=ADVISER)).status_code == 201
    if not list_first:
        await send_list()
    seen = await door.house.events(ExitSeen)
    assert len(seen) == 2 and len({one.subject for one in seen}) == 1
    assert await persons(door) == 1 and len(await door.house.events(DropoutDetected)) == 1
    (detected,) = await door.house.events(DropoutDetected)
    assert isinstance(detected, DropoutDetected) and detected.coverage == ({"csv": 1} if list_first else {})


async def test_reports_and_a_list_at_the_same_time_make_one_person(door: Entrance) -> None:
    await door.put(leavers_csv(leaver()))
    phones = [f"06 98 76 54 {n:02d}" for n in range(10, 18)]
    answers = await asyncio.gather(read_lists(door), *(report(door, leaver(telephone=phone)) for phone in phones))
    assert {answer.status_code for answer in answers if answer is not None} == {201}
    assert await persons(door) == 1
    assert len(await door.house.events(ExitSeen)) == 9 and len(await door.house.events(DropoutDetected)) == 1
    assert len(await door.house.events(ListClosed)) == 1


async def test_an_enrolment_elsewhere_keeps_a_report_from_being_a_dropout_or_withdraws_it(door: Entrance) -> None:
    elsewhere = token("sender", uai=OTHER_UAI)
    await report(door, leaver())
    await door.put(enrolments_csv(enrolment(uai=OTHER_UAI)), headers=elsewhere)
    await read_lists(door)
    assert len(await door.house.events(DropoutWithdrawn)) == 1


async def test_a_report_that_contradicts_somebody_known_waits_for_a_human_sealed(door: Entrance) -> None:
    await report(door, leaver())
    answer = await report(door, leaver(nom="ARBELIN", prenom="Tom", date_naissance="2007-01-01"))
    assert (answer.status_code, answer.json()["verdict"]) == (202, "held")
    (held,) = await door.house.events(ListLineHeld)
    assert isinstance(held, ListLineHeld) and (str(held.list_id), held.line) == (answer.json()["report_id"], 1)
    sealed = await door.house.pool.fetchval("select sealed_line from line_verdict where list_id = $1", held.list_id)
    assert sealed is not None and b"ARBELIN" not in sealed
    shown = (await door.client.get(f"/lists/{held.list_id}", headers=OPS)).json()
    assert (shown["format"], shown["status"], shown["held"]) == ("report", "closed", 1)


async def test_each_speaks_only_for_its_own(door: Entrance) -> None:
    stranger = token("sender", uai=OTHER_UAI)
    elsewhere = token("adviser", territory=["75", "92"])
    for headers in (stranger, elsewhere):
        refused = await report(door, leaver(), headers=headers)
        assert (refused.status_code, refused.json()["rule"]) == (403, "OUT_OF_MANDATE")
    for headers in (token("sender"), token("adviser"), PLATFORM, OPS, token("analyst")):
        assert (await report(door, leaver(), headers=headers)).status_code == 403
    for headers in (SENDER, ADVISER, OPS):
        assert (await report(door, leaver(), headers=headers, path="/self-referrals")).status_code == 403
    assert await door.house.events() == []


async def test_an_adviser_reports_whoever_lives_in_the_territory(door: Entrance) -> None:
    at_home = leaver(uai=OTHER_UAI, code_postal="44600")
    assert (await report(door, at_home, headers=ADVISER)).status_code == 201
    moved = leaver(nom="ARBELIN", ine="", code_postal="75011")
    assert (await report(door, moved, headers=ADVISER)).status_code == 403


async def test_what_is_no_column_no_text_or_holds_a_control_character_is_refused_without_being_repeated(door: Entrance) -> None:
    for body in ({**leaver(), "nationalite": "X"}, {**leaver(), "nom": 7}, {**leaver(), "motif_sortie": "a\u0001b"}, ["x"]):
        refused = await report(door, body)
        assert refused.status_code == 422 and LEAVER["prenom"] not in refused.text
    assert await door.house.events() == []


async def test_no_digest_of_the_report_without_a_key_is_kept(door: Entrance) -> None:
    body = orjson.dumps(leaver())
    headers = {**SENDER, "Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    assert (await door.client.post("/reports", content=body, headers=headers)).status_code == 201
    kept = {row["fingerprint"] for row in await door.house.pool.fetch("select fingerprint from commands")}
    assert hashlib.sha256(body).digest() not in kept
