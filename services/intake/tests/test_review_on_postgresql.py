"""Candidates reviewed by humans and persons linked and unlinked, on a real PostgreSQL and through the app's own routes."""

import asyncio
from contextlib import suppress
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from intake_specimens import OTHER_UAI, UAI, enrolment, enrolments_csv, leaver, leavers_csv
from test_intake_api_on_postgresql import token
from test_revisiting_on_postgresql import Office, office, revisiting_of  # noqa: F401 -- the fixture

from chassis.event_store import EventStore
from chassis.testing import heard
from contracts.intake import (
    DropoutDetected,
    DropoutWithdrawn,
    ExitSeen,
    IdentitiesConsulted,
    IdentityCandidateDismissed,
    IdentityCandidateFound,
    PersonsLinked,
    PersonsUnlinked,
)
from intake.domain.detection import SIEI_V1
from intake.projections.identity_candidates import IDENTITY_CANDIDATES

pytestmark = pytest.mark.stack

OPS, ADVISER, STRANGER = token("ops"), token("adviser", territory=["44"]), token("adviser", territory=["75"])
SENDER = token("sender", uai=UAI)
FIRST, SECOND, THIRD = UUID(int=201), UUID(int=202), UUID(int=203)
ADULT = {"date_naissance": "2006-05-14"}
"""Of age, so that no obligation stands beside a diploma."""


async def told(office: Office, list_id: UUID, body: bytes, on: date, sender: str = UAI) -> None:  # noqa: F811
    """Send a list, read it, and let the consumer hear."""
    await office.house.send(list_id, body, reference_date=on, sender=sender)
    await office.house.read_all()
    await hear(office)


async def hear(office: Office) -> None:  # noqa: F811
    kinds = (IdentityCandidateFound, IdentityCandidateDismissed, PersonsLinked, PersonsUnlinked)
    await office.consumer.execute("delete from identity_candidates")
    await IDENTITY_CANDIDATES.fold(office.consumer, [heard(event) for event in await office.house.events(*kinds)])


async def two_of_one(office: Office) -> tuple[UUID, UUID]:  # noqa: F811
    """One human under two INE, in two lists: the younger and the older detection's person."""
    await told(office, FIRST, leavers_csv(leaver(**ADULT)), date(2026, 2, 1))
    await told(office, SECOND, leavers_csv(leaver(ine="9876543210A", **ADULT)), date(2026, 2, 15))
    older, younger = [event.person_id for event in await office.house.events(DropoutDetected) if isinstance(event, DropoutDetected)]
    return older, younger


async def post(office: Office, path: str, headers: dict[str, str], key: UUID | None = None, **body: object) -> httpx.Response:  # noqa: F811
    return await office.client.post(path, json=body or None, headers={**headers, "Idempotency-Key": str(key or uuid4())})


async def change(office: Office, verb: str, one: UUID, other: UUID, headers: dict[str, str] = ADVISER) -> httpx.Response:  # noqa: F811
    answer = await post(office, f"/identity/{verb}", headers, person_id=str(one), other_id=str(other), reason="document_seen")
    await hear(office)
    return answer


async def shown(office: Office, headers: dict[str, str], status: str = "open") -> list[dict[str, object]]:  # noqa: F811
    answer = await office.client.get("/identity/candidates", params={"status": status}, headers=headers)
    assert answer.status_code == 200
    return list(answer.json()["candidates"])


async def standing(office: Office) -> set[UUID]:  # noqa: F811
    """Who stands as a dropout, by what was said."""
    found: dict[UUID, UUID] = {}
    for event in await office.house.events(DropoutDetected, DropoutWithdrawn):
        if isinstance(event, DropoutDetected):
            found[event.detection_id] = event.person_id
        elif isinstance(event, DropoutWithdrawn):
            del found[event.detection_id]
    return set(found.values())


async def test_two_ine_of_one_identity_are_shown_to_whoever_may_decide_and_name_nobody(office: Office) -> None:  # noqa: F811
    pair = sorted(await two_of_one(office))
    (candidate,) = await shown(office, ADVISER)
    assert [candidate["person_id"], candidate["other_id"]] == [str(one) for one in pair]
    assert (candidate["score"], "same_names" in str(candidate["criteria"])) == (95, True)
    assert "DUVALLON" not in str(candidate).upper()
    assert (len(await shown(office, OPS)), await shown(office, STRANGER)) == (1, [])
    assert (await office.client.get("/identity/candidates", headers=SENDER)).status_code == 403


async def test_identities_are_opened_for_an_adviser_after_a_trace_is_written(office: Office) -> None:  # noqa: F811
    await two_of_one(office)
    (candidate,) = await shown(office, ADVISER)
    path = f"/identity/candidates/{candidate['candidate_id']}/consult"
    for headers, refused in ((OPS, 403), (SENDER, 403), (STRANGER, 404)):
        assert (await post(office, path, headers)).status_code == refused
    assert await office.house.events(IdentitiesConsulted) == []
    opened = (await post(office, path, ADVISER)).json()["identities"]
    assert sorted(one["ine"] for one in opened) == ["0123456789A", "9876543210A"]
    assert len(await office.house.events(IdentitiesConsulted)) == 1
    assert await office.house.pool.fetchval("select bool_and(private) from events where type like '%IdentitiesConsulted%'")


async def test_linked_they_have_one_detection_and_unlinked_two_again(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    assert await standing(office) == {older, younger}
    assert (await change(office, "links", younger, older)).status_code == 201
    assert await standing(office) == {older}
    (outdone,) = await office.house.events(DropoutWithdrawn)
    assert isinstance(outdone, DropoutWithdrawn) and (outdone.person_id, outdone.reason) == (younger, "linked")
    assert (await shown(office, ADVISER), len(await shown(office, ADVISER, "linked"))) == ([], 1)
    before = len(await office.house.events())
    assert (await change(office, "links", older, younger)).status_code == 201
    assert len(await office.house.events()) == before
    assert (await change(office, "unlinks", older, younger)).status_code == 201
    assert await standing(office) == {older, younger}
    last = (await office.house.events(DropoutDetected))[-1]
    assert isinstance(last, DropoutDetected) and (last.person_id, last.again_of) == (younger, outdone.detection_id)
    assert (await change(office, "unlinks", older, younger)).status_code == 409
    assert len(await shown(office, ADVISER, "unlinked")) == 1


async def test_an_enrolment_of_one_of_the_linked_withdraws_the_detection_of_the_other(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    await change(office, "links", older, younger)
    await told(
        office, THIRD, enrolments_csv(enrolment(uai=OTHER_UAI, ine="9876543210A", **ADULT)), date(2026, 3, 1), sender=OTHER_UAI
    )  # fmt: skip
    assert await standing(office) == set()
    withdrawn = (await office.house.events(DropoutWithdrawn))[-1]
    assert isinstance(withdrawn, DropoutWithdrawn) and (withdrawn.person_id, withdrawn.reason) == (older, "enrolment_found")
    await change(office, "unlinks", older, younger)
    assert await standing(office) == {older}


async def test_the_linked_are_one_to_a_what_if_and_to_the_funnel(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    await change(office, "links", older, younger)
    room = revisiting_of(office.house)
    alike = await room.what_if(SIEI_V1)
    assert (alike.people, alike.added.total(), alike.removed.total()) == (1, 0, 0)
    assert await room.funnel(SIEI_V1) == {"44": {"dropout": 1}}
    await change(office, "unlinks", older, younger)
    assert await room.funnel(SIEI_V1) == {"44": {"dropout": 2}}


async def test_a_repeated_request_is_answered_and_undoes_no_later_one(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    key, body = uuid4(), {"person_id": str(older), "other_id": str(younger), "reason": "document_seen"}
    first = await post(office, "/identity/links", ADVISER, key, **body)
    await change(office, "unlinks", older, younger)
    again = await post(office, "/identity/links", ADVISER, key, **body)
    assert (again.status_code, again.content) == (201, first.content)
    assert await office.house.pool.fetchval("select count(*) from person_link") == 0
    assert (await post(office, "/identity/links", ADVISER, key, **{**body, "reason": "other"})).status_code == 422


async def test_nobody_links_whom_they_may_not_see_nor_one_to_itself(office: Office) -> None:  # noqa: F811
    older, younger = await two_of_one(office)
    assert (await change(office, "links", older, younger, STRANGER)).status_code == 404
    assert (await change(office, "links", older, younger, SENDER)).status_code == 403
    assert (await change(office, "links", older, uuid4())).status_code == 404
    assert (await change(office, "links", older, older)).status_code == 409
    assert await office.house.events(PersonsLinked) == []


async def test_a_dismissed_candidate_is_open_no_more(office: Office) -> None:  # noqa: F811
    await two_of_one(office)
    (candidate,) = await shown(office, ADVISER)
    path = f"/identity/candidates/{candidate['candidate_id']}/dismiss"
    assert (await post(office, path, STRANGER, reason="mistake")).status_code == 404
    assert (await post(office, path, ADVISER, reason="because")).status_code == 422
    assert (await post(office, path, ADVISER, reason="sender_confirmed")).status_code == 201
    await hear(office)
    assert (await shown(office, ADVISER), len(await shown(office, ADVISER, "dismissed"))) == ([], 1)


async def test_links_made_at_the_same_moment_leave_one_detection(office: Office) -> None:  # noqa: F811
    rows = [leaver(ine=f"{number:010d}A", **ADULT) for number in range(1, 5)]
    for number, row in enumerate(rows):
        await told(office, UUID(int=300 + number), leavers_csv(row), date(2026, 2, 1 + number))
    people = sorted(await standing(office))
    assert len(people) == 4
    pairs = [(one, other) for one in people for other in people if one < other]
    answers = await asyncio.gather(*(change_only(office, one, other) for one, other in pairs))
    assert {answer.status_code for answer in answers} == {201}
    assert len(await standing(office)) == 1
    assert await office.house.pool.fetchval("select count(*) from person_link") == len(pairs)


async def test_links_at_both_ends_of_a_group_wait_for_each_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Neither writes where the other does: only the lock keeps two detections of one person from standing."""
    append, both = EventStore.append, asyncio.Barrier(2)

    async def append_together(*arguments: Any) -> None:  # the store's own
        """Each has read by now; whoever can, waits until the other has too."""
        with suppress(TimeoutError, asyncio.BrokenBarrierError):
            await asyncio.wait_for(both.wait(), 1)
        await append(*arguments)

    short = {**ADULT, "date_entree": "2025-11-20"}
    rows = [leaver(ine=f"{number:010d}A", **(ADULT if number > 2 else short)) for number in range(1, 5)]
    for number, row in enumerate(rows):
        await told(office, UUID(int=300 + number), leavers_csv(row), date(2026, 2, 1 + number))
    first, last = sorted(await standing(office))
    left = [event.person_id for event in await office.house.events(ExitSeen) if isinstance(event, ExitSeen)]
    one, other = sorted(set(left) - {first, last})
    await change(office, "links", one, other)
    monkeypatch.setattr(EventStore, "append", append_together)
    await asyncio.gather(change_only(office, one, first), change_only(office, other, last))
    assert len(await standing(office)) == 1


async def change_only(office: Office, one: UUID, other: UUID) -> httpx.Response:  # noqa: F811
    return await post(office, "/identity/links", ADVISER, person_id=str(one), other_id=str(other), reason="document_seen")


async def test_an_unlike_person_is_no_candidate(office: Office) -> None:  # noqa: F811
    await told(office, FIRST, leavers_csv(leaver(), leaver(ine="9876543210A", nom="ARBELIN", prenom="Zoé")), date(2026, 2, 1))
    assert await office.house.events(IdentityCandidateFound) == []
