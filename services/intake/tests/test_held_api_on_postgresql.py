"""Whoever decides upon held lists, by HTTP: what waits and why, release, refuse; and what the sender reads of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from intake_house import FreshDatabase
from intake_specimens import UAI, leaver, leavers_csv
from test_intake_api_on_postgresql import OPS, SENDER, Entrance, opened_entrance, token

from contracts.intake import ListRefused, ListReleased
from intake.domain.list import DECIDED_OTHERWISE, NOT_HELD

pytestmark = pytest.mark.stack

ORDER = {
    "rule": "LIST_OUT_OF_ORDER",
    "sentence": "Une liste plus récente de la même source a déjà été prise en compte : à vérifier avant lecture.",
}


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    async with opened_entrance(fresh_database, tmp_path) as opened:
        yield opened


async def send(door: Entrance, list_id: UUID, nom: str, day: str) -> httpx.Response:
    params = {"format": "csv", "reference_date": day}
    return await door.client.put(f"/lists/{list_id}", params=params, content=leavers_csv(leaver(ine="", nom=nom)), headers=SENDER)


async def decide(
    door: Entrance, list_id: UUID, what: str, headers: dict[str, str] | None = None, key: UUID | None = None
) -> httpx.Response:
    return await door.client.post(f"/lists/{list_id}/{what}", headers={**(headers or OPS), "Idempotency-Key": str(key or uuid4())})


@pytest.fixture
async def held(door: Entrance) -> UUID:
    """A list that came after a newer one."""
    await send(door, uuid4(), "ARBELIN", "2026-02-01")
    list_id = uuid4()
    answer = await send(door, list_id, "CORBEL", "2026-01-01")
    expected = {"list_id": str(list_id), "sender": UAI, "status": "held", "held_for": [ORDER]}
    assert (answer.status_code, answer.json()) == (202, expected)
    return list_id


async def test_the_sender_reads_that_the_list_waits_and_why(door: Entrance, held: UUID) -> None:
    shown = (await door.client.get(f"/lists/{held}", headers=SENDER)).json()
    assert (shown["status"], shown["held_for"], shown["lines"]) == ("held", [ORDER], 0)


async def test_ops_reads_what_waits_and_until_when(door: Entrance, held: UUID) -> None:
    (shown,) = (await door.client.get("/held", headers=OPS)).json()["held"]
    assert (shown["list_id"], shown["sender"], shown["content"], shown["lines"], shown["usual"]) == (str(held), UAI, "leavers", 1, None)
    assert shown["reasons"] == [ORDER]
    assert (shown["held_at"], shown["refused_on"]) == ("2026-02-02T08:00:00Z", "2026-03-04T08:00:00Z")


async def test_a_released_list_is_read_next_and_no_longer_waits(door: Entrance, held: UUID) -> None:
    key = uuid4()
    first, again = await decide(door, held, "release", key=key), await decide(door, held, "release", key=key)
    assert (first.status_code, first.content) == (200, again.content)
    assert (await door.client.get("/held", headers=OPS)).json() == {"held": []}
    await door.house.read_all()
    shown = (await door.client.get(f"/lists/{held}", headers=SENDER)).json()
    assert (shown["status"], shown["lines"], shown["accepted"], "held_for" in shown) == ("closed", 1, 1, False)
    assert len(await door.house.events(ListReleased)) == 1


async def test_a_refused_list_is_never_read_and_its_body_is_gone(door: Entrance, held: UUID) -> None:
    assert (await decide(door, held, "refuse")).status_code == 200
    await door.house.read_all()
    shown = (await door.client.get(f"/lists/{held}", headers=SENDER)).json()
    assert (shown["status"], shown["lines"]) == ("refused", 0)
    assert await door.house.events(ListRefused) == [ListRefused(list_id=held, motive="decided")]
    assert await door.house.pool.fetchval("select count(*) from list_part where list_id = $1", held) == 0


async def test_a_decision_is_taken_once_and_only_upon_a_held_list(door: Entrance, held: UUID) -> None:
    other = uuid4()
    await send(door, other, "DORVAL", "2026-02-02")
    assert (await decide(door, held, "refuse")).status_code == 200
    for list_id, what, why in ((held, "release", DECIDED_OTHERWISE), (other, "release", NOT_HELD), (other, "refuse", NOT_HELD)):
        answer = await decide(door, list_id, what)
        assert (answer.status_code, answer.json()["detail"]) == (409, why)
    assert (await decide(door, uuid4(), "release")).status_code == 404


async def test_only_ops_decides(door: Entrance, held: UUID) -> None:
    for role in ("sender", "adviser", "platform", "analyst", "recipient"):
        stranger = token(role, uai=UAI)
        assert (await decide(door, held, "release", stranger)).status_code == 403
        assert (await decide(door, held, "refuse", stranger)).status_code == 403
        assert (await door.client.get("/held", headers=stranger)).status_code == 403
    assert await door.house.events(ListReleased, ListRefused) == []


async def test_the_same_list_under_another_id_is_answered_with_the_first_ones_fate(door: Entrance) -> None:
    first, again = uuid4(), uuid4()
    await send(door, first, "ARBELIN", "2026-01-31")
    answer = await send(door, again, "ARBELIN", "2026-01-31")
    assert (answer.status_code, answer.json()) == (
        200, {"list_id": str(again), "sender": UAI, "status": "repeated", "same_as": str(first)},
    )  # fmt: skip
    await door.parts.workers[0].__self__.read_next()  # type: ignore[attr-defined]  # the reader whose `run` it is
    shown = (await door.client.get(f"/lists/{again}", headers=SENDER)).json()
    assert (shown["list_id"], shown["same_as"], shown["status"], shown["accepted"]) == (str(again), str(first), "closed", 1)
    lines = (await door.client.get(f"/lists/{again}/lines", headers=SENDER)).json()["lines"]
    assert [line["verdict"] for line in lines] == ["accepted"]
    assert (await send(door, again, "CORBEL", "2026-01-31")).status_code == 422
