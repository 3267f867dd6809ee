"""Absence from an establishment's next complete list, on a real PostgreSQL: who has left, who has not, and what may not remain."""

import asyncio
from datetime import date
from uuid import UUID

import pytest
from absence_house import APART, APRIL, FEBRUARY, FIRST, FOURTH, JANUARY, MARCH, SECOND, STAYS, THIRD, eleve, exits, other, roster, told
from intake_house import House
from intake_specimens import OTHER_UAI, UAI, eleves_xml, enrolment, enrolments_csv, leaver, leavers_csv

from contracts.intake import DropoutDetected, DropoutWithdrawn, EnrolmentSeen, ExitSeen
from contracts.personal import Contact, Identity
from intake import lists

pytestmark = pytest.mark.stack


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
    ("mended", "last_told"),
    [
        (eleve("9999999998Z"), SECOND),
        (eleve(""), SECOND),
        (eleve(born="15/05/2008"), SECOND),
        (eleve(name="DUVALON", born="14/05/2008"), SECOND),
        (eleve("", name="DUVALLON-MARTIN"), SECOND),
        (eleve(mef="2472521432"), SECOND),
        (eleve(name="", first="Maïa"), FIRST),
        (eleve(entered="35/13/2025"), FIRST),
        (eleve("9999999998Z", born="35/13/2008"), FIRST),
        (eleve(born="14/05/2012"), None),
    ],
    ids=[
        "another INE", "no INE", "another birth date", "a mended name", "a longer name without INE", "another class", "a rejected line",
        "a bad entry date", "no readable birth date", "under 16 after all",
    ],
)  # fmt: skip
async def test_whoever_a_line_may_mean_is_not_absent_until_no_line_does(intake: House, mended: str, last_told: UUID | None) -> None:
    await told(intake, FIRST, JANUARY, eleve(), STAYS)
    await told(intake, SECOND, FEBRUARY, mended, STAYS)
    assert await exits(intake) == []
    await told(intake, THIRD, MARCH, STAYS)
    expected = [(last_told, 1, THIRD)] if last_told else []
    assert [(one.list_id, one.line, one.absent_from) for one in await exits(intake)] == expected


async def test_a_held_line_may_mean_somebody_too(intake: House) -> None:
    await intake.send(THIRD, leavers_csv(leaver(nom="CORVAL", prenom="Ombeline", date_naissance="2007-01-01")), reference_date=JANUARY)
    await told(intake, FIRST, JANUARY, eleve(""), STAYS)
    await told(intake, SECOND, FEBRUARY, eleve(name="DUVALON"), STAYS)
    assert ("held", ("IDENTITY_CONFLICT",)) in [(verdict, rules) for _, verdict, rules in await intake.verdicts(SECOND)]
    assert [one.origin for one in await exits(intake)] == ["list"]


async def test_whom_only_a_held_line_tells_is_looked_for_on_the_next_list(intake: House) -> None:
    another = leaver(nom="CORVAL", prenom="Ombeline", date_naissance="2007-01-01")
    await intake.send(FOURTH, leavers_csv(another), reference_date=JANUARY)
    await told(intake, FIRST, JANUARY, eleve(""), STAYS)
    await told(intake, SECOND, FEBRUARY, eleve(), STAYS)
    assert (1, "held", ("IDENTITY_CONFLICT",)) in await intake.verdicts(SECOND)
    assert [one.origin for one in await exits(intake)] == ["list"]
    await told(intake, THIRD, MARCH, STAYS)
    assert [(one.list_id, one.line, one.origin) for one in await exits(intake)][1:] == [(FIRST, 1, "absence")]


async def test_whoever_is_told_to_have_left_under_a_mended_name_is_not_absent_as_well(intake: House) -> None:
    await told(intake, FIRST, JANUARY, eleve(""), STAYS)
    await told(intake, SECOND, FEBRUARY, eleve("", name="DUVALON", left="20/01/2026"), STAYS)
    assert [one.origin for one in await exits(intake)] == ["list"]


@pytest.mark.parametrize(
    ("ines", "then"),
    [
        (("0123456789A", "1111111112B"), eleve("1111111112B", first="Noé")),
        (("0123456789A", "1111111112B"), eleve("1111111112B", first="Noah")),
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
