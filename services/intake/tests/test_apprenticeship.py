"""An apprentice's days on both sides of each boundary (DOMAIN 6.3), against an oracle that walks the calendar day by day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_specimens import OTHER_UAI, UAI

from intake.domain.apprenticeship import Contract, Patience, Standing, standing_on
from intake.domain.detection import SIEI_V1, SIEI_V2, Enrolment, Facts, Rule, flags_of, out_of_apprenticeship

ON = date(2026, 5, 31)
BEGUN = date(2025, 9, 1)
DAY = timedelta(days=1)
LEFT = Enrolment(uai=UAI, formation="24725214311", start=date(2024, 9, 2), end=date(2025, 7, 4))
LEAVER = Facts(left=LEFT, left_on=date(2025, 7, 4), on=ON, age=17)


def broken(days: int, uai: str = OTHER_UAI) -> Contract:
    """A contract without which ON is that many days: its rupture is day 1."""
    return Contract(uai=uai, start=BEGUN, end=date(2027, 8, 31), broken_on=ON - (days - 1) * DAY)


def waiting(days: int) -> Enrolment:
    """Training as an apprentice of which ON is that day, without any contract."""
    return Enrolment(uai=OTHER_UAI, formation=None, start=ON - (days - 1) * DAY, end=None, apprentice=True)


PROTECTED = {
    "a contract runs": replace(LEAVER, contracts=(Contract(uai=OTHER_UAI, start=BEGUN),)),
    "it runs on its last day": replace(LEAVER, contracts=(Contract(uai=OTHER_UAI, start=BEGUN, end=ON),)),
    "it breaks tomorrow": replace(LEAVER, contracts=(replace(broken(1), broken_on=ON + DAY),)),
    "day 1 after a rupture": replace(LEAVER, contracts=(broken(1),)),
    "day 179": replace(LEAVER, contracts=(broken(179),)),
    "day 180": replace(LEAVER, contracts=(broken(180),)),
    "day 180 after the agreed end": replace(LEAVER, contracts=(replace(broken(1), broken_on=None, end=ON - 180 * DAY),)),
    "an older one broke long before": replace(LEAVER, contracts=(broken(200), replace(broken(180), start=BEGUN + DAY))),
    "a new one runs after a rupture": replace(LEAVER, contracts=(broken(200), Contract(uai=UAI, start=ON))),
    "it begins tomorrow": replace(LEAVER, contracts=(Contract(uai=OTHER_UAI, start=ON + DAY),)),
    "day 89 of waiting for a first one": replace(LEAVER, others=(waiting(89),)),
    "day 90": replace(LEAVER, others=(waiting(90),)),
    "training begins tomorrow": replace(LEAVER, others=(waiting(0),)),
    "it runs, whatever the establishment that was left says": replace(LEAVER, contracts=(Contract(uai=UAI, start=date(2025, 1, 6)),)),
}
NOT_PROTECTED = {
    "no apprentice": LEAVER,
    "day 181 after a rupture": replace(LEAVER, contracts=(broken(181),)),
    "day 181 after the agreed end": replace(LEAVER, contracts=(replace(broken(1), broken_on=None, end=ON - 181 * DAY),)),
    "a rupture told for after the agreed end": replace(LEAVER, contracts=(replace(broken(1), end=ON - 181 * DAY),)),
    "day 91 of waiting for a first one": replace(LEAVER, others=(waiting(91),)),
    "excluded by the training centre on day 100": replace(
        LEAVER, left=replace(LEFT, uai=OTHER_UAI), left_on=ON - 99 * DAY, contracts=(broken(100),)
    ),
}


@pytest.mark.parametrize("facts", PROTECTED.values(), ids=PROTECTED)
def test_an_apprentice_is_no_dropout_by_either_flag(facts: Facts) -> None:
    flags = flags_of(facts, SIEI_V1)
    assert (flags.l313_7, flags.obligation_formation) == (False, False)


@pytest.mark.parametrize("facts", NOT_PROTECTED.values(), ids=NOT_PROTECTED)
def test_who_is_no_apprentice_any_more_is_one_by_both(facts: Facts) -> None:
    flags = flags_of(facts, SIEI_V1)
    assert (flags.l313_7, flags.obligation_formation) == (True, True)


def wrongly(rule: Rule) -> int:
    """How many of the cases this rule gets wrong."""
    protected = sum(out_of_apprenticeship(facts, rule) for facts in PROTECTED.values())
    return protected + sum(not out_of_apprenticeship(facts, rule) for facts in NOT_PROTECTED.values())


@pytest.mark.parametrize(
    "patience",
    [Patience(after_contract=179), Patience(after_contract=181), Patience(before_first=89), Patience(before_first=91)],
    ids=str,
)
def test_the_cases_catch_a_number_that_is_wrong_by_one(patience: Patience) -> None:
    assert wrongly(SIEI_V1) == 0
    assert wrongly(replace(SIEI_V1, patience=patience)) > 0


def test_the_cases_catch_a_rule_that_forgets_apprentices() -> None:
    forgets = [one for one in SIEI_V1.leaver_without_diploma if one is not out_of_apprenticeship]
    mutant = replace(SIEI_V1, leaver_without_diploma=tuple(forgets))
    assert any(flags_of(facts, mutant).l313_7 for facts in PROTECTED.values())
    mutant = replace(SIEI_V1, minor_under_obligation=SIEI_V1.minor_under_obligation[:2])
    assert any(flags_of(facts, mutant).obligation_formation for facts in PROTECTED.values())


def walked(contracts: list[Contract], begun: date, on: date) -> Standing:
    """DOMAIN 6.3 as its own engine does it: day after day, counting the days without contract in a row."""
    without, had_one, day = 0, False, min([begun, *(one.start for one in contracts)])
    while True:
        under = any(
            one.start <= day and (one.end is None or day <= one.end) and (one.broken_on is None or day < one.broken_on) for one in contracts
        )
        had_one, without = had_one or under, 0 if under else without + 1
        if day == on:
            break
        day += DAY
    if under:
        return "in_contract"
    limit = 180 if had_one else 90
    return "left" if without > limit else ("ruptured" if had_one else "awaiting_contract")


days = st.integers(min_value=0, max_value=400).map(lambda count: BEGUN + count * DAY)


@st.composite
def some_contract(draw: st.DrawFn) -> Contract:
    start = draw(days)
    end = start + draw(st.integers(min_value=1, max_value=300)) * DAY
    broken_on = draw(st.none() | st.integers(min_value=1, max_value=350).map(lambda count: start + count * DAY))
    return Contract(uai=UAI, start=start, end=end, broken_on=broken_on)


@settings(max_examples=300, deadline=None)
@given(contracts=st.lists(some_contract(), max_size=3), on=days)
def test_the_standing_is_that_of_walking_through_the_days(contracts: list[Contract], on: date) -> None:
    told = [one for one in contracts if one.start <= on]
    assert standing_on(told, [BEGUN], on, Patience()) == walked(told, BEGUN, on)


CAP_IN_BAC_PRO = {
    "a CAP, from the first year of a bac pro": ("24725214311", {"04"}, True),
    "a BEP, from its second year": ("24725214321", {"05"}, True),
    "a CAP, from terminale": ("24725214331", {"04"}, False),
    "a CAP, from a CAP": ("24122130311", {"04"}, False),
    "a CAP, from a formation whose year is not told": ("247", {"04"}, False),
    "a CAP, from a formation that is not told": ("", {"04"}, False),
    "a baccalauréat beside the CAP": ("24725214311", {"04", "08"}, False),
    "the brevet beside the CAP": ("24725214311", {"03", "04"}, True),
}


@pytest.mark.parametrize(("formation", "diplomas", "dropout"), CAP_IN_BAC_PRO.values(), ids=CAP_IN_BAC_PRO)
def test_the_cap_holder_is_a_matter_of_policy(formation: str, diplomas: set[str], dropout: bool) -> None:
    facts = replace(LEAVER, age=19, left=replace(LEFT, formation=formation), diplomas=frozenset(diplomas))
    assert flags_of(facts, SIEI_V2).l313_7 == dropout
    assert flags_of(facts, SIEI_V1).l313_7 is False
