"""An establishment that vanishes from what an académie sends is noticed, once, on a real PostgreSQL; nobody there becomes a dropout."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from absence_house import APRIL, FEBRUARY, JANUARY, MARCH, STAYS, eleve, exits, other
from intake_house import FreshDatabase, House
from intake_specimens import OTHER_UAI, UAI, eleves_xml
from test_intake_api_on_postgresql import OPS, SENDER, Entrance, opened_entrance, token

from contracts.intake import EtablissementsMissed

pytestmark = pytest.mark.stack

HERE, THERE = UAI, OTHER_UAI
BODIES = {HERE: eleves_xml(STAYS, uai=HERE), THERE: eleves_xml(eleve(), other(2), uai=THERE)}
LISTS = iter(range(1, 1000))


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    async with opened_entrance(fresh_database, tmp_path) as opened:
        yield opened


async def sent(intake: House, on: date, uai: str, *, sender: str = UAI, body: bytes | None = None) -> UUID:
    """The académie's list of one establishment, read to its end."""
    list_id = UUID(int=700 + next(LISTS))
    await intake.send(list_id, body or BODIES[uai], list_format="siecle", sender=sender, reference_date=on, territory=("44", "75"))
    await intake.read_all()
    return list_id


async def missed(intake: House) -> list[tuple[UUID, tuple[str, ...]]]:
    return [(one.list_id, one.uais) for one in await intake.events(EtablissementsMissed) if isinstance(one, EtablissementsMissed)]


async def test_an_establishment_that_a_whole_round_lacks_is_missed_once_and_nobody_there_has_left(intake: House) -> None:
    for uai in (HERE, THERE):
        await sent(intake, JANUARY, uai)
    await sent(intake, FEBRUARY, HERE)
    assert await missed(intake) == []
    noticed = await sent(intake, MARCH, HERE)
    assert await missed(intake) == [(noticed, (THERE,))]
    await sent(intake, APRIL, HERE)
    assert await missed(intake) == [(noticed, (THERE,))] and await exits(intake) == []


async def test_an_establishment_that_comes_later_in_each_round_is_not_missed(intake: House) -> None:
    for on in (JANUARY, FEBRUARY, MARCH):
        for uai in (HERE, THERE):
            await sent(intake, on, uai)
    assert await missed(intake) == []


async def test_two_lists_of_one_day_are_no_round(intake: House) -> None:
    for uai in (HERE, THERE):
        await sent(intake, JANUARY, uai)
    await sent(intake, FEBRUARY, HERE)
    await sent(intake, FEBRUARY, HERE, body=eleves_xml(STAYS, other(3), uai=HERE))
    assert await missed(intake) == []


async def test_told_again_and_gone_again_it_is_missed_again(intake: House) -> None:
    for uai in (HERE, THERE):
        await sent(intake, date(2025, 10, 1), uai)
    for on in (date(2025, 11, 1), date(2025, 12, 1)):
        await sent(intake, on, HERE)
    await sent(intake, date(2025, 12, 2), THERE, body=eleves_xml(other(2), uai=THERE))
    assert [(one.line, one.uai) for one in await exits(intake)] == [(1, THERE)]
    for on in (JANUARY, FEBRUARY):
        await sent(intake, on, HERE)
    assert [uais for _, uais in await missed(intake)] == [(THERE,), (THERE,)]


async def test_what_another_sender_tells_is_not_missed(intake: House) -> None:
    for uai in (HERE, THERE):
        await sent(intake, JANUARY, uai)
    await sent(intake, FEBRUARY, THERE, sender=THERE)
    for on in (FEBRUARY, MARCH, APRIL):
        await sent(intake, on, HERE)
    assert await missed(intake) == []


async def test_where_nobody_waits_who_is_16_no_establishment_is_missed(intake: House) -> None:
    await sent(intake, JANUARY, HERE)
    await sent(intake, JANUARY, THERE, body=eleves_xml(eleve(born="14/05/2012"), uai=THERE))
    for on in (FEBRUARY, MARCH, APRIL):
        await sent(intake, on, HERE)
    assert await missed(intake) == []


async def test_the_list_and_the_figures_say_what_is_missed_until_it_is_told_again(door: Entrance) -> None:
    for uai in (HERE, THERE):
        await sent(door.house, JANUARY, uai)
    for on in (FEBRUARY, MARCH):
        noticed = await sent(door.house, on, HERE)
    shown = (await door.client.get(f"/lists/{noticed}", headers=SENDER)).json()
    assert shown["missed"] == [{"uai": THERE, "last_told": "2026-01-01"}]
    there = {"uai": THERE, "sender": UAI, "format": "siecle", "last_told": "2026-01-01"}
    for params, expected in (({}, [there]), ({"departement": "75"}, [there]), ({"departement": "44"}, [])):
        figures = (await door.client.get("/figures", params=params, headers=OPS)).json()
        assert (figures["missed"], figures["complete"]) == (expected, not expected)
    await sent(door.house, APRIL, THERE)
    figures = (await door.client.get("/figures", headers=token("analyst"))).json()
    assert (figures["missed"], figures["complete"]) == ([], True)
