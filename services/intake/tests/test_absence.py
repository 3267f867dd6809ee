"""In doubt nobody is said to have left: what a line may mean, and when a list is not the whole; what absence means to the rule."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import combinations
from uuid import UUID

import pytest
from intake_specimens import LATER_LIST, LIST, OTHER_UAI, REFERENCE, UAI, enrolment_seen, exit_seen, identity, leaver
from test_person import DECIDE, detected

from chassis.testing import given
from contracts.intake import DropoutDetected, DropoutWithdrawn, EnrolmentSeen, ExitSeen
from contracts.personal import Identity
from intake.domain.absence import (
    ABSENCE_V1,
    Named,
    goes_with,
    is_under_age_by,
    may_double,
    may_mean,
    meant_by,
    named_of,
    nearest,
    outcome_of,
    seen_by,
)
from intake.domain.person import PERSON as DECIDER
from intake.domain.person import Person, evolve, is_back
from intake.formats.csv_list import ADAPTER, leaver_of
from intake.identity import Digests
from intake.roster import marks_of, named_by

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


INES, BIRTHS, FAMILIES, FIRSTS = (None, "0123456789A", "9999999999Z"), (date(2008, 5, 14), date(2008, 5, 15)), ("A", "B"), ("M", "N")
SPELLINGS = [
    identity(ine=ine, birth_date=birth, family_name=f"{family}LBAN", first_names=(f"{first}OE",), birth_commune=None)
    for ine in INES for birth in BIRTHS for family in FAMILIES for first in FIRSTS
]  # fmt: skip
DIGESTS = Digests(key=bytes(32))


def told_by(line: Identity, standing: Sequence[Identity]) -> list[Identity]:
    """In the words of docs/detection.md, over the names themselves."""
    birth = [one for one in standing if one.birth_date == line.birth_date]
    under_ine = [one for one in standing if line.ine and one.ine == line.ine and one.first_names == line.first_names]
    named = [one for one in birth if (one.family_name, one.first_names) == (line.family_name, line.first_names)]
    same = [one for one in under_ine if one in birth] + [one for one in named if not (one.ine and line.ine)]
    return same or under_ine + [one for one in named if one not in under_ine]


def test_a_line_tells_whom_it_names_and_no_other() -> None:
    tokens = {n: DIGESTS.tokens(one) for n, one in enumerate(SPELLINGS)}
    for pair in combinations(SPELLINGS, 2):
        seen = seen_by(tokens, [frozenset(marks_of(DIGESTS.tokens(one))) for one in pair], marks_of)
        expected = {n: {place for place, one in enumerate(pair) if one in told_by(line, pair)} for n, line in enumerate(SPELLINGS)}
        assert seen == expected


@pytest.mark.parametrize(
    ("line", "may"),
    [
        (identity(ine="9999999999Z"), True),
        (identity(ine=None), True),
        (identity(birth_date=date(2007, 1, 1)), True),
        (identity(first_names=("Maïa-Lou",)), True),
        (identity(first_names=("Noé",)), False),
        (identity(family_name="Autremont", first_names=("Noé",)), False),
        (identity(ine="9999999999Z", family_name="Autremont"), False),
        (identity(ine="9999999999Z", birth_date=date(2007, 1, 1)), False),
        (identity(first_names=("Maïa-Lou",), birth_date=date(2007, 1, 1)), False),
    ],
)
def test_who_may_have_been_told_twice_in_two_spellings(line: Identity, may: bool) -> None:
    assert may_double(named_of(line), MAIA) is may


def test_a_newcomer_under_somebodys_ine_and_birth_date_is_that_one_if_any() -> None:
    twin = named_of(identity(ine="1111111111B", first_names=("Noé",)))
    renamed = named_of(identity(ine="1111111111B", first_names=("Noah",)))
    assert nearest(renamed, {0, 1}, [MAIA, twin]) == {1}
    assert nearest(renamed, {0}, [MAIA, twin]) == {0}
    assert nearest(named_of(identity(ine=None)), {0, 1}, [replace(MAIA, ine=None), twin]) == {0, 1}


@pytest.mark.parametrize(
    ("line", "under_age"),
    [
        (identity(birth_date=date(2012, 5, 14)), True),
        (identity(birth_date=date(2012, 5, 14), first_names=("Noé",)), False),
        (identity(ine=None, birth_date=date(2012, 5, 14)), False),
    ],
)
def test_of_whom_a_line_says_that_they_are_under_16_after_all(line: Identity, under_age: bool) -> None:
    assert is_under_age_by(named_of(line), MAIA) is under_age


@pytest.mark.parametrize(
    ("line", "goes"),
    [
        (identity(), True),
        (identity(first_names=("Maya",)), True),
        (identity(birth_date=date(2008, 5, 15)), True),
        (identity(ine=None), True),
        (identity(ine=None, birth_commune="75056"), True),
        (identity(ine="9999999998Z"), False),
        (identity(ine=None, family_name="Autremont"), False),
        (identity(ine="9999999998Z", family_name="Autremont"), False),
    ],
)
def test_which_records_go_with_whoever_is_erased(line: Identity, goes: bool) -> None:
    digests = Digests(key=bytes(32))
    assert goes_with(dict(digests.tokens(identity()).rows()), frozenset(marks_of(digests.tokens(line)))) is goes


def test_with_one_whose_ine_is_not_known_goes_whoever_bears_names_and_birth_date() -> None:
    digests = Digests(key=bytes(32))
    known = dict(digests.tokens(identity(ine=None)).rows())
    assert goes_with(known, frozenset(marks_of(digests.tokens(identity()))))
    assert not goes_with(known, frozenset(marks_of(digests.tokens(identity(birth_date=date(2008, 5, 15))))))
