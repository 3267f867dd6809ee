"""The legal calendar, checked against dateutil and against plain counting."""

from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from chassis.paris import add_months, age_on, birthday, legal_date

days = st.dates(date(1950, 1, 1), date(2090, 1, 1))


def test_the_legal_day_begins_at_midnight_in_paris() -> None:
    assert legal_date(datetime(2026, 1, 31, 22, 59, 59, tzinfo=UTC)) == date(2026, 1, 31)
    assert legal_date(datetime(2026, 1, 31, 23, tzinfo=UTC)) == date(2026, 2, 1)
    assert legal_date(datetime(2026, 7, 31, 22, tzinfo=UTC)) == date(2026, 8, 1)


def test_both_hours_of_the_autumn_night_are_of_one_day() -> None:
    night = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert {legal_date(night), legal_date(night + timedelta(hours=1))} == {date(2026, 10, 25)}


def test_an_instant_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        legal_date(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)), (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2025, 11, 30), 3, date(2026, 2, 28)), (date(2026, 1, 31), 3, date(2026, 4, 30)), (date(2026, 3, 31), -1, date(2026, 2, 28)),
    ],
)  # fmt: skip
def test_a_month_without_that_day_ends_the_delay_on_its_last(start: date, months: int, end: date) -> None:
    assert add_months(start, months) == end


@given(days, st.integers(-240, 240))
def test_months_are_added_as_dateutil_adds_them(start: date, months: int) -> None:
    assert add_months(start, months) == start + relativedelta(months=months)


@given(days, st.integers(0, 40_000))
def test_an_age_is_the_number_of_birthdays_lived(birth: date, lived: int) -> None:
    on = birth + timedelta(days=lived)
    birthdays = ((year, birth.month, birth.day) for year in range(birth.year + 1, on.year + 1))
    assert age_on(birth, on) == sum(birthday <= (on.year, on.month, on.day) for birthday in birthdays)


def test_born_on_29_february_one_is_sixteen_on_1_march_of_a_common_year() -> None:
    assert age_on(date(2008, 2, 29), date(2024, 2, 29)) == 16
    assert (age_on(date(2009, 2, 28), date(2025, 2, 27)), age_on(date(2009, 2, 28), date(2025, 2, 28))) == (15, 16)
    assert (age_on(date(2004, 2, 29), date(2021, 2, 28)), age_on(date(2004, 2, 29), date(2021, 3, 1))) == (16, 17)


@given(days, st.integers(1, 90))
def test_a_birthday_is_the_first_day_of_an_age(birth: date, years: int) -> None:
    day = birthday(birth, years)
    assert (age_on(birth, day), age_on(birth, day - timedelta(days=1))) == (years, years - 1)


def test_born_on_29_february_one_has_a_birthday_every_year() -> None:
    assert (birthday(date(2008, 2, 29), 16), birthday(date(2008, 2, 29), 18)) == (date(2024, 2, 29), date(2026, 3, 1))
