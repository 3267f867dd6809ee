"""In doubt nobody is said to have left: what a line may mean, and when a list is not the whole; what absence means to the rule."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from intake_specimens import LATER_LIST, LIST, OTHER_UAI, REFERENCE, UAI, enrolment_seen, exit_seen, identity, leaver
from test_person import DECIDE, detected

from chassis.testing import given
from contracts.intake import DropoutDetected, DropoutWithdrawn, EnrolmentSeen, ExitSeen
from intake.domain.absence import ABSENCE_V1, Named, may_mean, meant_by, named_of, outcome_of
from intake.domain.person import PERSON as DECIDER
from intake.domain.person import Person, evolve, is_back
from intake.formats.csv_list import ADAPTER, leaver_of
from intake.roster import named_by

MAIA = named_of(identity(usage_name="Kerbel-Duvallon"))


@pytest.mark.parametrize(
    ("line", "may"),
    [
        (named_of(identity()), True),
        (Named(ine="0123456789A"), True),
        (named_of(identity(family_name="Autremont", first_names=("Noé",), birth_date=date(2007, 1, 1))), True),
        (named_of(identity(ine=None, family_name="Duvalon")), True),
        (named_of(identity(ine=None, family_name="KERBEL", first_names=("X",))), True),
        (named_of(identity(ine="9999999998Z", first_names=("Maia",), family_name="Autremont")), True),
        (named_of(identity(ine=None, birth_date=date(2008, 5, 15))), False),
        (named_of(identity(ine=None, family_name="Autremont", first_names=("Noé",))), False),
        (Named(whole=("DUVALLON", "MAIA"), words=frozenset({"DUVALLON", "MAIA"})), True),
        (Named(whole=("DUVALLON", "NOE"), words=frozenset({"DUVALLON", "NOE"})), False),
        (Named(), False),
    ],
)  # fmt: skip
def test_whom_a_line_may_mean(line: Named, may: bool) -> None:
    assert may_mean(line, MAIA) is may


def test_those_whom_some_line_may_mean_are_those_of_every_pair() -> None:
    births = (date(2008, 5, 14), date(2008, 5, 15))
    people = [
        named_of(identity(ine=ine, birth_date=birth, family_name=name))
        for ine in (None, "0123456789A", "9999999998Z") for birth in births for name in ("Duvallon", "Autremont")
    ]  # fmt: skip
    lines = [*people, Named(), Named(ine="0123456789A"), Named(whole=("DUVALLON", "MAIA"))]
    assert meant_by(lines, people) == [{n for n, one in enumerate(people) if may_mean(line, one)} for line in lines]
    assert meant_by(lines, []) == [set()] * len(lines) and meant_by([], people) == []


def test_a_line_without_ine_means_nobody_else_without_ine() -> None:
    assert not may_mean(Named(whole=("A", "B")), replace(MAIA, ine=None))


@pytest.mark.parametrize(
    ("cells", "says_who"),
    [
        ({}, True),
        ({"date_naissance": "2008-02-30"}, True),
        ({"prenom": ""}, True),
        ({"prenom": "", "date_naissance": ""}, False),
        ({"nom": "", "prenom": ""}, False),
    ],
)  # fmt: skip
def test_a_broken_line_says_who_it_is_about_or_does_not(cells: dict[str, str], says_who: bool) -> None:
    assert named_by(leaver_of(2, leaver(**cells)), ADAPTER).says_who is says_who


@pytest.mark.parametrize(
    ("earlier", "missing", "unnamed", "outcome"),
    [
        (20, 12, 0, "concluded"), (20, 13, 0, "too_many_missing"), (19, 19, 0, "concluded"), (30, 1, 1, "unnamed_lines"),
        (30, 0, 5, "concluded"), (0, 0, 0, "concluded"),
    ],
)  # fmt: skip
def test_when_nothing_is_concluded(earlier: int, missing: int, unnamed: int, outcome: str) -> None:
    assert outcome_of(earlier=earlier, missing=missing, unnamed=unnamed, rule=ABSENCE_V1) == outcome


def test_what_is_compared_shows_nothing_of_itself() -> None:
    assert repr(MAIA) == "Named(…)"


BEFORE, ON, AFTER = date(2026, 1, 1), REFERENCE, date(2026, 3, 1)


def absent(**changes: object) -> ExitSeen:
    said = {"origin": "absence", "exit_date": ON, "last_seen": BEFORE, "absent_from": LATER_LIST, "reference_date": ON, "motive": None}
    return exit_seen(**{**said, **changes})


def enrolled(**changes: object) -> EnrolmentSeen:
    return enrolment_seen(**{"uai": UAI, "start": date(2025, 9, 1), "reference_date": BEFORE, **changes})


def test_a_detection_says_that_it_stands_on_an_absence() -> None:
    (found,) = given(DECIDER, absent()).when(DECIDE).events or ()
    assert isinstance(found, DropoutDetected) and (found.origin, found.exit_date) == ("absence", ON)


def test_whoever_is_absent_has_left_every_formation_there_that_was_told_before() -> None:
    (found,) = given(DECIDER, enrolled(formation="24725214331"), absent()).when(DECIDE).events or ()
    assert isinstance(found, DropoutDetected)


@pytest.mark.parametrize("day", [ON, AFTER])
def test_an_enrolment_told_there_as_of_that_day_or_later_outdoes_the_absence(day: date) -> None:
    given(DECIDER, absent(), enrolled(reference_date=day)).when(DECIDE).then_nothing()
    found = detected().model_copy(update={"exit_date": ON, "origin": "absence"})
    (withdrawn,) = given(DECIDER, absent(), found, enrolled(reference_date=day)).when(DECIDE).events or ()
    assert isinstance(withdrawn, DropoutWithdrawn) and withdrawn.reason == "enrolment_found"


def test_a_told_exit_is_from_one_formation_as_ever() -> None:
    given(DECIDER, enrolled(formation="24725214331"), exit_seen()).when(DECIDE).then_nothing()


def test_an_earlier_exit_ended_the_enrolment_that_it_was_from() -> None:
    there = enrolment_seen(reference_date=BEFORE)
    left_there = absent(list_id=LATER_LIST, uai=OTHER_UAI, exit_date=date(2026, 1, 20), reference_date=date(2026, 1, 20))
    given(DECIDER, there, absent()).when(DECIDE).then_nothing()
    assert given(DECIDER, there, left_there, absent()).when(DECIDE).events
    told_again = enrolment_seen(list_id=UUID(int=9), reference_date=date(2026, 1, 20))
    given(DECIDER, there, left_there, absent(), told_again).when(DECIDE).then_nothing()
    begun_anew = enrolment_seen(list_id=UUID(int=9), start=date(2026, 1, 20), reference_date=BEFORE)
    given(DECIDER, begun_anew, left_there, absent()).when(DECIDE).then_nothing()


def test_fifteen_days_are_proven_up_to_the_last_day_on_which_they_were_told() -> None:
    adult = replace(DECIDE, age=19)
    assert given(DECIDER, absent(entry_date=date(2025, 12, 17))).when(adult).events
    given(DECIDER, absent(entry_date=date(2025, 12, 18))).when(adult).then_nothing()


@pytest.mark.parametrize(
    ("past", "back"),
    [
        ((), False), ((enrolled(),), False), ((enrolled(), absent()), True), ((absent(uai=OTHER_UAI),), False),
        ((enrolled(), absent(), enrolled(list_id=LIST, reference_date=AFTER)), False), ((absent(reference_date=AFTER),), False),
    ],
)  # fmt: skip
def test_a_line_told_again_is_news_where_an_exit_was_the_last_word(past: tuple[ExitSeen | EnrolmentSeen, ...], back: bool) -> None:
    state = Person()
    for event in past:
        state = evolve(state, event)
    assert is_back(state, UAI, AFTER) is back
