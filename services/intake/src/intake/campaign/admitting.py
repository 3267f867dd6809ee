"""What makes a match no campaign, unless who runs it answers for it: lines that were lost, files that are hardly those of two years.

A line of this year that is lost makes somebody a dropout who is none, so nothing is lost unless a person said how much may be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from contracts.intake import MatchFigures, SnapshotKind
from intake.campaign.matching import Lines

LEAST_OF_THE_OTHER = Fraction(9, 10)
"""A country's enrolments of two years differ by some in a hundred; a year that lacks a tenth of the other is cut, or another export."""

MOST_LEAVERS = Fraction(1, 20)
"""Of those of 16 and over that were seen; in the country of the load test, made after published figures, fewer than one in fifty."""


class CampaignRefused(Exception):
    """The files cannot be a campaign; says why, and nothing of their content."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What a person has looked at and answers for. unreadable: so many lines of each file. any_volume: whatever the counts are."""

    unreadable: int = 0
    any_volume: bool = False


def admit(figures: MatchFigures, lines: Mapping[SnapshotKind, Lines], accepted: Accepted) -> None:
    """Let it pass.

    Raises:
        CampaignRefused: it may not.
    """
    for kind, one in lines.items():
        if one.read == 0:
            raise CampaignRefused(f"{kind}: there is no line under the header: this file cannot be the whole one")
        if one.unreadable > accepted.unreadable:
            why = "whoever stands on them may look absent; mend the file, or say with --tolerate how many you answer for"
            raise CampaignRefused(f"{kind}: {one.unreadable:,} of {one.read:,} lines cannot be read, or stand in a quoted cell: {why}")
    if not figures.leavers:
        raise CampaignRefused("nobody is in the earlier enrolments only: are these the files of two years?")
    if not accepted.any_volume:
        _check_volume(figures, previous=lines["previous"].read, current=lines["current"].read)


def _check_volume(figures: MatchFigures, *, previous: int, current: int) -> None:
    answer = "is a file cut, or of something else? If it is right, say so with --despite-volume"
    if min(previous, current) < max(previous, current) * LEAST_OF_THE_OTHER:
        raise CampaignRefused(f"previous has {previous:,} lines and current {current:,}: {answer}")
    old = figures.seen - figures.unreadable - figures.under_16
    if figures.leavers > old * MOST_LEAVERS:
        raise CampaignRefused(f"{figures.leavers:,} of {old:,} lines of those of 16 and over would be leavers: {answer}")
