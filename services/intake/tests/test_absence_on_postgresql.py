"""Absence from an establishment's next complete list, on a real PostgreSQL: who has left, who has not, and what may not remain."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import asyncpg
import pytest
from intake_house import NOW, FreshDatabase, House, house
from intake_specimens import OTHER_UAI, UAI, eleves_xml, enrolment, enrolments_csv, leaver, leavers_csv, read_all
from test_holding_on_postgresql import release

from chassis.decider import NO_TRACE
from chassis.keyring import Erased
from chassis.timers import fire_due
from contracts.intake import DropoutDetected, DropoutWithdrawn, EnrolmentSeen, ExitSeen, ListHeld
from contracts.personal import Contact, Identity
from intake import absence, batch, lists
from intake.deadlines import Ringing
from intake.domain.absence import ABSENCE_V1
from intake.formats import siecle

pytestmark = pytest.mark.stack

FIRST, SECOND, THIRD, FOURTH = (UUID(int=n) for n in range(501, 505))
APART = tuple(UUID(int=n << 120 | n) for n in range(1, 4))
"""Lists that several readers may hold at once: the lock is of an id's first half."""
JANUARY, FEBRUARY, MARCH, APRIL = (date(2026, month, 1) for month in range(1, 5))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.fixture
async def intake(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    async with house(fresh_database) as opened:
        yield opened


def eleve(
    ine: str = "0123456789A", *, name: str = "DUVALLON", first: str = "Maïa", born: str = "14/05/2008", left: str = "", mef: str = "2472521431",
    entered: str = "01/09/2025",
) -> str:  # fmt: skip
    return (
        f'<ELEVE ELEVE_ID="7"><ID_NATIONAL>{ine}</ID_NATIONAL><NOM_DE_FAMILLE>{name}</NOM_DE_FAMILLE><PRENOM>{first}</PRENOM>'
        f"<DATE_NAISS>{born}</DATE_NAISS><DATE_ENTREE>{entered}</DATE_ENTREE><DATE_SORTIE>{left}</DATE_SORTIE><CODE_SEXE>2</CODE_SEXE>"
        f"<CODE_PAYS>100</CODE_PAYS><CODE_COMMUNE_INSEE_NAISS>44109</CODE_COMMUNE_INSEE_NAISS><CODE_MEF>{mef}</CODE_MEF>"
        "<TEL_PORTABLE>0612345678</TEL_PORTABLE><ADRESSE_ID>70</ADRESSE_ID></ELEVE>"
    )


def other(n: int) -> str:
    """Somebody else, by INE and name."""
    return eleve(f"{n:010d}B", name=f"AUTREMONT{''.join(LETTERS[int(digit)] for digit in str(n))}", first="Noé")


STAYS = other(1)


async def told(intake: House, list_id: UUID, on: date, *eleves: str, uai: str = UAI) -> None:
    """A complete list comes in and is read."""
    await intake.send(list_id, eleves_xml(*eleves, uai=uai), list_format="siecle", sender=uai, reference_date=on)
    await intake.read_all()


async def exits(intake: House) -> list[ExitSeen]:
    return [one for one in await intake.events(ExitSeen) if isinstance(one, ExitSeen)]


async def roster(intake: House) -> int:
    return int(await intake.pool.fetchval("select count(*) from roster"))


async def test_who_is_missing_from_the_next_complete_list_has_left_and_is_found_with_identity_and_contact(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    assert await intake.events(ExitSeen, EnrolmentSeen, DropoutDetected) == []
    await told(intake, SECOND, FEBRUARY, STAYS)
    (seen,) = await exits(intake)
    (enrolled,) = await intake.events(EnrolmentSeen)
    (found,) = await intake.events(DropoutDetected)
    assert isinstance(found, DropoutDetected) and isinstance(enrolled, EnrolmentSeen)
    assert (seen.origin, seen.list_id, seen.line, seen.absent_from) == ("absence", FIRST, 1, SECOND)
    assert (seen.exit_date, seen.reference_date, seen.last_seen, seen.entry_date) == (FEBRUARY, FEBRUARY, JANUARY, date(2025, 9, 1))
    assert (seen.age, seen.motive, seen.uai, seen.formation) == (17, None, UAI, "2472521431")
    assert (found.origin, found.reference_date, found.exit_date, found.departement) == ("absence", FEBRUARY, FEBRUARY, "44")
    assert (found.flags.l313_7, found.flags.obligation_formation) == (True, True)
    assert (enrolled.list_id, enrolled.line, enrolled.reference_date) == (FIRST, 1, JANUARY)
    keys = (await intake.keyring.keys([seen.person_id]))[seen.person_id]
    assert keys.open(seen.identity, Identity).family_name == "DUVALLON"
    assert seen.contact is not None and keys.open(seen.contact, Contact).phones == ("+33612345678",)


async def test_who_stands_on_both_lists_or_is_told_to_have_left_is_not_absent(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, eleve(left="20/01/2026"), STAYS)
    (seen,) = await exits(intake)
    assert (seen.origin, seen.exit_date) == ("list", date(2026, 1, 20))
    assert await roster(intake) == 1
    await told(intake, THIRD, MARCH, STAYS)
    assert len(await exits(intake)) == 1


@pytest.mark.parametrize(
    "mended",
    [
        eleve("9999999999Z"),
        eleve(""),
        eleve(born="15/05/2008"),
        eleve(name="DUVALON", born="14/05/2008"),
        eleve("", name="DUVALLON-MARTIN"),
        eleve(mef="2472521432"),
        eleve(name="", first="Maïa"),
        eleve(entered="35/13/2025"),
        eleve("9999999999Z", born="35/13/2008"),
        eleve(born="14/05/2012"),
    ],
    ids=[
        "another INE", "no INE", "another birth date", "a mended name", "a longer name without INE", "another class", "a rejected line",
        "a bad entry date", "no readable birth date", "under 16 after all",
    ],
)  # fmt: skip
async def test_whoever_a_line_may_mean_is_not_absent(intake: House, mended: str) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, mended, STAYS)
    assert await exits(intake) == []
    await told(intake, THIRD, MARCH, STAYS)
    assert len(await exits(intake)) <= 1


async def test_a_held_line_may_mean_somebody_too(intake: House) -> None:
    await intake.send(THIRD, leavers_csv(leaver(nom="CORVAL", prenom="Ombeline", date_naissance="2007-01-01")), reference_date=JANUARY)
    await told(intake, FIRST, JANUARY, eleve(""), STAYS)
    await told(intake, SECOND, FEBRUARY, eleve(name="DUVALON"), STAYS)
    assert ("held", ("IDENTITY_CONFLICT",)) in [(verdict, rules) for _, verdict, rules in await intake.verdicts(SECOND)]
    assert [one.origin for one in await exits(intake)] == ["list"]


async def test_whoever_is_told_to_have_left_under_a_mended_name_is_not_absent_as_well(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(""), STAYS)
    await told(intake, SECOND, FEBRUARY, eleve("", name="DUVALON", left="20/01/2026"), STAYS)
    assert [one.origin for one in await exits(intake)] == ["list"]


@pytest.mark.parametrize(
    ("ines", "then"),
    [
        (("0123456789A", "1111111111B"), eleve("1111111111B", first="Noé")),
        (("0123456789A", "1111111111B"), eleve("1111111111B", first="Noah")),
        (("", ""), eleve("", first="Noé")),
    ],
    ids=["told again", "told again with another first name", "told again without INE"],
)
async def test_a_twin_who_stays_does_not_hide_the_one_who_left(intake: House, ines: tuple[str, str], then: str) -> None:
    await told(intake, FIRST, JANUARY, eleve(ines[0]), eleve(ines[1], first="Noé"))
    await told(intake, SECOND, FEBRUARY, then)
    (seen,) = await exits(intake)
    assert seen.line == 1


async def test_another_who_bears_the_same_ine_and_stays_does_not_hide_the_one_who_left(intake: House) -> None:
    doubled = eleve(name="AUTREMONT", first="Noé", born="01/01/2007")
    await told(intake, FIRST, JANUARY, eleve(), doubled)
    await told(intake, SECOND, FEBRUARY, doubled)
    (seen,) = await exits(intake)
    assert seen.line == 1


async def test_of_one_senders_complete_lists_only_the_first_is_read_at_a_time(intake: House) -> None:
    for list_id, on in ((APART[0], JANUARY), (APART[1], FEBRUARY)):
        await intake.send(list_id, eleves_xml(eleve(), STAYS), list_format="siecle", reference_date=on)
    await intake.send(APART[2], enrolments_csv(enrolment()))
    async with intake.pool.acquire() as one, intake.pool.acquire() as another:
        first, next_one = await lists.claim(one), await lists.claim(another)
        assert first is not None and next_one is not None and (first.list_id, next_one.list_id) == (APART[0], APART[2])


async def test_two_readers_conclude_from_no_list_that_is_not_read_to_its_end(intake: House) -> None:
    crowd = [other(n) for n in range(1, 301)]
    await intake.send(APART[0], eleves_xml(*crowd), list_format="siecle", reference_date=JANUARY)
    await intake.send(APART[1], eleves_xml(*crowd[10:]), list_format="siecle", reference_date=FEBRUARY)
    await asyncio.gather(*(intake.read_all() for _ in range(3)))
    await intake.read_all()
    assert sorted(one.line for one in await exits(intake)) == list(range(1, 11))


async def test_a_line_that_names_nobody_lets_nothing_be_concluded_until_the_next_list(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, STAYS, eleve("", name="", first=""))
    assert await exits(intake) == []
    assert await intake.pool.fetchval("select outcome from complete_list where list_id = $1", SECOND) == "unnamed_lines"
    await told(intake, THIRD, MARCH, STAYS)
    (seen,) = await exits(intake)
    assert (seen.list_id, seen.last_seen, seen.absent_from) == (FIRST, JANUARY, THIRD)


async def test_enrolled_at_another_establishment_before_or_after(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, JANUARY, eleve(entered="05/01/2026"), uai=OTHER_UAI)
    await told(intake, THIRD, FEBRUARY, STAYS)
    assert len(await exits(intake)) == 1 and await intake.events(DropoutDetected) == []


async def test_enrolled_at_another_establishment_afterwards_withdraws(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, STAYS)
    await told(intake, THIRD, FEBRUARY, eleve(entered="20/01/2026"), uai=OTHER_UAI)
    (withdrawn,) = await intake.events(DropoutWithdrawn)
    assert isinstance(withdrawn, DropoutWithdrawn) and withdrawn.reason == "enrolment_found"


async def test_who_is_back_on_a_later_list_by_the_very_same_line_never_left(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, STAYS)
    assert len(await intake.events(DropoutDetected)) == 1
    await told(intake, THIRD, MARCH, eleve(), STAYS)
    (withdrawn,) = await intake.events(DropoutWithdrawn)
    assert isinstance(withdrawn, DropoutWithdrawn) and withdrawn.reason == "enrolment_found"
    await told(intake, FOURTH, APRIL, STAYS)
    assert [one.absent_from for one in await exits(intake)] == [SECOND, FOURTH]
    assert len(await intake.events(DropoutDetected)) == 2


async def test_whoever_changed_class_before_has_left_the_whole_establishment(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(mef="2472521431"), STAYS)
    await told(intake, SECOND, FEBRUARY, eleve(mef="2410022121", entered="10/01/2026"), STAYS)
    await told(intake, THIRD, MARCH, STAYS)
    assert len(await intake.events(EnrolmentSeen)) == 2 and len(await intake.events(DropoutDetected)) == 1


async def test_whoever_moved_and_then_left_the_second_establishment_is_found(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, eleve(entered="10/01/2026"), other(2), uai=OTHER_UAI)
    await told(intake, THIRD, FEBRUARY, STAYS)
    assert await intake.events(DropoutDetected) == []
    await told(intake, FOURTH, MARCH, other(2), uai=OTHER_UAI)
    (found,) = await intake.events(DropoutDetected)
    assert isinstance(found, DropoutDetected) and (found.last_uai, found.origin) == (OTHER_UAI, "absence")


async def test_days_on_which_nobody_told_them_prove_no_enrolment(intake: House) -> None:
    adult = eleve(born="14/05/2004", entered="20/12/2025")
    await told(intake, FIRST, JANUARY, adult, STAYS)
    await told(intake, SECOND, FEBRUARY, STAYS)
    assert len(await exits(intake)) == 1 and await intake.events(DropoutDetected) == []


async def test_the_age_that_counts_is_that_of_the_day_of_the_list_that_lacks_them(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(born="15/01/2008"), STAYS)
    await told(intake, SECOND, FEBRUARY, STAYS)
    (seen,), (found,) = await exits(intake), await intake.events(DropoutDetected)
    assert isinstance(found, DropoutDetected) and (seen.age, found.age, found.flags.obligation_formation) == (18, 18, False)


async def test_an_under_16_is_never_kept_and_is_absent_only_from_the_list_on_which_they_are_16(intake: House) -> None:
    child = eleve(born="15/01/2010")
    await told(intake, FIRST, JANUARY, child, STAYS)
    assert await roster(intake) == 1
    await told(intake, SECOND, FEBRUARY, child, STAYS)
    assert await exits(intake) == [] and await roster(intake) == 2
    await told(intake, THIRD, MARCH, STAYS)
    (seen,) = await exits(intake)
    assert (seen.list_id, seen.age) == (SECOND, 16)


async def test_an_under_16_who_is_missing_leaves_no_trace(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(born="15/01/2010"), STAYS)
    await told(intake, SECOND, FEBRUARY, STAYS)
    assert await exits(intake) == [] and await intake.pool.fetchval("select count(*) from identity_token") == 0


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
        lines = batch.prepare(read_all(siecle, body), job, intake.desk.digests)
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


async def test_a_list_of_one_establishment_says_nothing_of_another(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, other(2), uai=OTHER_UAI)
    assert await exits(intake) == []


@pytest.mark.parametrize("body", [leavers_csv(leaver(ine="", nom="ARBELIN")), enrolments_csv(enrolment(ine="", nom="ARBELIN"))])
async def test_no_list_of_leavers_and_no_late_enrolments_are_complete(intake: House, body: bytes) -> None:
    await intake.send(FIRST, enrolments_csv(enrolment()), reference_date=JANUARY)
    await told(intake, SECOND, JANUARY, eleve("1111111111B", name="CORVAL"), STAYS)
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


async def test_two_lists_of_one_day_contradict_nobody_and_the_next_day_decides(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, JANUARY, STAYS, other(2))
    assert await exits(intake) == [] and await roster(intake) == 3
    await told(intake, THIRD, FEBRUARY, STAYS, other(2))
    assert [one.absent_from for one in await exits(intake)] == [THIRD]
    assert await roster(intake) == 2


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
