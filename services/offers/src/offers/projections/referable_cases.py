"""Who may be referred, and with what the bilan says? One row per case, from what followup says."""

from dataclasses import dataclass, replace
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.followup import BilanCompleted, CaseClosed, CaseOpened

type CaseFact = CaseOpened | BilanCompleted | CaseClosed


@dataclass(frozen=True, kw_only=True)
class ReferableCase:
    case_id: UUID
    person_id: UUID
    departement: str
    bilan_id: UUID | None = None
    age: int | None = None
    search_area: tuple[str, ...] = ()
    closed: bool = False


def key(event: CaseFact) -> UUID:
    return event.case_id


def apply(row: ReferableCase | None, heard: Heard[CaseFact]) -> ReferableCase | None:
    match heard.event:
        case CaseOpened() as opened:
            return ReferableCase(case_id=opened.case_id, person_id=opened.person_id, departement=opened.departement)
        case BilanCompleted() as bilan:
            return row and replace(row, bilan_id=bilan.bilan_id, age=bilan.age, search_area=bilan.search_area)
        case CaseClosed():
            return row and replace(row, closed=True)


REFERABLE_CASES = Projection(
    table="referable_cases", row=ReferableCase, key_column="case_id",
    hears=(CaseOpened, BilanCompleted, CaseClosed), key=key, apply=apply,
)  # fmt: skip
