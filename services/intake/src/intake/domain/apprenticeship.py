"""How far an apprenticeship is on one day, from its dated contracts and never from the sender's own status (DOMAIN 6.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

type Standing = Literal["none", "to_come", "in_contract", "awaiting_contract", "ruptured", "left"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """An apprenticeship contract. `end` is its agreed last day; `broken_on` the day of its rupture, the first without it."""

    uai: str
    start: date
    end: date | None = None
    broken_on: date | None = None

    def over_on(self) -> date | None:
        """The first day out, as far as it is known; a rupture later than the agreed end ends nothing."""
        after_the_end = self.end and self.end + timedelta(days=1)
        return min((day for day in (after_the_end, self.broken_on) if day is not None), default=None)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Days for which nobody in apprenticeship counts as gone: the last day of each still protects."""

    after_contract: int = 180
    before_first: int = 90


def standing_on(contracts: Sequence[Contract], begun: Sequence[date], on: date, patience: Patience) -> Standing:
    """What holds on that day. begun: the days on which trainings as an apprentice began.

    After a contract the days count from its first day out, which is day 1; without any contract, from the first day of training,
    which is day 1 as well.
    """
    running = [one for one in contracts if one.start <= on]
    over = [day for one in running if (day := one.over_on()) is not None and day <= on]
    if len(over) < len(running):
        return "in_contract"
    if over:
        return "ruptured" if _day(max(over), on) <= patience.after_contract else "left"
    if contracts:
        return "to_come"
    if not begun:
        return "none"
    if max(begun) > on:
        return "to_come"
    return "awaiting_contract" if _day(max(begun), on) <= patience.before_first else "left"


def _day(first: date, on: date) -> int:
    return (on - first).days + 1
