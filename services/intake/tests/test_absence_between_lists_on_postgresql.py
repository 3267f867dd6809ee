"""Absence on a real PostgreSQL where lists are older, held, partial, of another establishment or the same; snapshots that go; readers that are killed."""

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid5

import asyncpg
import pytest
from absence_house import APRIL, FEBRUARY, FIRST, FOURTH, JANUARY, MARCH, SECOND, STAYS, THIRD, eleve, exits, other, roster, told
from intake_house import NOW, House
from intake_specimens import OTHER_UAI, eleves_xml, enrolment, enrolments_csv, leaver, leavers_csv, read_all
from test_holding_on_postgresql import release

from chassis.decider import NO_TRACE
from chassis.keyring import Erased
from chassis.timers import fire_due
from contracts.intake import AbsenceDoubted, DropoutDetected, ListHeld
from intake import absence, batch, lists
from intake.deadlines import Ringing
from intake.domain.absence import ABSENCE_V1
from intake.formats import siecle

pytestmark = pytest.mark.stack


async def test_an_older_list_that_a_human_lets_in_concludes_nothing_and_replaces_nothing(intake: House) -> None:
    await told(intake, FIRST, FEBRUARY, eleve(), STAYS)
    await told(intake, SECOND, JANUARY, STAYS, other(2))
    assert len(await intake.events(ListHeld)) == 1
    await release(intake, SECOND)
    await intake.read_all()
    assert await exits(intake) == []
    await told(intake, THIRD, MARCH, STAYS)
    assert [(one.list_id, one.last_seen) for one in await exits(intake)] == [(FIRST, FEBRUARY)]


async def test_a_list_that_another_senders_overtakes_while_it_is_read_concludes_nothing(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    body = eleves_xml(STAYS)
    await intake.send(SECOND, body, list_format="siecle", reference_date=FEBRUARY)
    async with intake.pool.acquire() as connection:
        job = await lists.claim(connection)
        assert job is not None
        lines = batch.prepare(read_all(siecle, body), job, intake.desk.digests, intake.desk.directory)
        await batch.take(intake.desk, connection, job, lines, after=0, trace=NO_TRACE)
        await connection.execute("update complete_list set reference_date = $2 where list_id = $1", FIRST, MARCH)
        await absence.compare(intake.desk, connection, job, NO_TRACE)
        assert await absence.tell_some(intake.desk, connection, job, NO_TRACE) == 0
        assert await connection.fetchval("select outcome from complete_list where list_id = $1", SECOND) == "overtaken"
        await lists.release(connection, SECOND)
    await intake.read_all()
    assert await exits(intake) == []


async def test_a_held_list_concludes_nothing(intake: House) -> None:
    crowd = [other(n) for n in range(1, 31)]
    await told(intake, FIRST, JANUARY, *crowd)
    await told(intake, SECOND, FEBRUARY, *crowd)
    await told(intake, THIRD, MARCH, *crowd[:5])
    assert len(await intake.events(ListHeld)) == 1 and await exits(intake) == []


async def test_a_list_that_lacks_most_of_the_one_before_is_no_whole_list(intake: House) -> None:
    crowd = [other(n) for n in range(1, 21)]
    await told(intake, FIRST, JANUARY, *crowd)
    await told(intake, SECOND, FEBRUARY, *crowd[:7])
    row = await intake.pool.fetchrow("select earlier, missing, outcome from complete_list where list_id = $1", SECOND)
    assert row is not None and tuple(row) == (20, 13, "too_many_missing")
    assert await exits(intake) == []
    await told(intake, THIRD, MARCH, *crowd[:8])
    assert len(await exits(intake)) == 12


async def test_a_second_list_in_a_row_that_lacks_the_same_many_asks_a_human_of_each_once(intake: House) -> None:
    crowd = [other(n) for n in range(1, 21)]
    await told(intake, FIRST, JANUARY, *crowd)
    for list_id, on in ((SECOND, FEBRUARY), (THIRD, MARCH)):
        assert await intake.events(AbsenceDoubted) == []
        await told(intake, list_id, on, *crowd[:5])
    asked = [AbsenceDoubted(list_id=THIRD, told_by=FIRST, line=line) for line in range(6, 21)]
    assert await intake.events(AbsenceDoubted) == asked
    await told(intake, FOURTH, APRIL, *crowd[:6])
    assert (await exits(intake), await intake.events(AbsenceDoubted)) == ([], asked)
    assert await intake.pool.fetchval("select count(*) from roster where asked_in = $1", THIRD) == 14
    row = await intake.pool.fetchrow("select earlier, missing, doubtful, outcome from complete_list where list_id = $1", FOURTH)
    assert row is not None and tuple(row) == (5, 0, 14, "concluded")


async def test_who_is_missing_for_the_first_time_from_a_list_that_lacks_many_is_looked_for_again(intake: House) -> None:
    crowd = [other(n) for n in range(1, 21)]
    await told(intake, FIRST, JANUARY, *crowd)
    await told(intake, SECOND, FEBRUARY, *crowd[:7])
    await told(intake, THIRD, MARCH, *crowd[:5])
    asked = await intake.events(AbsenceDoubted)
    assert [(one.told_by, one.line) for one in asked if isinstance(one, AbsenceDoubted)] == [(FIRST, line) for line in range(8, 21)]
    assert await exits(intake) == []
    await told(intake, FOURTH, APRIL, *crowd[:5])
    assert [(one.list_id, one.line) for one in await exits(intake)] == [(SECOND, 6), (SECOND, 7)]


async def test_a_list_of_one_establishment_says_nothing_of_another(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, other(2), uai=OTHER_UAI)
    assert await exits(intake) == []


@pytest.mark.parametrize("body", [leavers_csv(leaver(ine="", nom="ARBELIN")), enrolments_csv(enrolment(ine="", nom="ARBELIN"))])
async def test_no_list_of_leavers_and_no_late_enrolments_are_complete(intake: House, body: bytes) -> None:
    await intake.send(FIRST, enrolments_csv(enrolment()), reference_date=JANUARY)
    await told(intake, SECOND, JANUARY, eleve("1111111112B", name="CORVAL"), STAYS)
    await intake.send(THIRD, body, reference_date=FEBRUARY)
    await intake.read_all()
    assert [one.origin for one in await exits(intake)] in ([], ["list"])


async def test_the_same_list_again_says_nothing_new(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, STAYS)
    before = await intake.events()
    assert (await intake.send(SECOND, eleves_xml(STAYS), list_format="siecle", reference_date=FEBRUARY)).repeated
    await intake.read_all()
    assert await intake.events() == before


async def test_whom_a_second_list_of_one_day_lacks_is_asked_about_when_the_next_day_lacks_them_too(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    intake.clock.move(timedelta(hours=1))
    await told(intake, SECOND, JANUARY, STAYS, other(2))
    assert await exits(intake) == [] and await roster(intake) == 3
    for list_id, on in ((THIRD, FEBRUARY), (FOURTH, MARCH)):
        await told(intake, list_id, on, STAYS)
    assert await intake.events(AbsenceDoubted) == [AbsenceDoubted(list_id=THIRD, told_by=FIRST, line=1)]
    assert [(one.list_id, one.line, one.absent_from) for one in await exits(intake)] == [(SECOND, 2, THIRD)]


async def test_a_replaced_snapshot_goes_with_its_key(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    row = await intake.pool.fetchrow("select sealed from roster where list_id = $1 and line = 1", FIRST)
    owner = uuid5(FIRST, "roster")
    keys = (await intake.keyring.keys([owner]))[owner]
    assert row is not None and b"DUVALLON" in keys.open_bytes("list", "roster 1", row["sealed"])
    assert b"DUVALLON" not in row["sealed"]
    await told(intake, SECOND, FEBRUARY, STAYS)
    assert await intake.pool.fetchval("select array_agg(distinct list_id) from roster") == [SECOND]
    keys = (await intake.keyring.keys([owner]))[owner]
    with pytest.raises(Erased):
        keys.open_bytes("list", "roster 1", row["sealed"])
    assert [row["list_id"] for row in await intake.pool.fetch("select list_id from roster_key")] == [SECOND]


async def test_a_snapshot_that_no_list_replaces_goes_on_its_date_with_its_key(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    ring = Ringing(lists=intake.reception.handler, sources=intake.desk.source_handler, clock=intake.clock)
    async with asyncpg.create_pool(intake.dsns[0].replace("_app:", "_consumer:"), min_size=1, max_size=2) as consumer:
        intake.clock.move(ABSENCE_V1.kept - timedelta(seconds=1))
        assert await fire_due(consumer, intake.clock, ring) == 0
        intake.clock.move(timedelta(seconds=1))
        assert await fire_due(consumer, intake.clock, ring) == 1
    assert await roster(intake) == 0
    await intake.read_all()
    owner = uuid5(FIRST, "roster")
    with pytest.raises(Erased):
        (await intake.keyring.keys([owner]))[owner].seal_bytes("list", "roster 1", b"")
    assert await intake.pool.fetchval("select count(*) from roster_key") == 0
    assert intake.clock.now() > NOW


async def test_who_it_is_may_be_for_a_human_to_say_and_is_asked_again_with_the_next_list(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await intake.send(SECOND, leavers_csv(leaver(nom="CORVAL", prenom="Ombeline", date_naissance="2007-01-01")), reference_date=JANUARY)
    await intake.read_all()
    await told(intake, THIRD, FEBRUARY, STAYS)
    assert [one.origin for one in await exits(intake)] == ["list"]
    assert await intake.pool.fetchval("select count(*) from roster where list_id = $1 and absent_from is null", FIRST) == 1


@pytest.mark.parametrize(
    ("point", "told_before"), [("intake_mid_list:1", 0), ("intake_compared:1", 0), ("intake_mid_absences:1", 200), ("intake_mid_absences:2", 250)]
)  # fmt: skip
async def test_a_reader_that_is_killed_among_absences_is_resumed_exactly(intake: House, point: str, told_before: int) -> None:
    crowd = [other(n) for n in range(1, 551)]
    await told(intake, FIRST, JANUARY, *crowd)
    await intake.send(SECOND, eleves_xml(*crowd[250:]), list_format="siecle", reference_date=FEBRUARY)
    script = str(Path(__file__).parent / "killed_reader.py")
    killed = await asyncio.create_subprocess_exec(sys.executable, script, *intake.dsns, point)
    assert await killed.wait() == -signal.SIGKILL
    assert len(await exits(intake)) == told_before
    await intake.read_all()
    told_now = await exits(intake)
    assert sorted(one.line for one in told_now) == list(range(1, 251))
    assert len({one.person_id for one in told_now}) == 250 and len(await intake.events(DropoutDetected)) == 250
    assert await roster(intake) == 300
