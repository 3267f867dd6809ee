"""Held lines of a list: each waits for a human, who says once whose it is, or that it is nobody's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from chassis.decider import Decider, Refused
from contracts.intake import (
    AbsenceDoubted,
    AbsenceReviewed,
    CampaignMatched,
    DiscardMotive,
    EtablissementsMissed,
    Finding,
    LineDecision,
    LinkReason,
    ListClosed,
    ListEvent,
    ListHeld,
    ListLineHeld,
    ListLineReconsidered,
    ListLineRejected,
    ListReceived,
    ListRefused,
    ListReleased,
    ReportReceived,
    Verdict,
    stream_of_lines,
)
from intake.domain.list import NOT_READ

DECIDED_OTHERWISE = "the line was decided upon otherwise"
NOT_WAITING = "the line does not wait for a human"


@dataclass(frozen=True, kw_only=True)
class DecideHeldLine:
    """Whose is this line? person_id: the known person who is named. verdict, findings: what the line is then, found at the edge."""

    list_id: UUID
    line: int
    decision: LineDecision
    person_id: UUID | None
    reason: LinkReason | DiscardMotive
    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Waits:
    """Nobody has said whose it is."""


@dataclass(frozen=True)
class Decided:
    """What a human said of it."""

    decision: LineDecision
    person_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class HeldLines:
    """A line and its neighbours. read: every line of the list has its verdict."""

    read: bool = False
    lines: Mapping[int, Waits | Decided] = field(default_factory=dict)


def evolve(state: HeldLines, event: ListEvent) -> HeldLines:
    match event:
        case ListReceived() | CampaignMatched() | ListHeld() | ListReleased() | ListRefused() | ListLineRejected():
            return state
        case AbsenceDoubted() | AbsenceReviewed() | EtablissementsMissed():
            return state
        case ReportReceived() | ListClosed():
            return replace(state, read=True)
        case ListLineHeld(line=line):
            return replace(state, lines={**state.lines, line: Waits()})
        case ListLineReconsidered(line=line):
            return replace(state, lines={**_without(state.lines, line), **_reconsidered(event)})


def _without(lines: Mapping[int, Waits | Decided], line: int) -> Mapping[int, Waits | Decided]:
    return {other: what for other, what in lines.items() if other != line}


def _reconsidered(event: ListLineReconsidered) -> Mapping[int, Waits | Decided]:
    """Of a line that the rules took or refused after all, nothing: no human is asked any more."""
    if event.decision is not None:
        return {event.line: Decided(event.decision, event.known_person)}
    return {event.line: Waits()} if event.verdict == "held" else {}


def decide(state: HeldLines, command: DecideHeldLine) -> Sequence[ListEvent]:
    match state.lines.get(command.line):
        case Waits():
            if not state.read:
                raise Refused(NOT_READ)
            return [
                ListLineReconsidered(
                    list_id=command.list_id, line=command.line, was="held", verdict=command.verdict, findings=command.findings,
                    decision=command.decision, known_person=command.person_id, reason=command.reason,
                )
            ]  # fmt: skip
        case Decided() as said:
            if said == Decided(command.decision, command.person_id):
                return []
            raise Refused(DECIDED_OTHERWISE)
        case None:
            raise Refused(NOT_WAITING)


HELD_LINES: Decider[DecideHeldLine, HeldLines, ListEvent] = Decider(
    initial=HeldLines(),
    evolve=evolve,
    decide=decide,
    streams=lambda command: (f"list-{command.list_id}", stream_of_lines(command.list_id, command.line)),
)
