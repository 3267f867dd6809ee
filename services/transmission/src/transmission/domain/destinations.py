"""What became of someone, in the few words that the establishment of origin may learn, as it was known at an instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from chassis.paris import legal_date
from contracts.followup import BilanCompleted, CaseClosed, CaseOpened, CaseReopened, ClosingMotive, ContactAttempted, SolutionEntered
from contracts.offers import Status
from contracts.transmission import Destination

type CaseFact = CaseOpened | ContactAttempted | BilanCompleted | SolutionEntered | CaseClosed | CaseReopened

BEFORE_A_SOLUTION: frozenset[Destination] = frozenset({"followed", "not_reached", "contacted"})
IN_SOLUTION: dict[Status, Destination] = {
    "scolaire": "in_solution_scolaire", "apprenti": "in_solution_apprenti",
    "stagiaire": "in_solution_stagiaire", "volontaire": "in_solution_volontaire",
}  # fmt: skip

ENROLLED = frozenset({"enrolment_found", "contract_found", "enrolled_elsewhere"})
"""Reasons of a withdrawal, or motives of a contest that was granted, which mean that training goes on."""


def after(before: Destination, fact: CaseFact) -> Destination:
    """Where the case stands after one more fact; a call that fails takes nothing back that was reached before."""
    match fact:
        case CaseOpened():
            return "followed"
        case ContactAttempted(outcome="reached") | BilanCompleted():
            return "contacted" if before in BEFORE_A_SOLUTION else before
        case ContactAttempted():
            return "not_reached" if before == "followed" else before
        case SolutionEntered():
            return "in_solution"
        case CaseClosed(motive=motive):
            return _closed(before, motive)
        case CaseReopened():  # a solution fell with the withdrawal
            return "contacted" if before == "in_solution" else before


def _closed(before: Destination, motive: ClosingMotive) -> Destination:
    """Why is told by class only: whether the young person refused or moved is not the establishment's business."""
    match motive:
        case "solution_entered" | "dropout_withdrawn" | "erased":  # the withdrawal itself is told by intake, and wins
            return before
        case "already_followed":
            return "already_followed"
        case "unreachable":
            return "closed_not_reached"
        case "refused" | "moved_away":
            return "closed_without_solution"


@dataclass(frozen=True, kw_only=True)
class Former:
    """Someone who left, as the establishment of origin knows them: a line of its own list. One per detection.

    withdrawn_for: the motive of the contest that was granted, else the reason of the withdrawal.
    steps: where the case stood, from when, and in which kind of offer (none where it is unknown or no solution).
    """

    detection_id: UUID
    person_id: UUID
    list_id: UUID
    line: int
    detected_at: datetime
    withdrawn_at: datetime | None
    withdrawn_for: str | None
    steps: tuple[tuple[Destination, datetime, Status | None], ...]


@dataclass(frozen=True, kw_only=True)
class ReturnLine:
    """One line of a file. `since`: the day in Paris on which it was known."""

    list_id: UUID
    line: int
    destination: Destination
    since: date


def _withdrawn(why: str | None) -> Destination:
    """Somebody who turned out to be known already, as another person, is followed as that one. Who was erased is in no file."""
    if why == "linked":
        return "already_followed"
    if why == "erased":
        return "closed_without_solution"
    return "enrolled_elsewhere" if why in ENROLLED else "not_a_dropout"


def known(former: Former, until: datetime) -> tuple[Destination, datetime]:
    """The destination as it was known before `until`, and since when."""
    if former.withdrawn_at is not None and former.withdrawn_at < until:
        return _withdrawn(former.withdrawn_for), former.withdrawn_at
    latest: tuple[Destination, datetime] = "reported", former.detected_at
    for destination, at, kind in former.steps:
        if at < until:
            by_kind = IN_SOLUTION[kind] if destination == "in_solution" and kind is not None else destination
            latest = by_kind, at
    return latest


def lines_of(formers: Sequence[Former], until: datetime) -> list[ReturnLine]:
    """One line for each line of a list, in the order of the lists; of two detections from one line the younger is told."""
    youngest: dict[tuple[UUID, int], Former] = {}
    for former in sorted(formers, key=lambda one: (one.detected_at, one.detection_id)):
        if former.detected_at < until:
            youngest[former.list_id, former.line] = former
    lines = []
    for (list_id, line), former in sorted(youngest.items()):
        destination, at = known(former, until)
        lines.append(ReturnLine(list_id=list_id, line=line, destination=destination, since=legal_date(at)))
    return lines
