"""What may be asked about a case; ids and dates arrive with the command."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from contracts.followup import Channel, Clock, ClosingMotive, ContactOutcome
from contracts.intake import Flags


@dataclass(frozen=True, kw_only=True)
class OpenCase:
    case_id: UUID
    person_id: UUID
    detection_id: UUID
    flags: Flags
    departement: str


@dataclass(frozen=True, kw_only=True)
class ReopenCase:
    """A link that closed the case was undone; detection_id: the one that was made again."""

    case_id: UUID
    person_id: UUID
    detection_id: UUID
    flags: Flags
    departement: str


@dataclass(frozen=True, kw_only=True)
class RecordContact:
    case_id: UUID
    attempt_id: UUID
    channel: Channel
    outcome: ContactOutcome


@dataclass(frozen=True, kw_only=True)
class CompleteBilan:
    case_id: UUID
    bilan_id: UUID
    level: int
    wishes: tuple[str, ...]
    search_area: tuple[str, ...]
    age: int
    available_from: date


@dataclass(frozen=True, kw_only=True)
class EnterSolution:
    case_id: UUID
    referral_id: UUID
    offer_id: str


@dataclass(frozen=True, kw_only=True)
class MissDeadline:
    """Asked by the timer: `due_on` was the last day."""

    case_id: UUID
    clock: Clock
    due_on: date


@dataclass(frozen=True, kw_only=True)
class CloseCase:
    case_id: UUID
    motive: ClosingMotive


type CaseCommand = OpenCase | ReopenCase | RecordContact | CompleteBilan | EnterSolution | MissDeadline | CloseCase
