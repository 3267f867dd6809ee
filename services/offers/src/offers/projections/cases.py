"""Which cases may be referred, and what did their bilan say? One row per case."""

from dataclasses import dataclass, replace
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.followup import BilanCompleted, CaseClosed, CaseOpened, CaseReopened


@dataclass(frozen=True, kw_only=True)
class CaseRow:
    case_id: UUID
    person_id: UUID
    departement: str
    is_open: bool = True
    bilan_id: UUID | None = None
    age: int | None = None
    search_area: tuple[str, ...] = ()


type CaseFact = CaseOpened | BilanCompleted | CaseClosed | CaseReopened


def key(event: CaseFact) -> UUID:
    return event.case_id


def apply(row: CaseRow | None, heard: Heard[CaseFact]) -> CaseRow | None:
    match heard.event:
        case CaseOpened() as opened:
            return CaseRow(case_id=opened.case_id, person_id=opened.person_id, departement=opened.departement)
        case BilanCompleted() as bilan:
            return row and replace(row, bilan_id=bilan.bilan_id, age=bilan.age, search_area=bilan.search_area)
        case CaseClosed():
            return row and replace(row, is_open=False)
        case CaseReopened(departement=departement):
            return row and replace(row, is_open=True, departement=departement)


CASES = Projection(
    table="cases", row=CaseRow, key_column="case_id", hears=(CaseOpened, BilanCompleted, CaseClosed, CaseReopened), key=key, apply=apply
)
