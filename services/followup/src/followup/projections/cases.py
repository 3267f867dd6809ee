"""Which cases are there, and how far is each? One row per case."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.followup import BilanCompleted, CaseClosed, CaseOpened, CaseReopened, ContactAttempted, DeadlineMissed, SolutionEntered

type CaseStatus = Literal["open", "reached", "oriented", "in_solution", "closed"]
type CaseFact = CaseOpened | ContactAttempted | BilanCompleted | DeadlineMissed | SolutionEntered | CaseClosed | CaseReopened


@dataclass(frozen=True, kw_only=True)
class CaseRow:
    case_id: UUID
    person_id: UUID
    detection_id: UUID
    departement: str
    l313_7: bool
    obligation_formation: bool
    opened_at: datetime
    status: CaseStatus = "open"
    bilan_id: UUID | None = None
    contacts: int = 0
    reached: bool = False
    solutions: int = 0
    deadlines_missed: int = 0
    motive: str | None = None


def key(event: CaseFact) -> UUID:
    return event.case_id


def apply(row: CaseRow | None, heard: Heard[CaseFact]) -> CaseRow | None:  # noqa: PLR0911 -- one line per event
    match heard.event:
        case CaseOpened() as opened:
            return CaseRow(
                case_id=opened.case_id, person_id=opened.person_id, detection_id=opened.detection_id,
                departement=opened.departement, l313_7=opened.flags.l313_7,
                obligation_formation=opened.flags.obligation_formation, opened_at=heard.envelope.attributes.recordedtime,
            )  # fmt: skip
        case ContactAttempted(outcome=outcome):
            return row and replace(
                row, contacts=row.contacts + 1, reached=row.reached or outcome == "reached", status=_after(outcome, row.status)
            )
        case BilanCompleted(bilan_id=bilan_id):
            return row and replace(row, bilan_id=bilan_id, status="oriented")
        case SolutionEntered():
            return row and replace(row, solutions=row.solutions + 1, status="in_solution")
        case DeadlineMissed():
            return row and replace(row, deadlines_missed=row.deadlines_missed + 1)
        case CaseClosed(motive=motive):
            return row and replace(row, motive=motive, status="closed")
        case CaseReopened() as again:
            return row and replace(
                row, detection_id=again.detection_id, departement=again.departement, l313_7=again.flags.l313_7,
                obligation_formation=again.flags.obligation_formation, motive=None, status=_before_closing(row),
            )  # fmt: skip


def _before_closing(row: CaseRow) -> CaseStatus:
    """As far as it had come; a solution fell with the withdrawal."""
    return "oriented" if row.bilan_id else "reached" if row.reached else "open"


def _after(outcome: str, status: CaseStatus) -> CaseStatus:
    return "reached" if outcome == "reached" and status == "open" else status


CASES = Projection(
    table="cases", row=CaseRow, key_column="case_id",
    hears=(CaseOpened, ContactAttempted, BilanCompleted, DeadlineMissed, SolutionEntered, CaseClosed, CaseReopened), key=key, apply=apply,
)  # fmt: skip
