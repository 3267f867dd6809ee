"""What lists told of a person before the erasure goes with them, on a real PostgreSQL: nobody is found again by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from absence_house import FEBRUARY, JANUARY, MARCH, STAYS, eleve, exits
from absence_house import roster as standing
from absence_house import told as told_complete
from intake_house import House
from intake_specimens import leaver, leavers_csv
from test_doubted_absence_on_postgresql import NEWCOMER
from test_held_lines_on_postgresql import NEW, SECOND, decide, told, totals, twin_held, waiting
from test_review_on_postgresql import ADVISER, OPS, change, post
from test_revisiting_on_postgresql import Office, office  # noqa: F401 -- the fixture

from chassis.event_store import Connection
from contracts.intake import DropoutDetected
from intake import lists, persons, roster
from intake.roster import key_owner

pytestmark = pytest.mark.stack

WINTER, SPRING = UUID(int=601), UUID(int=602)
"""Two complete lists of one establishment; a list of leavers comes between them."""


async def erase(office: Office, person_id: UUID) -> None:  # noqa: F811
    assert (await post(office, f"/persons/{person_id}/erase", OPS)).status_code == 201


async def left(office: Office, **changes: str) -> UUID:  # noqa: F811
    """A list of leavers tells that somebody left: their id."""
    await told(office, uuid4(), leavers_csv(leaver(**changes)), FEBRUARY)
    return (await exits(office.house))[-1].person_id


async def until_waiting(house: House, transactions: int) -> None:
    """Until so many wait for what others have locked."""
    async with asyncio.timeout(10):
        while await house.pool.fetchval(WAITING) < transactions:
            await asyncio.sleep(0)  # lets the others go on


WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@asynccontextmanager
async def before_others(house: House) -> AsyncIterator[Connection]:
    """A transaction that holds what it locks until it has been left."""
    async with house.pool.acquire() as connection, connection.transaction():
        yield connection


async def test_whoever_is_erased_is_not_found_again_by_the_next_complete_list(office: Office) -> None:  # noqa: F811
    await told_complete(office.house, WINTER, JANUARY, eleve(), STAYS)
    maia = await left(office, formation="2472521431")
    await erase(office, maia)
    assert await standing(office.house) == 1
    await told_complete(office.house, SPRING, MARCH, STAYS)
    assert [one.person_id for one in await exits(office.house)] == [maia]
    assert len(await office.house.events(DropoutDetected)) == 1


async def test_nor_is_anybody_who_is_linked_to_them(office: Office) -> None:  # noqa: F811
    await told_complete(office.house, WINTER, JANUARY, eleve("9876543210A"), STAYS)
    maia, other = await left(office), await left(office, ine="9876543210A", nom="ARBELIN")
    await change(office, "links", maia, other)
    await erase(office, maia)
    await told_complete(office.house, SPRING, MARCH, STAYS)
    assert {one.person_id for one in await exits(office.house)} == {maia, other}


@pytest.mark.parametrize("record", [eleve(""), eleve(first="Maya"), eleve(born="15/05/2008")], ids=["no INE", "mended", "another day"])
async def test_a_record_that_may_be_theirs_goes_too(office: Office, record: str) -> None:  # noqa: F811
    await told_complete(office.house, WINTER, JANUARY, record, STAYS)
    maia = await left(office)
    await erase(office, maia)
    await told_complete(office.house, SPRING, MARCH, STAYS)
    assert [one.person_id for one in await exits(office.house)] == [maia]


async def test_a_namesake_under_another_ine_stands_and_is_seen_to_leave(office: Office) -> None:  # noqa: F811
    await told_complete(office.house, WINTER, JANUARY, eleve("9876543210A"), STAYS)
    maia = await left(office)
    await erase(office, maia)
    await told_complete(office.house, SPRING, MARCH, STAYS)
    assert [one.origin for one in await exits(office.house)] == ["list", "absence"]


async def test_with_the_last_record_of_a_snapshot_its_key_goes(office: Office) -> None:  # noqa: F811
    await told_complete(office.house, WINTER, JANUARY, eleve())
    await erase(office, await left(office))
    await office.house.reader.read_next()
    assert await office.house.keyring.erased([key_owner(WINTER)]) == {key_owner(WINTER)}


async def test_a_held_line_that_may_mean_them_is_shown_opened_and_taken_no_more(office: Office) -> None:  # noqa: F811
    await erase(office, await twin_held(office))
    assert await waiting(office, OPS) == []
    for answer in (await decide(office, NEW), await post(office, f"/identity/held-lines/{SECOND}/2/consult", ADVISER)):
        assert (answer.status_code, answer.json()["rule"]) == (410, "NOT_KEPT")
    assert len(await office.house.events(DropoutDetected)) == 1
    assert await totals(office) == {"held": 1}


async def test_of_several_whom_a_held_line_may_mean_one_is_enough(office: Office) -> None:  # noqa: F811
    nowhere = leaver(ine="", commune_naissance="")
    people = [await left(office, ine="", commune_naissance=commune) for commune in ("44109", "75056")]
    await told(office, SECOND, leavers_csv(nowhere), FEBRUARY)
    assert [len(one["people"]) for one in await waiting(office, OPS)] == [2]  # type: ignore[arg-type]  # JSON
    await erase(office, people[0])
    assert await waiting(office, OPS) == []


async def test_a_held_line_that_means_others_waits_on(office: Office) -> None:  # noqa: F811
    await twin_held(office)
    await erase(office, await left(office, ine="9876543210A", nom="ARBELIN", prenom="Zoé"))
    assert len(await waiting(office, OPS)) == 1


async def test_a_line_that_is_held_as_they_are_erased_goes_as_well(office: Office) -> None:  # noqa: F811
    await told(office, WINTER, leavers_csv(leaver()), FEBRUARY)
    maia = (await exits(office.house))[-1].person_id
    await office.house.send(SECOND, leavers_csv(leaver(prenom="Noé")), reference_date=FEBRUARY)
    async with before_others(office.house) as connection:
        await connection.execute("select from lists where list_id = $1 for update", SECOND)
        reading = asyncio.create_task(office.house.read_all())
        await until_waiting(office.house, 1)
        erasing = asyncio.create_task(erase(office, maia))
        await until_waiting(office.house, 2)
    await asyncio.gather(reading, erasing)
    assert await office.house.verdicts(SECOND) == [(2, "held", ("IDENTITY_CONFLICT",))]
    assert await waiting(office, OPS) == []


async def test_whoever_is_erased_as_their_absence_is_told_becomes_nobody_new(office: Office) -> None:  # noqa: F811
    await told_complete(office.house, WINTER, JANUARY, eleve(), STAYS)
    maia = await left(office)
    async with before_others(office.house) as connection:
        await persons.hold(connection, [maia])
        erasing = asyncio.create_task(erase(office, maia))
        await until_waiting(office.house, 1)
        reading = asyncio.create_task(told_complete(office.house, SPRING, MARCH, STAYS))
        await until_waiting(office.house, 2)
    await asyncio.gather(reading, erasing)
    assert {one.person_id for one in await exits(office.house)} == {maia}


async def test_a_line_whose_person_is_erased_as_it_is_decided_again_makes_nobody_new(office: Office) -> None:  # noqa: F811
    maia = await twin_held(office)
    async with before_others(office.house) as connection:
        await persons.hold(connection, [maia])
        again = asyncio.create_task(post(office, f"/lists/{SECOND}/reprocess", OPS))
        await until_waiting(office.house, 1)
        await lists.forget_held(connection, [maia])
        await persons.forget(connection, [maia])
    assert (await again).json()["lines"] == []
    assert [one.person_id for one in await exits(office.house)] == [maia]


async def test_whoever_is_erased_as_a_list_leaves_them_in_doubt_stops_no_reader(office: Office) -> None:  # noqa: F811
    await told_complete(office.house, WINTER, JANUARY, eleve(), STAYS)
    maia = await left(office)
    async with before_others(office.house) as connection:
        await roster.erase(connection, await persons.known_by(connection, [maia]))
        reading = asyncio.create_task(told_complete(office.house, SPRING, MARCH, NEWCOMER, STAYS))
        await until_waiting(office.house, 1)
    await reading
    assert await office.house.pool.fetchval("select count(*) from absence_doubt") == 0
