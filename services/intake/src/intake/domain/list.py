"""The life of one list: received, its bad lines told, closed when every line has its verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from chassis.decider import Decider, Refused
from contracts.intake import Finding, ListClosed, ListEvent, ListFormat, ListLineHeld, ListLineRejected, ListReceived


@dataclass(frozen=True, kw_only=True)
class ReceiveList:
    """An establishment sent a list that was inspected and encrypted."""

    list_id: UUID
    sender: str
    format: ListFormat
    reference_date: date
    sealed_sha256: str


@dataclass(frozen=True, kw_only=True)
class RejectLine:
    """A line breaks rules that its sender can mend."""

    list_id: UUID
    line: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class HoldLine:
    """A line must wait for a human."""

    list_id: UUID
    line: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class TellLines:
    """All the bad lines of one batch, told together; none of them was told before."""

    list_id: UUID
    lines: tuple[RejectLine | HoldLine, ...]


@dataclass(frozen=True, kw_only=True)
class CloseList:
    """The last line has its verdict."""

    list_id: UUID
    lines: int
    accepted: int
    accepted_with_remarks: int
    rejected: int
    held: int
    not_kept: int


type ListCommand = ReceiveList | TellLines | CloseList


@dataclass(frozen=True)
class Unknown:
    """Never heard of."""


@dataclass(frozen=True)
class Open:
    """Received, not closed."""


@dataclass(frozen=True)
class Closed:
    """Every line has its verdict."""


type SentList = Unknown | Open | Closed

UNKNOWN = "the list was never received"
SUM = "the verdicts do not add up to the lines"


def evolve(state: SentList, event: ListEvent) -> SentList:
    match event:
        case ListReceived():
            return Open()
        case ListLineRejected() | ListLineHeld():
            return state
        case ListClosed():
            return Closed()


def decide(state: SentList, command: ListCommand) -> Sequence[ListEvent]:
    match command:
        case ReceiveList():
            return receive(state, command)
        case TellLines():
            return tell(state, command)
        case CloseList():
            return close(state, command)


def receive(state: SentList, command: ReceiveList) -> Sequence[ListEvent]:
    match state:
        case Unknown():
            return [
                ListReceived(
                    list_id=command.list_id, sender=command.sender, format=command.format,
                    reference_date=command.reference_date, sealed_sha256=command.sealed_sha256,
                )
            ]  # fmt: skip
        case Open() | Closed():
            return []


def tell(state: SentList, command: TellLines) -> Sequence[ListEvent]:
    match state:
        case Unknown():
            raise Refused(UNKNOWN)
        case Open():
            return [_told(one) for one in command.lines]
        case Closed():
            return []


def close(state: SentList, command: CloseList) -> Sequence[ListEvent]:
    verdicts = command.accepted + command.accepted_with_remarks + command.rejected + command.held + command.not_kept
    if verdicts != command.lines:
        raise Refused(SUM)
    match state:
        case Unknown():
            raise Refused(UNKNOWN)
        case Open():
            return [
                ListClosed(
                    list_id=command.list_id, lines=command.lines, accepted=command.accepted,
                    accepted_with_remarks=command.accepted_with_remarks, rejected=command.rejected,
                    held=command.held, not_kept=command.not_kept,
                )
            ]  # fmt: skip
        case Closed():
            return []


def _told(one: RejectLine | HoldLine) -> ListLineRejected | ListLineHeld:
    match one:
        case RejectLine():
            return ListLineRejected(list_id=one.list_id, line=one.line, findings=one.findings)
        case HoldLine():
            return ListLineHeld(list_id=one.list_id, line=one.line, findings=one.findings)


LIST: Decider[ListCommand, SentList, ListEvent] = Decider(
    initial=Unknown(), evolve=evolve, decide=decide, streams=lambda command: (f"list-{command.list_id}",)
)
