"""The predicate on both sides of each boundary, by DOMAIN 2.2, and for each condition a mutant that these cases catch."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from intake_specimens import OTHER_UAI, UAI

from intake.domain.detection import (
    SIEI_V1,
    Enrolment,
    Facts,
    Rule,
    below_the_level,
    enrolled_long_enough,
    enrolled_nowhere,
    flags_of,
    is_dropout,
    minor,
    of_the_age,
)

LEFT_ON = date(2025, 12, 1)
LEFT = Enrolment(uai=UAI, formation="50022141", start=date(2025, 9, 1), end=LEFT_ON)
ON = date(2026, 1, 31)
ADULT = Facts(left=LEFT, left_on=LEFT_ON, on=ON, age=19)


def entered(days_before: int | None) -> Facts:
    start = None if days_before is None else LEFT_ON - timedelta(days=days_before)
    return replace(ADULT, left=replace(LEFT, start=start))


def also_at(uai: str = OTHER_UAI, formation: str | None = "50022141", start: date | None = None, end: date | None = None) -> Facts:
    return replace(ADULT, others=(Enrolment(uai=uai, formation=formation, start=start, end=end),))


def aged(age: int, *diplomas: str) -> Facts:
    return replace(ADULT, age=age, diplomas=frozenset(diplomas))


@dataclass(frozen=True, kw_only=True)
class Case:
    """Labelled from the law, before any code."""

    name: str
    facts: Facts
    l313_7: bool
    obligation: bool = False


CASES = (
    Case(name="14 days of enrolment are too few", facts=entered(14), l313_7=False),
    Case(name="15 days of enrolment are enough", facts=entered(15), l313_7=True),
    Case(name="an unknown entry date proves no 15 days", facts=entered(None), l313_7=False),
    Case(name="14 days, but a minor under the obligation", facts=replace(entered(14), age=17), l313_7=False, obligation=True),
    Case(name="15 years old is never looked for", facts=aged(15), l313_7=False),
    Case(name="16 years old is looked for, by both duties", facts=aged(16), l313_7=True, obligation=True),
    Case(name="17 years old is under the obligation", facts=aged(17), l313_7=True, obligation=True),
    Case(name="18 years old is no longer under the obligation", facts=aged(18), l313_7=True),
    Case(name="25 years old is still looked for", facts=aged(25), l313_7=True),
    Case(name="26 years old is not", facts=aged(26), l313_7=False),
    Case(name="no diploma", facts=aged(19, "01"), l313_7=True),
    Case(name="the CFG and the DNB never count", facts=aged(19, "02", "03"), l313_7=True),
    Case(name="an unknown diploma is none", facts=aged(19, "99"), l313_7=True),
    Case(name="a CAP reaches the level", facts=aged(19, "04"), l313_7=False),
    Case(name="any source's baccalauréat counts beside another's none", facts=aged(19, "01", "07"), l313_7=False),
    Case(name="a diploma does not free a minor from the obligation", facts=aged(17, "04"), l313_7=False, obligation=True),
    Case(name="enrolled elsewhere without end", facts=also_at(), l313_7=False),
    Case(name="enrolled elsewhere from the day of the exit", facts=also_at(start=LEFT_ON), l313_7=False),
    Case(name="enrolled elsewhere until the day after the exit", facts=also_at(end=LEFT_ON + timedelta(days=1)), l313_7=False),
    Case(name="the other enrolment ended on the day of the exit", facts=also_at(end=LEFT_ON), l313_7=True),
    Case(name="a minor enrolled elsewhere satisfies the obligation", facts=replace(also_at(), age=17), l313_7=False),
    Case(name="the enrolment that was left is no other", facts=also_at(uai=UAI, start=date(2025, 9, 1)), l313_7=True),
    Case(name="nor is it where its formation is unstated", facts=also_at(uai=UAI, formation=None), l313_7=True),
    Case(name="another formation of the same establishment is", facts=also_at(uai=UAI, formation="40022101"), l313_7=False),
    Case(name="enrolled again in the same formation after the exit", facts=also_at(uai=UAI, start=LEFT_ON), l313_7=False),
)


def disagreements(rule: Rule) -> list[str]:
    found = ((case, flags_of(case.facts, rule)) for case in CASES)
    return [case.name for case, flags in found if (flags.l313_7, flags.obligation_formation) != (case.l313_7, case.obligation)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_flags_are_those_of_the_law(case: Case) -> None:
    flags = flags_of(case.facts, SIEI_V1)
    assert (flags.l313_7, flags.obligation_formation) == (case.l313_7, case.obligation)


def test_a_detection_is_made_when_either_flag_holds() -> None:
    assert [is_dropout(flags_of(aged(age, *diplomas), SIEI_V1)) for age, diplomas in ((19, ()), (17, ("04",)), (19, ("04",)))] == [
        True, True, False,
    ]  # fmt: skip


def without(rule: Rule, condition: object) -> Rule:
    return replace(
        rule,
        leaver_without_diploma=tuple(one for one in rule.leaver_without_diploma if one is not condition),
        minor_under_obligation=tuple(one for one in rule.minor_under_obligation if one is not condition),
    )


MUTANTS = {
    "c1 dropped": without(SIEI_V1, enrolled_long_enough),
    "c2 dropped": without(SIEI_V1, of_the_age),
    "c3 dropped": without(SIEI_V1, enrolled_nowhere),
    "c4 dropped": without(SIEI_V1, below_the_level),
    "minority dropped": without(SIEI_V1, minor),
    "14 days": replace(SIEI_V1, enrolled_days=14),
    "16 days": replace(SIEI_V1, enrolled_days=16),
    "from 15": replace(SIEI_V1, age_from=15),
    "from 17": replace(SIEI_V1, age_from=17),
    "before 25": replace(SIEI_V1, age_before=25),
    "before 27": replace(SIEI_V1, age_before=27),
    "majority at 17": replace(SIEI_V1, majority=17),
    "majority at 19": replace(SIEI_V1, majority=19),
    "the CAP is low": replace(SIEI_V1, low_diplomas=SIEI_V1.low_diplomas | {"04"}),
    "the DNB is high": replace(SIEI_V1, low_diplomas=SIEI_V1.low_diplomas - {"03"}),
    "unknown is high": replace(SIEI_V1, low_diplomas=SIEI_V1.low_diplomas - {"99"}),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_the_cases_catch_a_mutated_rule(mutant: Rule) -> None:
    assert disagreements(SIEI_V1) == []
    assert disagreements(mutant) != []
