"""When somebody in apprenticeship has left the training: from its dates and those of the contracts, never from the sender's own status.

The statuses are those of the apprenticeship dashboard (DOMAIN 6.3): in contract; ruptured for 180 days; without a first contract for 90
days; abandoned; at the end of the training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from intake.domain.apprenticeship import Contract, Patience

END_FOLLOWS = timedelta(days=60)
"""A last contract that ran to its end counts as the end of the training, if that comes no later than this after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """The frame of an apprenticeship. `end`: its last day. `excluded_on`: the first day out of somebody excluded."""

    entry: date
    end: date | None = None
    excluded_on: date | None = None


def left_on(training: Training, contracts: Sequence[Contract], on: date, patience: Patience) -> date | None:
    """The first day out, if that is not after `on`; none for whoever is in contract or still protected."""
    days = (training.excluded_on, _run_out(training, contracts, on, patience))
    return min((day for day in days if day is not None and day <= on), default=None)


def _run_out(training: Training, contracts: Sequence[Contract], on: date, patience: Patience) -> date | None:
    """The day after the end of training, or after the days for which somebody without a contract is waited for."""
    after_the_end = training.end + timedelta(days=1) if training.end else None
    running = [one for one in contracts if one.start <= on]
    over = [(day, one) for one in running if (day := one.over_on()) is not None and day <= on]
    if not contracts:
        waited = training.entry + timedelta(days=patience.before_first)
        return min(waited, after_the_end) if after_the_end else waited
    if not running or len(over) < len(running):
        return None
    last, contract = max(over, key=lambda one: one[0])
    if after_the_end and contract.broken_on != last and after_the_end - last <= END_FOLLOWS:
        return max(after_the_end, last)
    return last + timedelta(days=patience.after_contract)
