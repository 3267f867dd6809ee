"""What may be asked of a person's history."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from contracts.intake import (
    ContestMotive,
    ContractSeen,
    DiplomaSeen,
    EnrolmentSeen,
    ExitSeen,
    IdentityCandidateFound,
    LinkReason,
    RiskSignalled,
)
from intake.domain.detection import Rule


@dataclass(frozen=True, kw_only=True)
class RecordExit:
    """An establishment's line says that the person left."""

    fact: ExitSeen


@dataclass(frozen=True, kw_only=True)
class RecordEnrolment:
    """A line says that the person is enrolled."""

    fact: EnrolmentSeen


@dataclass(frozen=True, kw_only=True)
class RecordDiploma:
    """A line states the highest diploma held."""

    fact: DiplomaSeen


@dataclass(frozen=True, kw_only=True)
class RecordContract:
    """A line tells a contract of apprenticeship."""

    fact: ContractSeen


@dataclass(frozen=True, kw_only=True)
class DecideDropout:
    """A list is complete: is this person, who stands on it, a dropout?

    age, majority_month, departement: derived at the edge where the identity was open. facts: ids of the facts read.
    """

    person_id: UUID
    detection_id: UUID
    rule: Rule
    facts: tuple[UUID, ...]
    coverage: dict[str, int]
    reference_date: date
    age: int
    majority_month: str
    departement: str


@dataclass(frozen=True, kw_only=True)
class ContestDropout:
    """Somebody says that this detection is wrong."""

    person_id: UUID
    detection_id: UUID
    motive: ContestMotive


@dataclass(frozen=True, kw_only=True)
class ConfirmDropout:
    """A human looked at what was contested: it stands."""

    person_id: UUID
    detection_id: UUID


@dataclass(frozen=True, kw_only=True)
class WithdrawDropout:
    """A human looked at it: it is wrong."""

    person_id: UUID
    detection_id: UUID
    motive: ContestMotive


@dataclass(frozen=True, kw_only=True)
class UndoDetection:
    """What this version of a rule decided shall no longer stand."""

    person_id: UUID
    rule: str
    version: int


@dataclass(frozen=True, kw_only=True)
class RecordRisk:
    """A signal that the person may be about to leave."""

    fact: RiskSignalled


@dataclass(frozen=True, kw_only=True)
class RecordCandidate:
    """Somebody known is like this person, and might be the same."""

    fact: IdentityCandidateFound


@dataclass(frozen=True, kw_only=True)
class DismissCandidate:
    """A human looked at both: they are two."""

    person_id: UUID
    other_id: UUID
    reason: LinkReason


type Record = RecordRisk | RecordExit | RecordEnrolment | RecordContract | RecordDiploma
type Judgement = ContestDropout | ConfirmDropout | WithdrawDropout
type Candidacy = RecordCandidate | DismissCandidate
type PersonCommand = Record | DecideDropout | Judgement | UndoDetection | Candidacy
