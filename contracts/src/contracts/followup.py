"""What followup says: the case of a young person, its contacts, its bilan, its end. Topic `raccroche.followup`."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event
from contracts.fields import Departement, PersonId, Pseudonymous, Public
from contracts.intake import Flags

Channel = Literal["phone", "text_message", "email", "letter", "visit"]
ContactOutcome = Literal["reached", "not_reached", "wrong_coordinates"]
Clock = Literal["reorientation_interview"]
ClosingMotive = Literal["dropout_withdrawn", "erased", "solution_entered", "unreachable", "refused", "moved_away", "already_followed"]


class _OfCase(Event):
    """Said by followup about one case; the subject is the young person."""

    speaker: ClassVar[str] = "followup"
    case_id: Pseudonymous[UUID]
    person_id: Pseudonymous[PersonId]

    @property
    def subject(self) -> str:
        return str(self.person_id)

    @property
    def stream(self) -> str:
        return f"case-{self.case_id}"


class CaseOpened(_OfCase):
    """One case per detection: whoever drops out again begins a new episode."""

    detection_id: Pseudonymous[UUID]
    flags: Flags
    departement: Pseudonymous[Departement]


class ContactAttempted(_OfCase):
    """Somebody tried to reach the young person or the legal representative."""

    attempt_id: Pseudonymous[UUID]
    channel: Pseudonymous[Channel]
    outcome: Pseudonymous[ContactOutcome]


class BilanCompleted(_OfCase):
    """The bilan-positionnement was held: where the young person stands and wants to go (circulaire 2013-035)."""

    bilan_id: Pseudonymous[UUID]
    level: Pseudonymous[int]
    wishes: Pseudonymous[tuple[str, ...]]
    search_area: Pseudonymous[tuple[Departement, ...]]
    age: Pseudonymous[int]
    available_from: Pseudonymous[date]


class DeadlineMissed(_OfCase):
    """A legal clock ran out: three months from the report for the entretien de réorientation (L.313-8)."""

    clock: Public[Clock]
    due_on: Pseudonymous[date]


class SolutionEntered(_OfCase):
    """A host said yes: the way back has begun."""

    referral_id: Pseudonymous[UUID]
    offer_id: Pseudonymous[str]


class CaseClosed(_OfCase):
    """The case ends, with a motive from a closed list."""

    motive: Pseudonymous[ClosingMotive]


class CaseReopened(_OfCase):
    """A link had closed the case and was undone: the same episode goes on, by the detection that was made again."""

    detection_id: Pseudonymous[UUID]
    flags: Flags
    departement: Pseudonymous[Departement]


class CoordinatesConsulted(_OfCase):
    """Somebody read the coordinates: who is the actor, why is here. Private: it stays in followup's own store."""

    private: ClassVar[bool] = True
    purpose: Public[Literal["contact", "bilan", "control"]]

    @property
    def stream(self) -> str:
        return f"consultations-{self.case_id}"


type CaseEvent = (
    CaseOpened | ContactAttempted | BilanCompleted | DeadlineMissed | SolutionEntered | CaseClosed | CaseReopened | CoordinatesConsulted
)  # fmt: skip

EVENTS: tuple[type[Event], ...] = (
    CaseOpened, ContactAttempted, BilanCompleted, DeadlineMissed, SolutionEntered, CaseClosed, CaseReopened, CoordinatesConsulted,
)  # fmt: skip
