"""A human says what became of a doubted absence, by HTTP: left, or stayed; who may, once, and what follows."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from absence_house import APRIL, FEBRUARY, FIRST, FOURTH, JANUARY, MARCH, SECOND, STAYS, THIRD, eleve, exits, other
from intake_house import FreshDatabase
from intake_specimens import OTHER_UAI, UAI, eleves_xml, leaver, leavers_csv
from test_doubted_absence_on_postgresql import NEWCOMER
from test_intake_api_on_postgresql import OPS, SENDER, Entrance, opened_entrance, token

from contracts.intake import AbsenceDoubted, AbsenceReviewed, DropoutDetected
from intake.domain.list import NOT_DOUBTED
from intake.reader import Reader

pytestmark = pytest.mark.stack

DAYS = {FIRST: JANUARY, SECOND: FEBRUARY, THIRD: MARCH, FOURTH: APRIL}
WAITS = {
    "list_id": str(THIRD), "told_by": str(FIRST), "line": 1, "uai": UAI, "last_seen": "2026-01-01", "absent_on": "2026-03-01",
    "alike": [{"list_id": str(SECOND), "line": 1}],
}  # fmt: skip
ADVISER = token("adviser", territory=["44"])


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    """Maïa stood on the first list; on the second and the third only a newcomer may be her."""
    async with opened_entrance(fresh_database, tmp_path) as opened:
        await tell(opened, FIRST, eleve(), STAYS)
        for list_id in (SECOND, THIRD):
            await tell(opened, list_id, NEWCOMER, STAYS)
        yield opened


async def tell(door: Entrance, list_id: UUID, *eleves: str) -> None:
    await door.house.send(list_id, eleves_xml(*eleves), list_format="siecle", reference_date=DAYS[list_id])
    await read(door)


async def read(door: Entrance) -> None:
    reader = door.parts.workers[0].__self__  # type: ignore[attr-defined]  # the object whose `run` the worker is
    assert isinstance(reader, Reader)
    while await reader.read_next():
        pass


async def waiting(door: Entrance, headers: dict[str, str]) -> list[dict[str, object]]:
    answer = await door.client.get("/absences", headers=headers)
    assert answer.status_code == 200
    return list(answer.json()["absences"])


async def say(door: Entrance, what: str, headers: dict[str, str] = SENDER, key: UUID | None = None, line: int = 1) -> httpx.Response:
    path = f"/absences/{THIRD}/{FIRST}/{line}/{what}"
    return await door.client.post(path, headers={**headers, "Idempotency-Key": str(key or uuid4())})


async def test_whoever_sent_the_list_the_advisers_there_and_ops_read_which_absences_wait_by_their_lines(door: Entrance) -> None:
    for headers in (SENDER, ADVISER, OPS):
        assert await waiting(door, headers) == [WAITS]
    for headers in (token("sender", uai=OTHER_UAI), token("adviser", territory=["75"]), token("sender")):
        assert await waiting(door, headers) == []
        assert (await say(door, "left", headers)).status_code == 404
    for headers in (token("platform"), token("analyst")):
        assert (await door.client.get("/absences", headers=headers)).status_code == 403
        assert (await say(door, "left", headers)).status_code == 403
    assert await exits(door.house) == []


async def test_whoever_sees_another_establishment_of_the_list_judges_no_line_of_this_one(door: Entrance) -> None:
    also = "insert into complete_list (list_id, uai, format, reference_date) values ($1, $2, 'siecle', $3)"
    await door.house.pool.execute(also, THIRD, OTHER_UAI, MARCH)
    for headers in (token("sender", uai=OTHER_UAI), token("adviser", territory=["75"])):
        assert await waiting(door, headers) == []
        answer = await say(door, "left", headers)
        assert (answer.status_code, answer.json()["rule"]) == (404, "NO_ABSENCE")
    assert await exits(door.house) == [] and await waiting(door, OPS) == [WAITS]
    assert (await say(door, "left", ADVISER)).status_code == 200


async def test_those_whom_two_lists_in_a_row_lack_with_many_others_wait_and_are_like_nobody(
    fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    async with opened_entrance(fresh_database, tmp_path) as opened:
        crowd = [other(n) for n in range(1, 21)]
        await tell(opened, FIRST, *crowd)
        for list_id in (SECOND, THIRD):
            await tell(opened, list_id, *crowd[:5])
        assert await waiting(opened, SENDER) == [{**WAITS, "line": line, "alike": []} for line in range(6, 21)]
        assert (await say(opened, "left", line=6)).status_code == 200
        assert [(one.list_id, one.line) for one in await exits(opened.house)] == [(FIRST, 6)]


@pytest.mark.parametrize("headers", [SENDER, ADVISER, OPS], ids=["sender", "adviser", "ops"])
async def test_whoever_left_is_told_and_decided_upon_once(door: Entrance, headers: dict[str, str]) -> None:
    key = uuid4()
    first, again = await say(door, "left", headers, key), await say(door, "left", headers, key)
    assert (first.status_code, first.content) == (200, again.content)
    (seen,) = await exits(door.house)
    assert (seen.origin, seen.list_id, seen.line, seen.last_seen, seen.absent_from) == ("absence", FIRST, 1, JANUARY, THIRD)
    (found,) = await door.house.events(DropoutDetected)
    assert isinstance(found, DropoutDetected) and (found.person_id, found.origin) == (seen.person_id, "absence")
    assert await door.house.events(AbsenceReviewed) == [AbsenceReviewed(list_id=THIRD, told_by=FIRST, line=1, left=True)]
    actor = await door.house.pool.fetchval("select actor from events where type = $1", AbsenceReviewed.wire_type())
    assert actor == {str(SENDER): "sender-1", str(ADVISER): "adviser-1", str(OPS): "ops-1"}[str(headers)]
    later = await say(door, "stayed", headers)
    assert (later.status_code, later.json()["detail"]) == (409, NOT_DOUBTED)
    assert await waiting(door, OPS) == []


async def test_whoever_stayed_stands_no_more_under_the_old_name(door: Entrance) -> None:
    assert (await say(door, "stayed")).status_code == 200
    assert await waiting(door, OPS) == []
    await tell(door, FOURTH, STAYS)
    assert [(one.list_id, one.line) for one in await exits(door.house)] == [(THIRD, 1)]
    assert await door.house.pool.fetchval("select count(*) from roster_key where list_id = $1", FIRST) == 0


async def test_nothing_is_left_to_say_of_whoever_a_later_list_tells_again(door: Entrance) -> None:
    await tell(door, FOURTH, eleve(), NEWCOMER, STAYS)
    assert await waiting(door, OPS) == []
    answer = await say(door, "left")
    assert (answer.status_code, answer.json()["rule"]) == (409, "NOT_STANDING")
    assert await exits(door.house) == [] and await door.house.events(AbsenceReviewed) == []


async def test_who_it_is_may_have_to_be_decided_first_and_then_nothing_is_said(door: Entrance) -> None:
    another = leaver(nom="CORVAL", prenom="Ombeline", date_naissance="2007-01-01")
    await door.house.send(FOURTH, leavers_csv(another), reference_date=JANUARY)
    await read(door)
    answer = await say(door, "left")
    assert (answer.status_code, answer.json()["rule"]) == (409, "IDENTITY_CONFLICT")
    assert [one.origin for one in await exits(door.house)] == ["list"]
    assert await door.house.events(AbsenceReviewed) == [] and await waiting(door, OPS) == [WAITS]


async def test_no_absence_is_judged_that_no_human_was_asked_about(door: Entrance) -> None:
    answer = await say(door, "left", line=2)
    assert (answer.status_code, answer.json()["detail"]) == (409, NOT_DOUBTED)
    for line in (0, 2**31):
        assert (await say(door, "left", line=line)).status_code == 422
    assert len(await door.house.events(AbsenceDoubted)) == 1


async def test_the_list_says_how_many_are_in_doubt(door: Entrance) -> None:
    shown = (await door.client.get(f"/lists/{THIRD}", headers=SENDER)).json()["absences"]
    assert shown == [{"uai": UAI, "earlier": 3, "missing": 0, "doubtful": 1, "outcome": "concluded"}]
