"""How an envelope spells what it holds."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import rfc3339


@pytest.mark.parametrize(
    ("instant", "spelt"),
    [
        (datetime(2026, 2, 1, 12, tzinfo=UTC), "2026-02-01T12:00:00.000000Z"),
        (datetime(2026, 2, 1, 0, 30, 1, 20, tzinfo=timezone(timedelta(hours=2))), "2026-01-31T22:30:01.000020Z"),
    ],
)
def test_an_instant_is_spelt_in_utc_with_microseconds(instant: datetime, spelt: str) -> None:
    assert rfc3339(instant) == spelt


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.timezones()))
def test_one_instant_has_one_spelling_which_reads_back(instant: datetime) -> None:
    assert rfc3339(instant) == rfc3339(instant.astimezone(UTC)) == instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert datetime.fromisoformat(rfc3339(instant)) == instant.astimezone(UTC)
