"""Born on 29 February: a year older on 1 March of a common year, for every threshold alike and for the month of majority."""

from datetime import date, timedelta

import pytest
from intake_specimens import leaver

from intake.domain.detection import SIEI_V1, Enrolment, Facts, flags_of
from intake.formats.csv_list import ADAPTER, leaver_of
from intake.record import NotKept, Record
from intake.validation import validated

BORN = "2008-02-29"


def line_of(on: date, born: str = BORN) -> Record | NotKept:
    found = validated(leaver_of(2, leaver(date_naissance=born, date_entree="2020-09-01", date_sortie="2020-12-01")), ADAPTER, on)
    assert isinstance(found, Record | NotKept)
    return found


@pytest.mark.parametrize(("day", "kept"), [(date(2024, 2, 28), False), (date(2024, 2, 29), True)])
def test_kept_from_the_sixteenth_birthday(day: date, kept: bool) -> None:
    assert isinstance(line_of(day), Record) is kept


@pytest.mark.parametrize(
    ("day", "l313_7", "obligation"),
    [
        (date(2026, 2, 28), True, True), (date(2026, 3, 1), True, False), (date(2034, 2, 28), True, False), (date(2034, 3, 1), False, False),
    ],
)  # fmt: skip
def test_the_thresholds_of_the_rule(day: date, l313_7: bool, obligation: bool) -> None:
    record = line_of(day)
    assert isinstance(record, Record)
    left_on = day - timedelta(days=60)
    left = Enrolment(uai=record.uai, formation=None, start=left_on - timedelta(days=90), end=left_on)
    flags = flags_of(Facts(left=left, left_on=left_on, on=day, age=record.age), SIEI_V1)
    assert (flags.l313_7, flags.obligation_formation) == (l313_7, obligation)


@pytest.mark.parametrize(
    ("born", "month"), [(BORN, "2026-03"), ("2008-02-28", "2026-02"), ("2008-03-01", "2026-03"), ("2008-12-31", "2026-12")]
)
def test_the_month_of_majority_is_that_in_which_the_age_is_eighteen(born: str, month: str) -> None:
    record = line_of(date(2026, 1, 1), born)
    assert isinstance(record, Record) and record.majority_month == month
