"""Held lines decided by humans, on a real PostgreSQL and through the app's own routes: seen, opened, taken or discarded, once."""

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from intake_specimens import OTHER_UAI, UAI, enrolment, enrolments_csv, leaver, leavers_csv
from test_intake_api_on_postgresql import token
from test_review_on_postgresql import ADVISER, FIRST, OPS, SECOND, SENDER, STRANGER, THIRD, post
from test_revisiting_on_postgresql import Office, office  # noqa: F401 -- the fixture

from chassis.testing import heard
from contracts.event import Event
from contracts.intake import (
    DropoutDetected,
    DropoutWithdrawn,
    ExitSeen,
    HeldLineConsulted,
    IdentityCandidateFound,
    ListClosed,
    ListLineReconsidered,
    ListReceived,
)
from contracts.personal import Identity
from intake.domain.held_line import DECIDED_OTHERWISE
from intake.projections.list_totals import LIST_TOTALS

pytestmark = pytest.mark.stack

MINE = token("sender", uai=UAI)
BROTHER = leaver(prenom="Noé")
"""A twin whose line carries Maïa's INE."""
NEW, WRONG = {"decision": "new_person", "reason": "sender_confirmed"}, {"decision": "discarded", "motive": "wrong_line"}
JANUARY, FEBRUARY = date(2026, 1, 31), date(2026, 2, 1)
TABLES = ("events", "line_verdict", "identity_token", "touched", "person_derived", "lists", "enrolment_snapshot")


async def told(office: Office, list_id: UUID, body: bytes, on: date = JANUARY, sender: str = UAI) -> None:  # noqa: F811
    await office.house.send(list_id, body, reference_date=on, sender=sender)
    await office.house.read_all()


async def said[E: Event](office: Office, kind: type[E]) -> list[E]:  # noqa: F811
    return [event for event in await office.house.events(kind) if isinstance(event, kind)]


async def twin_held(office: Office) -> UUID:  # noqa: F811
    """Maïa is known, and her brother's line waits: line 2 of SECOND. Her id."""
    await told(office, FIRST, leavers_csv(leaver()))
    await told(office, SECOND, leavers_csv(BROTHER), FEBRUARY)
    assert await office.house.verdicts(SECOND) == [(2, "held", ("IDENTITY_CONFLICT",))]
    ((maia),) = await said(office, DropoutDetected)
    return maia.person_id


async def decide(
    office: Office, body: dict[str, str], *, headers: dict[str, str] = ADVISER, list_id: UUID = SECOND, line: int = 2, key: UUID | None = None,  # noqa: F811
) -> httpx.Response:  # fmt: skip
    return await post(office, f"/identity/held-lines/{list_id}/{line}/decide", headers, key, **body)


def is_person(person_id: UUID) -> dict[str, str]:
    return {"decision": "known_person", "person_id": str(person_id), "reason": "document_seen"}


async def waiting(office: Office, headers: dict[str, str] = ADVISER) -> list[dict[str, object]]:  # noqa: F811
    answer = await office.client.get("/identity/held-lines", headers=headers)
    assert answer.status_code == 200
    return list(answer.json()["held_lines"])


async def rows_of(office: Office) -> list[str]:  # noqa: F811
    return [await office.house.pool.fetchval(f"select md5(string_agg(t::text, '|' order by t::text)) from {name} t") for name in TABLES]


async def totals(office: Office, list_id: UUID = SECOND) -> dict[str, int]:  # noqa: F811
    """As its sender reads them; the projection, rebuilt from what was said, agrees."""
    shown = (await office.client.get(f"/lists/{list_id}", headers=MINE)).json()
    names = ("accepted", "accepted_with_remarks", "rejected", "held", "not_kept")
    await office.consumer.execute("delete from list_totals")
    await LIST_TOTALS.fold(
        office.consumer, [heard(event) for event in await office.house.events(ListReceived, ListClosed, ListLineReconsidered)]
    )
    row = await office.consumer.fetchrow("select * from list_totals where list_id = $1", list_id)
    found = {name: shown[name] for name in names}
    assert row and found == {name: row[name] for name in names} and sum(found.values()) == shown["lines"] == row["lines"]
    return {name: count for name, count in found.items() if count}


async def test_a_held_line_is_shown_to_whoever_may_decide_and_names_nobody(office: Office) -> None:  # noqa: F811
    maia = await twin_held(office)
    (shown,) = await waiting(office)
    assert (shown["list_id"], shown["line"], shown["sender"], shown["departement"], shown["people"]) == (
        str(SECOND),
        2,
        UAI,
        "44",
        [str(maia)],
    )
    assert [one["rule"] for one in shown["reasons"]] == ["IDENTITY_CONFLICT"]  # type: ignore[attr-defined]  # JSON
    assert "DUVALLON" not in str(shown).upper() and "0123456789A" not in str(shown)
    assert (len(await waiting(office, OPS)), await waiting(office, STRANGER)) == (1, [])
    assert (await office.client.get("/identity/held-lines", headers=SENDER)).status_code == 403


async def test_a_line_of_a_list_that_is_still_being_read_is_not_shown_yet(
    office: Office,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def cut(*_: object) -> None:
        raise ConnectionResetError

    await told(office, FIRST, leavers_csv(leaver()))
    await office.house.send(SECOND, leavers_csv(BROTHER), reference_date=FEBRUARY)
    with monkeypatch.context() as broken, pytest.raises(ConnectionResetError):
        broken.setattr("intake.reader.absence.compare", cut)
        await office.house.reader.read_next()
    assert await office.house.verdicts(SECOND) == [(2, "held", ("IDENTITY_CONFLICT",))]
    assert (await waiting(office), await waiting(office, OPS)) == ([], [])
    await office.house.read_all()
    assert (len(await waiting(office)), len(await waiting(office, OPS))) == (1, 1)


async def test_a_line_that_may_mean_somebody_out_of_sight_waits_for_whoever_sees_both(office: Office) -> None:  # noqa: F811
    await told(office, FIRST, leavers_csv(leaver()))
    far = leaver(uai=OTHER_UAI, prenom="Noé", code_postal="75011", commune_residence="Paris")
    await told(office, SECOND, leavers_csv(far), FEBRUARY, sender=OTHER_UAI)
    assert (await waiting(office), await waiting(office, STRANGER), len(await waiting(office, OPS))) == ([], [], 1)
    assert len(await waiting(office, token("adviser", territory=["44", "75"]))) == 1
    assert (await decide(office, NEW, headers=STRANGER)).status_code == 404


async def test_line_and_people_are_opened_for_an_adviser_after_a_trace_is_written(office: Office) -> None:  # noqa: F811
    maia = await twin_held(office)
    path = f"/identity/held-lines/{SECOND}/2/consult"
    for headers, refused in ((OPS, 403), (SENDER, 403), (STRANGER, 404)):
        assert (await post(office, path, headers)).status_code == refused
    assert await said(office, HeldLineConsulted) == []
    opened = (await post(office, path, ADVISER)).json()
    assert (opened["said"]["identity"]["first_names"], opened["said"]["identity"]["ine"]) == (["Noé"], "0123456789A")
    ((person),) = opened["people"]
    assert (person["person_id"], person["identity"]["first_names"]) == (str(maia), ["Maïa"])
    assert await said(office, HeldLineConsulted) == [HeldLineConsulted(list_id=SECOND, line=2, people=(maia,))]
    assert await office.house.pool.fetchval("select bool_and(private) from events where type like '%HeldLineConsulted%'")


async def test_a_new_person_is_found_as_if_the_line_had_been_accepted_without_the_others_ine(office: Office) -> None:  # noqa: F811
    maia = await twin_held(office)
    await told(office, THIRD, leavers_csv(leaver(ine="", nom="ARBELIN", prenom="Zoé")), FEBRUARY)
    (shared,) = [one for one in await said(office, DropoutDetected) if one.person_id != maia]
    assert (await decide(office, NEW)).status_code == 201
    detections = {one.person_id: one for one in await said(office, DropoutDetected)}
    (brother,) = detections.keys() - {maia, shared.person_id}
    ids = {"person_id", "detection_id", "facts", "identity", "contact", "guardians", "coverage"}
    assert detections[brother].model_dump(exclude=ids) == shared.model_dump(exclude=ids)
    (exit_seen,) = [one for one in await said(office, ExitSeen) if one.person_id == brother]
    identity = (await office.house.keyring.keys([brother]))[brother].open(exit_seen.identity, Identity)
    assert (identity.first_names, identity.ine, exit_seen.list_id, exit_seen.line) == (("Noé",), None, SECOND, 2)
    assert await office.house.verdicts(SECOND) == [(2, "accepted_with_remarks", ("INE_OF_ANOTHER",))]
    assert (await totals(office), await waiting(office)) == ({"accepted_with_remarks": 1}, [])
    assert await office.house.pool.fetchval("select count(*) from line_verdict where sealed_line is not null or people is not null") == 0
    (known,) = await said(office, ListLineReconsidered)
    assert (known.was, known.verdict, known.decision, known.known_person, known.reason) == (
        "held", "accepted_with_remarks", "new_person", None, "sender_confirmed"
    )  # fmt: skip
    actor = await office.house.pool.fetchval("select actor from events where type like '%ListLineReconsidered%'")
    assert actor == "adviser-1"


async def test_whom_a_human_told_apart_is_no_candidate_for_the_new_person(office: Office) -> None:  # noqa: F811
    await told(office, FIRST, leavers_csv(leaver()))
    await told(office, SECOND, leavers_csv(leaver(date_naissance="2008-05-15")), FEBRUARY)
    assert (await decide(office, NEW)).status_code == 201
    assert (len(await said(office, DropoutDetected)), await said(office, IdentityCandidateFound)) == (2, [])


async def test_the_same_ine_and_names_next_month_are_that_persons_without_a_human(office: Office) -> None:  # noqa: F811
    await twin_held(office)
    await decide(office, NEW)
    brother = (await said(office, ExitSeen))[-1].person_id
    await told(office, THIRD, leavers_csv({**BROTHER, "motif_sortie": "11"}), date(2026, 2, 2))
    assert await office.house.verdicts(THIRD) == [(2, "accepted_with_remarks", ("INE_OF_ANOTHER",))]
    last = (await said(office, ExitSeen))[-1]
    assert (last.list_id, last.person_id) == (THIRD, brother)


async def test_a_known_person_has_the_lines_facts_and_what_follows_from_them(office: Office) -> None:  # noqa: F811
    """An enrolment under a birth date mistyped was held; said to be hers, it withdraws her detection."""
    await told(office, FIRST, leavers_csv(leaver()))
    (maia,) = await said(office, DropoutDetected)
    body = enrolments_csv(enrolment(uai=OTHER_UAI, date_naissance="2008-05-15", date_entree="2025-12-05"))
    await told(office, SECOND, body, FEBRUARY, sender=OTHER_UAI)
    assert (await office.house.verdicts(SECOND))[0][1] == "held"
    assert [one["people"] for one in await waiting(office, OPS)] == [[str(maia.person_id)]]
    assert (await decide(office, is_person(maia.person_id), headers=OPS)).status_code == 201
    ((withdrawn),) = await said(office, DropoutWithdrawn)
    assert (withdrawn.person_id, withdrawn.reason) == (maia.person_id, "enrolment_found")
    assert await office.house.verdicts(SECOND) == [(2, "accepted", ())]


async def test_the_same_words_on_another_list_given_to_somebody_else_take_no_fact_from_whom_this_line_means(office: Office) -> None:  # noqa: F811
    maia = await twin_held(office)
    await told(office, THIRD, leavers_csv(BROTHER, lines=("another line, so that it is another list",)), FEBRUARY)
    assert (await decide(office, NEW, list_id=THIRD)).status_code == 201
    assert (await decide(office, is_person(maia))).status_code == 201
    exits = {(one.list_id, one.line): one.person_id for one in await said(office, ExitSeen)}
    assert exits.keys() == {(FIRST, 2), (SECOND, 2), (THIRD, 2)}
    assert exits[SECOND, 2] == maia != exits[THIRD, 2]


async def test_a_discarded_line_makes_nobody_and_its_sender_reads_why(office: Office) -> None:  # noqa: F811
    await twin_held(office)
    assert (await decide(office, WRONG)).status_code == 201
    assert await totals(office) == {"rejected": 1}
    lines = (await office.client.get(f"/lists/{SECOND}/lines", headers=MINE)).json()["lines"]
    assert [one["rule"] for one in lines[0]["findings"]] == ["DISCARDED_WRONG_LINE"] and "erronée" in lines[0]["findings"][0]["sentence"]
    assert (len(await said(office, ExitSeen)), await waiting(office)) == (1, [])
    assert await office.house.pool.fetchval("select count(*) from line_verdict where sealed_line is not null") == 0


async def test_the_same_decision_again_changes_nothing_and_another_is_refused(office: Office) -> None:  # noqa: F811
    maia = await twin_held(office)
    key = uuid4()
    first = await decide(office, is_person(maia), key=key)
    before = await rows_of(office)
    assert (await decide(office, is_person(maia), key=key)).content == first.content
    assert (await decide(office, is_person(maia))).status_code == 201
    assert (await decide(office, is_person(maia), headers=OPS)).status_code == 201
    for other in (NEW, WRONG):
        answer = await decide(office, other)
        assert (answer.status_code, answer.json()["detail"]) == (409, DECIDED_OTHERWISE)
    assert await rows_of(office) == before


async def test_of_decisions_at_the_same_time_one_holds(office: Office) -> None:  # noqa: F811
    maia = await twin_held(office)
    wishes = (NEW, is_person(maia), WRONG, NEW, WRONG, is_person(maia))
    answers = await asyncio.gather(*(decide(office, wish) for wish in wishes))
    assert sorted({one.status_code for one in answers}) == [201, 409]
    assert [one.status_code for one in answers].count(201) == 2
    (decided,) = await said(office, ListLineReconsidered)
    agreed = [wish for wish, one in zip(wishes, answers, strict=True) if one.status_code == 201]
    assert {one["decision"] for one in agreed} == {decided.decision}


async def test_who_is_not_known_out_of_sight_or_erased_is_not_the_person(office: Office) -> None:  # noqa: F811
    maia = await twin_held(office)
    before = await rows_of(office)
    assert (await decide(office, is_person(uuid4()))).json()["rule"] == "NO_PERSON"
    await office.house.keyring.destroy([maia])
    answer = await decide(office, is_person(maia))
    assert (answer.status_code, answer.json()["rule"]) == (410, "ERASED")
    opened = (await post(office, f"/identity/held-lines/{SECOND}/2/consult", ADVISER)).json()
    assert [(one["person_id"], one["erased"], one["identity"]) for one in opened["people"]] == [(str(maia), True, None)]
    assert (await rows_of(office))[1:] == before[1:]
    assert (await decide(office, NEW)).status_code == 201


async def test_an_adviser_names_nobody_of_another_territory(office: Office) -> None:  # noqa: F811
    await twin_held(office)
    far = leaver(uai=OTHER_UAI, ine="", nom="ARBELIN", prenom="Zoé", code_postal="75011", commune_residence="Paris")
    await told(office, THIRD, leavers_csv(far), FEBRUARY, sender=OTHER_UAI)
    (zoe,) = [one.person_id for one in await said(office, DropoutDetected) if one.departement == "75"]
    answer = await decide(office, is_person(zoe))
    assert (answer.status_code, answer.json()["rule"]) == (404, "NO_PERSON")
    assert await said(office, ListLineReconsidered) == []
    assert (await decide(office, is_person(zoe), headers=token("adviser", territory=["44", "75"]))).status_code == 201


async def test_after_thirty_days_the_answer_is_that_nothing_is_left(office: Office) -> None:  # noqa: F811
    maia = await twin_held(office)
    office.house.clock.move(timedelta(days=31))
    await office.house.reader.read_next()
    assert await waiting(office) == []
    for body in (NEW, is_person(maia), WRONG):
        answer = await decide(office, body)
        assert (answer.status_code, answer.json()["rule"]) == (410, "NOT_KEPT")
    answer = await post(office, f"/identity/held-lines/{SECOND}/2/consult", ADVISER)
    assert (answer.status_code, answer.json()["rule"]) == (410, "NOT_KEPT")
    assert await said(office, ListLineReconsidered) == []


async def test_a_name_of_two_alphabets_is_read_as_a_human_sees_it(office: Office) -> None:  # noqa: F811
    await told(office, SECOND, leavers_csv(leaver(nom="DUVАLLON")))
    assert await office.house.verdicts(SECOND) == [(2, "held", ("CONFUSABLE_NAME",))]
    assert (len(await waiting(office)), await waiting(office, STRANGER)) == (1, [])
    assert (await decide(office, NEW, headers=STRANGER)).json()["rule"] == "NO_LINE"
    opened = (await post(office, f"/identity/held-lines/{SECOND}/2/consult", ADVISER)).json()
    assert opened["said"]["identity"]["family_name"] == "DUVALLON"
    assert (await decide(office, NEW)).status_code == 201
    assert await office.house.verdicts(SECOND) == [(2, "accepted_with_remarks", ("NAME_READ_AS_SEEN",))]
    assert len(await said(office, DropoutDetected)) == 1


async def test_a_name_that_no_eye_reads_can_only_be_discarded(office: Office) -> None:  # noqa: F811
    await told(office, SECOND, leavers_csv(leaver(nom="DUVЖLLON")))
    answer = await decide(office, NEW)
    assert (answer.status_code, answer.json()["rule"]) == (409, "NO_RECORD")
    assert (await decide(office, {"decision": "discarded", "motive": "cannot_tell"})).status_code == 201


async def test_a_held_report_is_decided_as_a_line_is(office: Office) -> None:  # noqa: F811
    await told(office, FIRST, leavers_csv(leaver()))
    report = await post(office, "/reports", ADVISER, **{**BROTHER, "date_sortie": "2025-12-02"})
    assert report.status_code == 202
    (shown,) = await waiting(office)
    assert (await decide(office, NEW, list_id=UUID(str(shown["list_id"])), line=1)).status_code == 201
    assert len(await said(office, DropoutDetected)) == 2


async def test_a_line_that_does_not_wait_is_nobodys_to_decide(office: Office) -> None:  # noqa: F811
    await twin_held(office)
    for list_id, line in ((FIRST, 2), (SECOND, 3), (uuid4(), 2)):
        answer = await decide(office, NEW, list_id=list_id, line=line)
        assert (answer.status_code, answer.json()["rule"]) == (404, "NO_LINE")
    assert (await decide(office, {"decision": "known_person", "reason": "other"})).status_code == 422


@pytest.mark.parametrize("line", [-1, 0, 2**31, 99999999999, 2**63, 2**64])
async def test_a_line_that_no_list_can_have_is_refused(office: Office, line: int) -> None:  # noqa: F811
    assert (await decide(office, NEW, line=line)).status_code == 422
    assert (await post(office, f"/identity/held-lines/{SECOND}/{line}/consult", ADVISER)).status_code == 422
