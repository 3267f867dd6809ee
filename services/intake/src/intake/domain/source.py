"""When is a source's next list expected, and since when is it silent? A source is a sender, a format and a content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from statistics import median_high
from typing import Literal
from uuid import UUID

from chassis.decider import Decider
from contracts.intake import Content, ListFormat, SourceEvent, SourceExpected, SourceResumed, SourceSilent


@dataclass(frozen=True, kw_only=True)
class CadenceRule:
    """How a cadence is learned, and how long after it a source is silent.

    last: how many intervals count. needed: with fewer days on which the source was heard, nothing is expected. grace: at least so
    many days, and half of the cadence.
    """

    version: int
    last: int
    needed: int
    grace: int


CADENCE_V1 = CadenceRule(version=1, last=5, needed=3, grace=2)


def learned_days(heard: Sequence[date], rule: CadenceRule) -> int | None:
    """The median interval between the days on which the source was heard, of an even number the longer one."""
    days = sorted(set(heard))
    if len(days) < rule.needed:
        return None
    intervals = [(later - earlier).days for earlier, later in pairwise(days)]
    return median_high(intervals[-rule.last :])


def silent_after(heard_on: date, every_days: int, rule: CadenceRule) -> date:
    """The last day on which nothing need have come."""
    return heard_on + timedelta(days=every_days + max(rule.grace, every_days // 2))


@dataclass(frozen=True, kw_only=True)
class Source:
    """Who sends what."""

    sender: str
    format: ListFormat
    content: Content

    @property
    def stream(self) -> str:
        return f"source-{self.sender}-{self.format}-{self.content}"


@dataclass(frozen=True, kw_only=True)
class HearSource:
    """A list of the source has all its verdicts. learned: its cadence by the rule, none while too little is known."""

    source: Source
    list_id: UUID
    heard_on: date
    learned: int | None


@dataclass(frozen=True, kw_only=True)
class SetCadence:
    """Somebody says how often the source must be heard. heard_on: the last day on which it was, or that of the decision."""

    source: Source
    every_days: int
    heard_on: date


@dataclass(frozen=True, kw_only=True)
class FallSilent:
    """The day is over after which the source is silent, unless a list came meanwhile."""

    source: Source
    silent_after: date


type SourceCommand = HearSource | SetCadence | FallSilent


@dataclass(frozen=True)
class Unexpected:
    """Nobody knows how often it sends."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Its next list is expected; or, `silent`, did not come in time."""

    basis: Literal["learned", "set"]
    every_days: int
    heard_on: date
    silent_after: date
    silent: bool = False


type Expectation = Unexpected | Expected


def evolve(state: Expectation, event: SourceEvent) -> Expectation:
    match event:
        case SourceExpected(basis=basis, every_days=every_days, heard_on=heard_on, silent_after=after):
            return Expected(basis=basis, every_days=every_days, heard_on=heard_on, silent_after=after)
        case SourceSilent():
            return _silent(state, silent=True)
        case SourceResumed():
            return _silent(state, silent=False)


def _silent(state: Expectation, *, silent: bool) -> Expectation:
    match state:
        case Unexpected():
            return state
        case Expected(basis=basis, every_days=every_days, heard_on=heard_on, silent_after=after):
            return Expected(basis=basis, every_days=every_days, heard_on=heard_on, silent_after=after, silent=silent)


def decide(state: Expectation, command: SourceCommand) -> Sequence[SourceEvent]:
    match command:
        case HearSource():
            return hear(state, command)
        case SetCadence(source=source, every_days=every_days, heard_on=heard_on):
            expected = _expected(source, "set", every_days, heard_on)
            return [] if _as_before(state, expected) else [expected]
        case FallSilent():
            return fall_silent(state, command)


def hear(state: Expectation, command: HearSource) -> Sequence[SourceEvent]:
    """What somebody set stays; what was learned is learned anew with each list."""
    source = command.source
    events: list[SourceEvent] = []
    if isinstance(state, Expected) and state.silent:
        events.append(SourceResumed(**vars(source), list_id=command.list_id, heard_on=command.heard_on))
    if isinstance(state, Expected) and state.basis == "set":
        events.append(_expected(source, "set", state.every_days, command.heard_on))
    elif command.learned is not None:
        events.append(_expected(source, "learned", command.learned, command.heard_on))
    return [event for event in events if not _as_before(state, event)]


def fall_silent(state: Expectation, command: FallSilent) -> Sequence[SourceEvent]:
    match state:
        case Expected(silent=False, silent_after=after, heard_on=heard_on) if after == command.silent_after:
            return [SourceSilent(**vars(command.source), heard_on=heard_on, silent_after=after)]
        case Expected() | Unexpected():
            return []


def _expected(source: Source, basis: Literal["learned", "set"], every_days: int, heard_on: date) -> SourceExpected:
    after = silent_after(heard_on, every_days, CADENCE_V1)
    return SourceExpected(**vars(source), basis=basis, every_days=every_days, heard_on=heard_on, silent_after=after)


def _as_before(state: Expectation, event: SourceEvent) -> bool:
    """A second list of the same day changes nothing."""
    return isinstance(event, SourceExpected) and evolve(state, event) == state


SOURCE: Decider[SourceCommand, Expectation, SourceEvent] = Decider(
    initial=Unexpected(), evolve=evolve, decide=decide, streams=lambda command: (command.source.stream,)
)
