"""Twins under one INE, mended names and newcomers, on a real PostgreSQL: in doubt nobody has left, and nobody is forgotten."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from absence_house import APRIL, FEBRUARY, FIRST, FOURTH, JANUARY, MARCH, SECOND, STAYS, THIRD, eleve, exits, roster, told
from intake_house import House

from chassis.timers import fire_due
from contracts.intake import AbsenceDoubted
from intake.deadlines import Ringing
from intake.domain.absence import ABSENCE_V1

pytestmark = pytest.mark.stack

NOE = eleve(first="Noé")
"""The twin, under the same INE."""
NEWCOMER = eleve("5555555555C", name="AUTREMONT")
"""The same first name and birth date; whether it is Maïa under another name no list tells."""


async def doubtful(intake: House, list_id: UUID) -> int:
    return int(await intake.pool.fetchval("select doubtful from complete_list where list_id = $1", list_id))


@pytest.mark.parametrize(("stays", "left"), [(NOE, 1), (eleve(), 2)])
async def test_of_twins_under_one_ine_a_line_tells_only_the_one_whom_it_names(intake: House, stays: str, left: int) -> None:
    await told(intake, FIRST, JANUARY, eleve(), NOE)
    await told(intake, SECOND, FEBRUARY, stays)
    assert [(one.list_id, one.line) for one in await exits(intake)] == [(FIRST, left)]
    assert await roster(intake) == 1 and await doubtful(intake, SECOND) == 0


async def test_a_mended_first_name_under_the_same_ine_is_nobody_who_left(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), NOE, STAYS)
    mended = eleve(first="Maria")
    for list_id, on in ((SECOND, FEBRUARY), (THIRD, MARCH), (FOURTH, APRIL)):
        await told(intake, list_id, on, mended, NOE, STAYS)
    assert await exits(intake) == []
    assert await intake.events(AbsenceDoubted) == [AbsenceDoubted(list_id=THIRD, told_by=FIRST, line=1)]
    assert await intake.pool.fetch("select alike_list, alike_line from absence_doubt") == [(SECOND, 1)]


@pytest.mark.parametrize(("stays", "asked"), [("", 1), ("0123456789A", 2)], ids=["without INE", "with INE"])
async def test_of_two_homonyms_one_line_tells_who_is_as_it_is_and_of_the_other_a_human_is_asked(
    intake: House, stays: str, asked: int
) -> None:
    await told(intake, FIRST, JANUARY, eleve(), eleve(""), STAYS)
    for list_id, on in ((SECOND, FEBRUARY), (THIRD, MARCH), (FOURTH, APRIL)):
        await told(intake, list_id, on, eleve(stays), STAYS)
    assert await exits(intake) == []
    assert await intake.events(AbsenceDoubted) == [AbsenceDoubted(list_id=THIRD, told_by=FIRST, line=asked)]


async def test_two_homonyms_who_are_both_told_again_leave_no_doubt(intake: House) -> None:
    for list_id, on in ((FIRST, JANUARY), (SECOND, FEBRUARY), (THIRD, MARCH)):
        await told(intake, list_id, on, eleve(""), eleve(), STAYS)
    assert (await exits(intake), await intake.events(AbsenceDoubted), await roster(intake)) == ([], [], 3)


async def test_where_both_twins_may_be_meant_both_stand(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), NOE)
    await told(intake, SECOND, FEBRUARY, eleve(first="Noah"))
    assert await exits(intake) == [] and await doubtful(intake, SECOND) == 2
    await told(intake, THIRD, MARCH, eleve(), NOE)
    assert await exits(intake) == [] and await intake.events(AbsenceDoubted) == []
    assert await intake.pool.fetchval("select array_agg(distinct list_id) from roster where doubted_in is null") == [THIRD]


@pytest.mark.parametrize(
    "spelling",
    [eleve("9999999998Z"), eleve(born="15/05/2008"), eleve(first="Maïa-Lou")],
    ids=["under two INE", "with two birth dates", "with two given names"],
)
async def test_whoever_was_told_twice_in_two_spellings_has_not_left_under_one_of_them(intake: House, spelling: str) -> None:
    await told(intake, FIRST, JANUARY, eleve(), spelling, STAYS)
    await told(intake, SECOND, FEBRUARY, eleve(), STAYS)
    await told(intake, THIRD, MARCH, eleve(), STAYS)
    assert await exits(intake) == []
    assert await intake.events(AbsenceDoubted) == [AbsenceDoubted(list_id=THIRD, told_by=FIRST, line=2)]


async def test_whom_a_newcomer_may_be_stands_and_after_the_next_list_a_human_must_say(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, NEWCOMER, STAYS)
    assert await exits(intake) == [] and await intake.events(AbsenceDoubted) == []
    assert (await doubtful(intake, SECOND), await roster(intake)) == (1, 3)
    for list_id, on in ((THIRD, MARCH), (FOURTH, APRIL)):
        await told(intake, list_id, on, NEWCOMER, STAYS)
        assert (await exits(intake), await doubtful(intake, list_id), await roster(intake)) == ([], 1, 3)
    assert await intake.events(AbsenceDoubted) == [AbsenceDoubted(list_id=THIRD, told_by=FIRST, line=1)]


async def test_a_newcomer_who_leaves_as_well_is_told_and_the_other_is_still_for_a_human(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, NEWCOMER, STAYS)
    await told(intake, THIRD, MARCH, STAYS)
    await told(intake, FOURTH, APRIL, STAYS)
    assert [(one.list_id, one.line) for one in await exits(intake)] == [(SECOND, 1)]
    assert await intake.events(AbsenceDoubted) == [AbsenceDoubted(list_id=THIRD, told_by=FIRST, line=1)]


async def test_a_newcomer_told_to_have_left_who_may_be_the_missing_one_makes_no_second_leaver(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(""), STAYS)
    await told(intake, SECOND, FEBRUARY, eleve("", name="DUVALON", left="20/01/2026"), STAYS)
    await told(intake, THIRD, MARCH, STAYS)
    assert [one.origin for one in await exits(intake)] == ["list"]
    assert await intake.events(AbsenceDoubted) == [AbsenceDoubted(list_id=THIRD, told_by=FIRST, line=1)]


async def test_whoever_is_told_again_is_in_doubt_no_more(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, NEWCOMER, STAYS)
    await told(intake, THIRD, MARCH, NEWCOMER, eleve(), STAYS)
    await told(intake, FOURTH, APRIL, NEWCOMER, STAYS)
    assert [(one.list_id, one.line) for one in await exits(intake)] == [(THIRD, 2)]
    assert await intake.events(AbsenceDoubted) == []
    assert await intake.pool.fetchval("select count(*) from absence_doubt") == 0


async def test_from_a_list_of_which_nothing_is_concluded_no_human_is_asked(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS, eleve("7777777777D", name="CORVAL", born="01/01/2007"))
    await told(intake, SECOND, FEBRUARY, NEWCOMER, STAYS, eleve("7777777777D", name="CORVAL", born="01/01/2007"))
    await told(intake, THIRD, MARCH, NEWCOMER, STAYS, eleve("", name="", first=""))
    assert await exits(intake) == [] and await intake.events(AbsenceDoubted) == []
    await told(intake, FOURTH, APRIL, NEWCOMER, STAYS)
    assert [(one.list_id, one.line) for one in await exits(intake)] == [(SECOND, 3)]
    assert await intake.events(AbsenceDoubted) == [AbsenceDoubted(list_id=FOURTH, told_by=FIRST, line=1)]


async def test_whom_a_list_left_in_doubt_waits_as_long_as_that_list(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    intake.clock.move(timedelta(days=30))
    await told(intake, SECOND, FEBRUARY, NEWCOMER, STAYS)
    ring = Ringing(lists=intake.reception.handler, sources=intake.desk.source_handler, clock=intake.clock)
    async with asyncpg.create_pool(intake.dsns[0].replace("_app:", "_consumer:"), min_size=1, max_size=2) as consumer:
        intake.clock.move(ABSENCE_V1.kept - timedelta(days=1))
        assert await fire_due(consumer, intake.clock, ring) == 1
        assert await intake.pool.fetchval("select count(*) from roster where list_id = $1", FIRST) == 1
        intake.clock.move(timedelta(days=1))
        assert await fire_due(consumer, intake.clock, ring) == 1
    await intake.read_all()
    assert await roster(intake) == 0 and await intake.pool.fetchval("select count(*) from roster_key") == 0
