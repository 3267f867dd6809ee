"""When an establishment is told what became of those who left it: once a period, under a versioned rule."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from chassis.decider import Decider, Refused
from chassis.paris import add_months, legal_date
from contracts.fields import Sha256
from contracts.transmission import Destination, ReturnInformationSent
from transmission.domain.destinations import ReturnLine
from transmission.domain.periods import end_of


@dataclass(frozen=True, kw_only=True)
class ReturnRule:
    """The version of the rule that is stored with each file. None of its figures is regulated, so all are configuration.

    ready_after: how long after its end a period is told, so that what was recorded before has been heard.
    named_for_months: how long somebody is named after the last news; smallest_cell: smaller counts stay out of the event.
    """

    name: str = "state-at-month-end.v1"
    ready_after: timedelta = timedelta(hours=6)
    named_for_months: int = 12
    smallest_cell: int = 5


def still_named(lines: Sequence[ReturnLine], until: datetime, rule: ReturnRule) -> list[ReturnLine]:
    """Without those of whom there was no news for so long: nobody is followed for ever by the establishment that they left."""
    ended = legal_date(until)
    return [one for one in lines if add_months(one.since, rule.named_for_months) >= ended]


def cells_of(lines: Sequence[ReturnLine], rule: ReturnRule) -> dict[Destination, int] | None:
    """How many have which destination; none as soon as one count is small, so that no subtraction from the sum gives it away."""
    counts = Counter(one.destination for one in sorted(lines, key=lambda one: one.destination))
    return dict(counts) if counts and min(counts.values()) >= rule.smallest_cell else None


@dataclass(frozen=True, kw_only=True)
class SendReturn:
    """A file is ready for an establishment; `at` is now."""

    uai: str
    period: str
    at: datetime
    rule: str
    lines: int
    cells: dict[Destination, int] | None = field(hash=False)
    sealed_sha256: Sha256


NAMESPACE = UUID("8f2f63a5-2a0c-5d0b-9a57-3a1f3f0f8c11")


def return_id_of(uai: str, period: str) -> UUID:
    """One file per establishment and period; it owns the key under which the file is sealed."""
    return uuid5(NAMESPACE, f"{uai} {period}")


@dataclass(frozen=True, kw_only=True)
class Returns:
    """The last file sent to one establishment."""

    period: str = ""
    lines: int = 0


def evolve(_: Returns, event: ReturnInformationSent) -> Returns:
    return Returns(period=event.period, lines=event.lines)


def decide(state: Returns, command: SendReturn) -> Sequence[ReturnInformationSent]:
    """An empty file is sent only where it takes something back."""
    until = end_of(command.period)
    if command.at < until:
        raise Refused("the period is not over")
    if command.period <= state.period or not (command.lines or state.lines):
        return []
    return [
        ReturnInformationSent(
            uai=command.uai, period=command.period, until=until, rule=command.rule, lines=command.lines,
            destinations=command.cells, sealed_sha256=command.sealed_sha256,
        )
    ]  # fmt: skip


RETURNS: Decider[SendReturn, Returns, ReturnInformationSent] = Decider(
    initial=Returns(), evolve=evolve, decide=decide, streams=lambda command: (f"returns-{command.uai}",)
)
