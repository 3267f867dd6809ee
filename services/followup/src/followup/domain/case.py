"""The rules of a case: opened by a dropout, reached, oriented by a bilan, in a solution, closed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from chassis.decider import Decider, Refused
from contracts.followup import (
    BilanCompleted,
    CaseClosed,
    CaseEvent,
    CaseOpened,
    CaseReopened,
    ContactAttempted,
    CoordinatesConsulted,
    DeadlineMissed,
    SolutionEntered,
)
from followup.domain.commands import CaseCommand, CloseCase, CompleteBilan, EnterSolution, MissDeadline, OpenCase, RecordContact, ReopenCase


@dataclass(frozen=True)
class NoCase:
    """Nothing was opened under this id."""


@dataclass(frozen=True)
class AwaitingContact:
    """Nobody has spoken with the young person yet. missed: the interview was owed by a day that is over."""

    person_id: UUID
    missed: bool = False


@dataclass(frozen=True)
class Reached:
    """Somebody has; the bilan is to come."""

    person_id: UUID
    missed: bool = False


@dataclass(frozen=True)
class Oriented:
    """The bilan was held."""

    person_id: UUID


@dataclass(frozen=True)
class InSolution:
    """A host said yes."""

    person_id: UUID
    referral_id: UUID


@dataclass(frozen=True)
class Closed:
    """Nothing more is done here; whoever drops out again begins a new case.

    before: where it goes on should the withdrawal that closed it be undone; none where a human closed it.
    """

    before: "Living | None" = None


type Living = AwaitingContact | Reached | Oriented
type Case = NoCase | AwaitingContact | Reached | Oriented | InSolution | Closed


def evolve(case: Case, event: CaseEvent) -> Case:  # noqa: PLR0911 -- one line per event
    match event:
        case CaseOpened(person_id=person_id):
            return AwaitingContact(person_id)
        case ContactAttempted(outcome="reached", person_id=person_id):
            return Reached(person_id, missed=case.missed) if isinstance(case, AwaitingContact) else case
        case BilanCompleted(person_id=person_id):
            return Oriented(person_id)
        case SolutionEntered(person_id=person_id, referral_id=referral_id):
            return InSolution(person_id, referral_id)
        case CaseClosed(motive="dropout_withdrawn"):
            return Closed(before=_living(case))
        case CaseClosed():
            return Closed()
        case CaseReopened():
            return case.before if isinstance(case, Closed) and case.before else case
        case DeadlineMissed():
            return replace(case, missed=True) if isinstance(case, AwaitingContact | Reached) else case
        case ContactAttempted() | CoordinatesConsulted():
            return case


def _living(case: Case) -> Living | None:
    """A solution falls with the withdrawal, since offers then frees the seat."""
    match case:
        case AwaitingContact() | Reached() | Oriented():
            return case
        case InSolution(person_id):
            return Oriented(person_id)
        case NoCase() | Closed():
            return None


def decide(case: Case, command: CaseCommand) -> Sequence[CaseEvent]:  # noqa: PLR0911 -- one line per command
    match command:
        case OpenCase():
            return open_case(case, command)
        case ReopenCase():
            return reopen_case(case, command)
        case RecordContact():
            return record_contact(case, command)
        case CompleteBilan():
            return complete_bilan(case, command)
        case EnterSolution():
            return enter_solution(case, command)
        case MissDeadline():
            return miss_deadline(case, command)
        case CloseCase():
            return close_case(case, command)


def open_case(case: Case, command: OpenCase) -> list[CaseEvent]:
    match case:
        case NoCase():
            opened = CaseOpened(
                case_id=command.case_id, person_id=command.person_id, detection_id=command.detection_id,
                flags=command.flags, departement=command.departement,
            )  # fmt: skip
            return [opened]
        case AwaitingContact() | Reached() | Oriented() | InSolution() | Closed():
            return []


def reopen_case(case: Case, command: ReopenCase) -> list[CaseEvent]:
    """Only what the withdrawal closed: a case that a human had closed before stays so."""
    match case:
        case Closed(before=before) if before is not None:
            reopened = CaseReopened(
                case_id=command.case_id, person_id=command.person_id, detection_id=command.detection_id,
                flags=command.flags, departement=command.departement,
            )  # fmt: skip
            return [reopened]
        case NoCase():
            raise Refused("there is no such case")
        case AwaitingContact() | Reached() | Oriented() | InSolution() | Closed():
            return []


def record_contact(case: Case, command: RecordContact) -> list[CaseEvent]:
    person_id = _person_of(case)
    return [
        ContactAttempted(
            case_id=command.case_id, person_id=person_id, attempt_id=command.attempt_id,
            channel=command.channel, outcome=command.outcome,
        )
    ]  # fmt: skip


def complete_bilan(case: Case, command: CompleteBilan) -> list[CaseEvent]:
    person_id = _person_of(case)
    if isinstance(case, Oriented | InSolution):
        raise Refused("the bilan was already held")
    return [
        BilanCompleted(
            case_id=command.case_id, person_id=person_id, bilan_id=command.bilan_id, level=command.level, wishes=command.wishes,
            search_area=command.search_area, age=command.age, available_from=command.available_from,
        )
    ]  # fmt: skip


def enter_solution(case: Case, command: EnterSolution) -> list[CaseEvent]:
    match case:
        case Oriented(person_id):
            return [
                SolutionEntered(case_id=command.case_id, person_id=person_id, referral_id=command.referral_id, offer_id=command.offer_id)
            ]
        case InSolution(_, command.referral_id) | Closed():
            return []
        case InSolution():
            raise Refused("another solution was entered")
        case NoCase() | AwaitingContact() | Reached():
            raise Refused("a solution needs a completed bilan")


def miss_deadline(case: Case, command: MissDeadline) -> list[CaseEvent]:
    """The interview that the clock waits for is the bilan: once it was held, or the case is closed, nothing was missed."""
    match case:
        case AwaitingContact(person_id, missed=False) | Reached(person_id, missed=False):
            return [DeadlineMissed(case_id=command.case_id, person_id=person_id, clock=command.clock, due_on=command.due_on)]
        case NoCase() | AwaitingContact() | Reached() | Oriented() | InSolution() | Closed():
            return []


def close_case(case: Case, command: CloseCase) -> list[CaseEvent]:
    if isinstance(case, Closed):
        return []
    person_id = _person_of(case)
    if command.motive == "solution_entered" and not isinstance(case, InSolution):
        raise Refused("no solution was entered")
    return [CaseClosed(case_id=command.case_id, person_id=person_id, motive=command.motive)]


def _person_of(case: Case) -> UUID:
    match case:
        case AwaitingContact(person_id) | Reached(person_id) | Oriented(person_id) | InSolution(person_id):
            return person_id
        case NoCase():
            raise Refused("there is no such case")
        case Closed():
            raise Refused("the case is closed")


CASE: Decider[CaseCommand, Case, CaseEvent] = Decider(
    initial=NoCase(), evolve=evolve, decide=decide, streams=lambda command: (f"case-{command.case_id}",)
)
