"""What is owed to whom, and what became of it? One row per transmission."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.transmission import (
    CoordinatesTransmitted,
    TransmissionAcknowledged,
    TransmissionDue,
    TransmissionRecalled,
    TransmissionRefused,
)

type LedgerStatus = Literal["due", "sent", "acknowledged", "refused"]


@dataclass(frozen=True, kw_only=True)
class TransmissionRow:
    """`cause` and what follows it: the event that made it due, so that the sending can name it. `sent` stays when refused."""

    transmission_id: UUID
    detection_id: UUID
    person_id: UUID
    recipient_id: str
    recipient_class: str
    designation_id: UUID
    legal_basis: str
    fields: tuple[str, ...]
    due_at: datetime
    cause: UUID
    correlation_id: UUID
    traceparent: str | None
    status: LedgerStatus = "due"
    sent: bool = False
    recalled_at: datetime | None = None
    recalled_for: str | None = None


type LedgerEvent = TransmissionDue | CoordinatesTransmitted | TransmissionAcknowledged | TransmissionRefused | TransmissionRecalled


def key(event: LedgerEvent) -> UUID:
    return event.transmission_id


def apply(row: TransmissionRow | None, heard: Heard[LedgerEvent]) -> TransmissionRow | None:
    match heard.event:
        case TransmissionDue() as due:
            return _due(due, heard)
        case CoordinatesTransmitted():
            return row and replace(row, status="sent", sent=True)
        case TransmissionAcknowledged():
            return row and replace(row, status="acknowledged")
        case TransmissionRefused():
            return row and replace(row, status="refused")
        case TransmissionRecalled(reason=reason):
            return row and replace(row, recalled_at=heard.envelope.attributes.recordedtime, recalled_for=reason)


def _due(due: TransmissionDue, heard: Heard[LedgerEvent]) -> TransmissionRow:
    attributes = heard.envelope.attributes
    return TransmissionRow(
        transmission_id=due.transmission_id, detection_id=due.detection_id, person_id=due.person_id,
        recipient_id=due.recipient_id, recipient_class=due.recipient_class, designation_id=due.designation_id,
        legal_basis=due.legal_basis, fields=due.fields, due_at=attributes.recordedtime, cause=attributes.id,
        correlation_id=attributes.correlationid, traceparent=heard.envelope.traceparent,
    )  # fmt: skip


LEDGER = Projection(
    table="transmissions", row=TransmissionRow, key_column="transmission_id",
    hears=(TransmissionDue, CoordinatesTransmitted, TransmissionAcknowledged, TransmissionRefused, TransmissionRecalled),
    key=key, apply=apply,
)  # fmt: skip
