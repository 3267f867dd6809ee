"""The legal calendar: on which day something happens in Europe/Paris, what a delay in months means, how old someone is."""

from calendar import monthrange
from datetime import date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


def legal_date(instant: datetime) -> date:
    """The day that the calendar in Paris shows at this instant.

    Raises:
        ValueError: the instant has no time zone.
    """
    if instant.utcoffset() is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(PARIS).date()


def add_months(start: date, months: int) -> date:
    """The same day so many calendar months later; the month's last day if it has no such day (code de procédure civile, art. 641)."""
    year, month0 = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month0 + 1, min(start.day, monthrange(year, month0 + 1)[1]))


def age_on(birth: date, on: date) -> int:
    """Whole years lived on that day; born on 29 February, one is a year older on 1 March of a common year."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def birthday(birth: date, years: int) -> date:
    """The first day on which somebody is that old; see `age_on`."""
    try:
        return birth.replace(year=birth.year + years)
    except ValueError:  # 29 February in a common year
        return date(birth.year + years, 3, 1)
