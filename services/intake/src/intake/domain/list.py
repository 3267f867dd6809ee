"""The life of one list: received, perhaps held for a human, its bad lines told, closed when every line has its verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chassis.decider import Decider, Refused
from contracts.intake import (
    AbsenceDoubted,
    AbsenceReviewed,
    CampaignMatched,
    EtablissementsMissed,
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
    stream_of_lines,
)
from intake.domain.absence import DoubtAbsences, MissEtablissements, Place, ReviewAbsence
from intake.domain.list_commands import (
    AbsenceCommand,
    CloseList,
    HoldLine,
    HoldList,
    KeepMatch,
    ListCommand,
    ReceiveList,
    ReceiveReport,
    ReconsiderLines,
    RefuseList,
    RejectLine,
    ReleaseList,
    TellLines,
)


@dataclass(frozen=True)
class Unknown:
    """Never heard of."""


@dataclass(frozen=True, kw_only=True)
class Open:
    """Received, not closed.

    released: a human looked at it and let it be read. report: all of it is told at once. doubted: the absences that a human must judge.
    """

    released: bool = False
    report: bool = False
    doubted: frozenset[Place] = frozenset()


@dataclass(frozen=True)
class Held:
    """Waits for a human."""


@dataclass(frozen=True)
class NeverRead:
    """Was held, and refused."""


@dataclass(frozen=True, kw_only=True)
class Closed:
    """Every line has its verdict. doubted: the absences that a human must still judge."""

    doubted: frozenset[Place] = frozenset()


type SentList = Unknown | Open | Held | NeverRead | Closed

UNKNOWN = "the list was never received"
SUM = "the verdicts do not add up to the lines"
HELD = "the list is held until somebody decides"
NOT_READ = "the list is not read to its end"
NOT_HELD = "the list is not held"
NOT_OPEN = "the list is not being read"
DECIDED_OTHERWISE = "the list was decided upon otherwise"
NOT_DOUBTED = "no human is asked about this absence"


def evolve(state: SentList, event: ListEvent) -> SentList:
    match event:
        case ListReceived() | ReportReceived() | CampaignMatched() | ListReleased():
            return Open(released=isinstance(event, ListReleased), report=isinstance(event, ReportReceived))
        case ListHeld():
            return Held()
        case ListRefused():
            return NeverRead()
        case AbsenceDoubted() | AbsenceReviewed():
            return judged(state, event)
        case ListLineRejected() | ListLineHeld() | ListLineReconsidered() | EtablissementsMissed():
            return state
        case ListClosed():
            return Closed(doubted=state.doubted if isinstance(state, Open) else frozenset())


def judged(state: SentList, event: AbsenceDoubted | AbsenceReviewed) -> SentList:
    """What a human must still say of this list's absences."""
    if not isinstance(state, Open | Closed):
        return state
    place = {(event.told_by, event.line)}
    return replace(state, doubted=state.doubted | place if isinstance(event, AbsenceDoubted) else state.doubted - place)


def decide(state: SentList, command: ListCommand) -> Sequence[ListEvent]:
    match command:
        case ReceiveList() | ReceiveReport() | KeepMatch():
            return receive(state, command) if isinstance(command, ReceiveList) else begin_here(state, command)
        case HoldList() | ReleaseList() | RefuseList():
            return decide_whole(state, command)
        case TellLines():
            return tell(state, command)
        case ReconsiderLines():
            return reconsider(state, command)
        case DoubtAbsences() | ReviewAbsence() | MissEtablissements():
            return judge(state, command)
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
        case Open() | Held() | NeverRead() | Closed():
            return []


def begin_here(state: SentList, command: ReceiveReport | KeepMatch) -> Sequence[ListEvent]:
    """A list that nobody sent: made of a report, or of a cross-match."""
    if not isinstance(state, Unknown):
        return []
    match command:
        case ReceiveReport(list_id=list_id, origin=origin, reference_date=reference_date):
            return [ReportReceived(list_id=list_id, origin=origin, reference_date=reference_date)]
        case KeepMatch():
            return [
                CampaignMatched(
                    list_id=command.list_id, reference_date=command.reference_date, rule=command.rule, rule_version=command.rule_version,
                    snapshots=command.snapshots, figures=command.figures,
                )
            ]  # fmt: skip


def decide_whole(state: SentList, command: HoldList | ReleaseList | RefuseList) -> Sequence[ListEvent]:
    match command:
        case HoldList():
            return hold(state, command)
        case ReleaseList():
            return release(state, command)
        case RefuseList():
            return refuse(state, command)


def hold(state: SentList, command: HoldList) -> Sequence[ListEvent]:
    """Only before it is read, and not again once a human let it be read."""
    match state:
        case Unknown():
            raise Refused(UNKNOWN)
        case Open(released=False):
            return [
                ListHeld(
                    list_id=command.list_id, reasons=command.reasons, rule_version=command.rule_version, lines=command.lines,
                    usual=command.usual, newer=command.newer,
                )
            ]  # fmt: skip
        case Open() | Held() | NeverRead() | Closed():
            return []


def release(state: SentList, command: ReleaseList) -> Sequence[ListEvent]:
    match state:
        case Unknown():
            raise Refused(UNKNOWN)
        case Held():
            return [ListReleased(list_id=command.list_id)]
        case Open(released=True):
            return []
        case NeverRead():
            raise Refused(DECIDED_OTHERWISE)
        case Open() | Closed():
            raise Refused(NOT_HELD)


def refuse(state: SentList, command: RefuseList) -> Sequence[ListEvent]:
    """Time that runs out after somebody decided changes nothing."""
    match state:
        case Unknown():
            raise Refused(UNKNOWN)
        case Held():
            return [ListRefused(list_id=command.list_id, motive=command.motive)]
        case NeverRead():
            return []
        case Open() | Closed():
            if command.motive == "not_decided_in_time":
                return []
            raise Refused(DECIDED_OTHERWISE if isinstance(state, Open) and state.released else NOT_HELD)


def tell(state: SentList, command: TellLines) -> Sequence[ListEvent]:
    match state:
        case Unknown():
            raise Refused(UNKNOWN)
        case Held() | NeverRead():
            raise Refused(HELD)
        case Open():
            return [_told(one) for one in command.lines]
        case Closed():
            return []


def reconsider(state: SentList, command: ReconsiderLines) -> Sequence[ListEvent]:
    match state:
        case Closed() | Open(report=True):
            return [
                ListLineReconsidered(list_id=command.list_id, line=one.line, was=one.was, verdict=one.verdict, findings=one.findings)
                for one in command.lines
            ]
        case Unknown() | Held() | NeverRead() | Open():
            raise Refused(NOT_READ)


def judge(state: SentList, command: AbsenceCommand) -> Sequence[ListEvent]:
    """What a complete list lacks is noticed while it is read, and judged by a human once it is."""
    match command:
        case DoubtAbsences(list_id=list_id, absences=absences) if isinstance(state, Open):
            return [AbsenceDoubted(list_id=list_id, told_by=told_by, line=line) for told_by, line in absences]
        case MissEtablissements(list_id=list_id, uais=uais) if isinstance(state, Open):
            return [EtablissementsMissed(list_id=list_id, uais=uais)]
        case ReviewAbsence(list_id=list_id, told_by=told_by, line=line, left=left) if isinstance(state, Closed):
            if (told_by, line) not in state.doubted:
                raise Refused(NOT_DOUBTED)
            return [AbsenceReviewed(list_id=list_id, told_by=told_by, line=line, left=left)]
        case ReviewAbsence():
            raise Refused(NOT_READ)
        case DoubtAbsences() | MissEtablissements():
            raise Refused(NOT_OPEN)


def close(state: SentList, command: CloseList) -> Sequence[ListEvent]:
    verdicts = command.accepted + command.accepted_with_remarks + command.rejected + command.held + command.not_kept
    if verdicts != command.lines:
        raise Refused(SUM)
    match state:
        case Unknown():
            raise Refused(UNKNOWN)
        case Held() | NeverRead():
            raise Refused(HELD)
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


def streams(command: ListCommand) -> tuple[str, ...]:
    whole = f"list-{command.list_id}"
    if isinstance(command, TellLines | ReconsiderLines):
        return whole, *sorted({stream_of_lines(command.list_id, one.line) for one in command.lines})
    return (whole,)


LIST: Decider[ListCommand, SentList, ListEvent] = Decider(initial=Unknown(), evolve=evolve, decide=decide, streams=streams)
