"""On which lines of a campaign an establishment's former pupils stand: told to whoever names them, and to no other establishment."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from campaign_specimens import LEAVER, STAYS, written
from intake_house import FreshDatabase
from intake_specimens import LEAVER as ON_A_LIST
from intake_specimens import OTHER_UAI, UAI, leaver, leavers_csv
from killed_campaign import campaign_of
from test_intake_api_on_postgresql import OPS, SENDER, Entrance, opened_entrance, token

from contracts.intake import ExitSeen

pytestmark = pytest.mark.stack

ASKED = ("ine", "nom", "prenom", "date_naissance", "commune_naissance")
SECOND = {**LEAVER, "ine": "323456789AB", "nom": "Twegin", "prenom": "Ozra", "date_naissance": "2008-05-02"}
ELSEWHERE = {**LEAVER, "ine": "423456789AB", "nom": "Brunda", "prenom": "Illo", "uai": OTHER_UAI}


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    async with opened_entrance(fresh_database, tmp_path) as opened:
        written(tmp_path, previous=[LEAVER, SECOND, ELSEWHERE], current=[STAYS])
        await campaign_of(opened.house, tmp_path, only=("previous", "current")).run()
        yield opened


def asking(row: dict[str, str], **changes: str) -> dict[str, str]:
    return {name: row[name] for name in ASKED} | changes


async def ask(door: Entrance, *leavers: dict[str, str], headers: dict[str, str] = SENDER) -> httpx.Response:
    return await door.client.post("/campaign-lines", json={"leavers": leavers}, headers=headers)


async def places(door: Entrance, uai: str) -> set[tuple[str, int]]:
    """As the events say it that transmission hears."""
    seen = [event for event in await door.house.events(ExitSeen) if isinstance(event, ExitSeen)]
    return {(str(event.list_id), event.line) for event in seen if event.uai == uai and event.origin == "campaign"}


async def test_an_establishment_learns_the_lines_of_its_own_in_the_order_in_which_it_asks(door: Entrance) -> None:
    answer = await ask(door, asking(SECOND), asking(STAYS), asking(LEAVER), asking(ELSEWHERE))
    assert answer.status_code == 200
    second, stays, first, elsewhere = answer.json()["lines"]
    assert (len(second), len(first), stays, elsewhere) == (1, 1, [], [])
    assert second != first
    assert {(one["list_id"], one["line"]) for one in (*second, *first)} == await places(door, UAI)
    (only,) = (await ask(door, asking(ELSEWHERE), headers=token("sender", uai=OTHER_UAI))).json()["lines"]
    assert {(one["list_id"], one["line"]) for one in only} == await places(door, OTHER_UAI)


async def test_a_line_is_told_for_a_person_and_never_for_an_ine_alone(door: Entrance) -> None:
    """By the rule by which persons are recognised everywhere."""
    without_ine, born_elsewhere = asking(LEAVER, ine=""), asking(LEAVER, ine="", commune_naissance="49007")
    other_birth, other_name = asking(LEAVER, date_naissance="2009-03-15"), asking(LEAVER, nom="Zabor", prenom="Elki")
    told = (await ask(door, asking(LEAVER), other_birth, other_name, without_ine, born_elsewhere)).json()["lines"]
    assert [bool(lines) for lines in told] == [True, False, False, True, False]


async def test_of_a_line_on_a_list_of_an_establishment_nothing_is_told(door: Entrance) -> None:
    await door.house.send(UUID(int=3), leavers_csv(leaver()))
    await door.house.read_all()
    assert (await ask(door, asking(ON_A_LIST))).json()["lines"] == [[]]


async def test_of_whoever_was_erased_nothing_is_told(door: Entrance) -> None:
    people = [event.person_id for event in await door.house.events(ExitSeen) if isinstance(event, ExitSeen)]
    await door.house.keyring.destroy(people)
    assert (await ask(door, asking(LEAVER), asking(SECOND))).json()["lines"] == [[], []]


async def test_only_an_establishment_may_ask_and_only_so_much(door: Entrance) -> None:
    for headers in (OPS, token("sender"), *(token(role, uai=UAI) for role in ("adviser", "analyst", "platform"))):
        assert (await ask(door, asking(LEAVER), headers=headers)).status_code == 403
    assert (await ask(door)).status_code == 422
    assert (await ask(door, *[asking(LEAVER)] * 501)).status_code == 422
    assert (await ask(door, asking(LEAVER, sexe="1"))).status_code == 422


@pytest.mark.parametrize("day", [1210723200, "1210723200", 0, True, None, "2008-05-14T00:00:00", "14/05/2008"])
async def test_a_birth_date_is_written_as_a_day_and_never_as_a_number(door: Entrance, day: object) -> None:
    answer = await door.client.post("/campaign-lines", json={"leavers": [{**asking(LEAVER), "date_naissance": day}]}, headers=SENDER)
    assert answer.status_code == 422
