"""Which whole lists wait for a human before they are read? Pure; the numbers are versioned (BAD_INPUTS A, 10 to 12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from statistics import median_low
from uuid import UUID

from contracts.intake import HoldReason


@dataclass(frozen=True, kw_only=True)
class HoldingRule:
    """What is far from usual.

    last: how many earlier lists of the source tell what is usual. needed: with fewer, nothing is. from_lines: where both sides are
    smaller, a class that leaves is a large share, and nothing is concluded. smaller, larger: shares of the usual number of lines
    at which, and beyond which, a list is held.
    """

    version: int
    last: int
    needed: int
    from_lines: int
    smaller: Fraction
    larger: Fraction


HOLDING_V1 = HoldingRule(version=1, last=5, needed=2, from_lines=20, smaller=Fraction(2, 5), larger=Fraction(5))
"""60 % smaller than usual, or five times larger."""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A list of the same source that was taken before and is not held."""

    list_id: UUID
    reference_date: date
    lines: int


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A list that has just come, with what is known of its source.

    earlier: the source's lists, the last that came first. of_others: whether a line is about an establishment that another sender
    reports.
    """

    reference_date: date
    lines: int
    earlier: Sequence[Earlier]
    of_others: bool


@dataclass(frozen=True, kw_only=True)
class Doubts:
    """Why the list is held; no reason means that it is not."""

    reasons: tuple[HoldReason, ...]
    usual: int | None
    newer: UUID | None


def doubts_about(arrival: Arrival, rule: HoldingRule) -> Doubts:
    newer = max((one for one in arrival.earlier if one.reference_date > arrival.reference_date), key=_reference_date, default=None)
    usual = usual_of(arrival.earlier, rule)
    reasons: list[HoldReason] = []
    if newer is not None:
        reasons.append("LIST_OUT_OF_ORDER")
    if usual is not None and unusual(arrival.lines, usual, rule):
        reasons.append("VOLUME_ANOMALY")
    if arrival.of_others:
        reasons.append("TERRITORY_OF_ANOTHER")
    return Doubts(reasons=tuple(reasons), usual=usual, newer=newer.list_id if newer else None)


def _reference_date(one: Earlier) -> date:
    return one.reference_date


def usual_of(earlier: Sequence[Earlier], rule: HoldingRule) -> int | None:
    """The median of the last lists, of an even number the lower one."""
    last = [one.lines for one in earlier[: rule.last]]
    return median_low(last) if len(last) >= rule.needed else None


def unusual(lines: int, usual: int, rule: HoldingRule) -> bool:
    if max(lines, usual) < rule.from_lines:
        return False
    return lines <= usual * rule.smaller or lines >= usual * rule.larger
