"""When an apprentice has left: against the statuses of the apprenticeship dashboard, told day by day (DOMAIN 6.3)."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.domain.apprenticeship import Contract, Patience
from intake.domain.training import Training, left_on

ENTRY, END = date(2025, 9, 1), date(2027, 8, 31)
BROKEN = Contract(uai="", start=date(2025, 9, 8), end=END, broken_on=date(2025, 11, 10))
DAY = timedelta(days=1)


def out(on: date, *contracts: Contract, end: date | None = END, excluded_on: date | None = None) -> date | None:
    return left_on(Training(entry=ENTRY, end=end, excluded_on=excluded_on), contracts, on, Patience())


@pytest.mark.parametrize(("on", "left"), [(date(2026, 5, 8), None), (date(2026, 5, 9), date(2026, 5, 9))], ids=["day 180", "day 181"])
def test_a_ruptured_apprentice_has_left_after_day_180(on: date, left: date | None) -> None:
    assert out(on, BROKEN) == left


@pytest.mark.parametrize(("on", "left"), [(date(2025, 11, 29), None), (date(2025, 11, 30), date(2025, 11, 30))], ids=["day 90", "day 91"])
def test_without_a_first_contract_one_has_left_after_day_90(on: date, left: date | None) -> None:
    assert out(on) == left


def test_whoever_is_in_contract_has_not_left_even_when_the_training_is_over() -> None:
    assert out(END + 400 * DAY, Contract(uai="", start=ENTRY)) is None


def test_exclusion_is_an_exit_on_its_day_and_none_before() -> None:
    excluded = date(2026, 1, 12)
    assert out(excluded - DAY, Contract(uai="", start=ENTRY), excluded_on=excluded) is None
    assert out(excluded, Contract(uai="", start=ENTRY), excluded_on=excluded) == excluded


def test_a_contract_that_ran_to_its_end_shortly_before_the_training_ends_with_it() -> None:
    assert out(END + DAY, Contract(uai="", start=ENTRY, end=END - 61 * DAY)) is None
    assert out(END + DAY, Contract(uai="", start=ENTRY, end=END - 60 * DAY)) == END + DAY


def test_a_ruptured_apprentice_is_none_before_day_181_though_the_training_ends() -> None:
    broken = Contract(uai="", start=ENTRY, end=END, broken_on=END - 10 * DAY)
    assert out(END + 100 * DAY, broken) is None


def test_a_new_contract_ends_the_waiting_and_one_to_come_does_not() -> None:
    assert out(date(2026, 8, 1), BROKEN, Contract(uai="", start=date(2026, 3, 1))) is None
    assert out(date(2026, 8, 1), BROKEN, Contract(uai="", start=date(2026, 9, 1))) == date(2026, 5, 9)


def last_day(contract: Contract) -> date:
    """The last day in contract: that before the rupture."""
    days = [day for day in (contract.end, contract.broken_on and contract.broken_on - DAY) if day is not None]
    return min(days, default=date.max)


def gone_on(training: Training, contracts: list[Contract], day: date) -> bool:
    """The dashboard's status of one day is ABANDON or FIN_DE_FORMATION; counted day by day, with no arithmetic of the code's."""
    if training.excluded_on and day >= training.excluded_on:
        return True
    if any(one.start <= day <= last_day(one) for one in contracts):
        return False
    past = [one for one in contracts if last_day(one) < day and one.start <= day]
    waited = 0
    cursor = day
    while waited <= 200 and cursor >= training.entry and not any(one.start <= cursor <= last_day(one) for one in contracts):
        waited, cursor = waited + 1, cursor - DAY
    over = training.end is not None and day > training.end
    if not past:
        return not contracts and (waited > 90 or over)
    latest = max(past, key=last_day)
    natural = latest.broken_on is None or latest.broken_on - DAY > last_day(latest)
    if natural and training.end is not None and (training.end - last_day(latest)).days <= 60:
        return over
    return waited > 180


DAYS = st.integers(0, 500).map(lambda days: ENTRY + timedelta(days=days))


@st.composite
def contract(draw: st.DrawFn) -> Contract:
    start = draw(DAYS)
    length = st.integers(1, 300).map(lambda days: start + timedelta(days=days))
    return Contract(uai="", start=start, end=draw(st.none() | length), broken_on=draw(st.none() | length))


@settings(max_examples=400, deadline=None)
@given(st.lists(contract(), max_size=3), st.none() | DAYS, st.none() | DAYS, DAYS)
def test_who_has_left_is_gone_by_the_dashboards_statuses_and_nobody_else(
    contracts: list[Contract], end: date | None, excluded_on: date | None, on: date
) -> None:
    training = Training(entry=ENTRY, end=end, excluded_on=excluded_on)
    left = left_on(training, contracts, on, Patience())
    assert (left is not None) == gone_on(training, contracts, on)
    if left is not None:
        assert left <= on
        assert gone_on(training, contracts, left) or any(one.start > left for one in contracts)
