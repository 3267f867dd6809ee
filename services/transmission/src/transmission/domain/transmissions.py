"""The life of what is owed for one detection: owed, sent, answered, recalled. One stream per detection."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from contracts.fields import Sha256
from contracts.intake import Flags, WithdrawalReason
from contracts.transmission import (
    CoordinatesTransmitted,
    RefusalReason,
    TransmissionAcknowledged,
    TransmissionDue,
    TransmissionRecalled,
    TransmissionRefused,
    TransmissionsEvent,
    TransmissionUnroutable,
)


@dataclass(frozen=True, kw_only=True)
class DecideRecipients:
    """Who is owed the coordinates of a detected dropout? `at` is when the detection was recorded."""

    person_id: UUID
    detection_id: UUID
    departement: str
    flags: Flags
    contact_known: bool
    guardians_known: bool
    at: datetime


@dataclass(frozen=True, kw_only=True)
class SendCoordinates:
    """Encrypted bytes are ready for the recipient; may they be sent at this instant?"""

    person_id: UUID
    detection_id: UUID
    transmission_id: UUID
    departement: str
    encrypted_sha256: Sha256
    at: datetime


@dataclass(frozen=True, kw_only=True)
class AcknowledgeTransmission:
    """The recipient holds the bytes."""

    detection_id: UUID
    transmission_id: UUID
    recipient_id: str


@dataclass(frozen=True, kw_only=True)
class RefuseTransmission:
    """The recipient will not take it, and says why."""

    detection_id: UUID
    transmission_id: UUID
    recipient_id: str
    reason: RefusalReason


@dataclass(frozen=True, kw_only=True)
class RecallTransmissions:
    """The detection was withdrawn: tell again whoever was told, and send nothing more."""

    person_id: UUID
    detection_id: UUID
    reason: WithdrawalReason


type TransmissionCommand = DecideRecipients | SendCoordinates | AcknowledgeTransmission | RefuseTransmission | RecallTransmissions


@dataclass(frozen=True, kw_only=True)
class Owed:
    """Decided, not sent."""

    due: TransmissionDue


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The bytes were committed for sending. Acknowledged: the recipient holds them. Recalled: it was told again."""

    due: TransmissionDue
    acknowledged: bool = False
    refused: bool = False
    recalled: bool = False


@dataclass(frozen=True, kw_only=True)
class NeverSent:
    """It may not be sent any more: the recipient's designation ended, or the detection was withdrawn first."""

    due: TransmissionDue


type Transmission = Owed | Sent | NeverSent


@dataclass(frozen=True, kw_only=True)
class Transmissions:
    """Everything decided for one detection, by transmission id; `decided` once the routing rule has spoken."""

    decided: bool = False
    by_id: tuple[tuple[UUID, Transmission], ...] = ()

    def get(self, transmission_id: UUID) -> Transmission | None:
        return dict(self.by_id).get(transmission_id)

    def put(self, transmission_id: UUID, transmission: Transmission) -> "Transmissions":
        return Transmissions(decided=True, by_id=tuple((dict(self.by_id) | {transmission_id: transmission}).items()))


def evolve(state: Transmissions, event: TransmissionsEvent) -> Transmissions:
    match event:
        case TransmissionDue(transmission_id=transmission_id):
            return state.put(transmission_id, Owed(due=event))
        case TransmissionUnroutable():
            return replace(state, decided=True)
        case CoordinatesTransmitted() | TransmissionAcknowledged() | TransmissionRefused() | TransmissionRecalled():
            before = state.get(event.transmission_id)
            return state if before is None else state.put(event.transmission_id, _after(before, event))


type _Later = CoordinatesTransmitted | TransmissionAcknowledged | TransmissionRefused | TransmissionRecalled


def _after(before: Transmission, event: _Later) -> Transmission:
    match event:
        case CoordinatesTransmitted():
            return Sent(due=before.due)
        case TransmissionRefused():
            return replace(before, refused=True) if isinstance(before, Sent) else NeverSent(due=before.due)
        case TransmissionAcknowledged():
            return replace(before, acknowledged=True) if isinstance(before, Sent) else before
        case TransmissionRecalled():
            return replace(before, recalled=True) if isinstance(before, Sent) else before
