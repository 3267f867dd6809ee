"""Which month is told when: calendar months of Europe/Paris, each told some hours after it ended."""

from datetime import UTC, date, datetime, time, timedelta

from chassis.paris import PARIS, add_months, legal_date


def period_of(at: datetime) -> str:
    """The month that the calendar in Paris shows at this instant: `2026-03`."""
    return legal_date(at).strftime("%Y-%m")


def end_of(period: str) -> datetime:
    """The first instant after the period, in UTC.

    Raises:
        ValueError: not a month.
    """
    return datetime.combine(add_months(date.fromisoformat(f"{period}-01"), 1), time.min, tzinfo=PARIS).astimezone(UTC)


def last_ended(now: datetime, ready_after: timedelta) -> str:
    """The latest period that ended at least so long ago."""
    current = date.fromisoformat(f"{period_of(now - ready_after)}-01")
    return add_months(current, -1).strftime("%Y-%m")
