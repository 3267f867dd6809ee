"""From which establishment did each dropout leave, and does the detection stand? One row per detection."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import DropoutDetected, DropoutWithdrawn


@dataclass(frozen=True, kw_only=True)
class OriginRow:
    detection_id: UUID
    person_id: UUID
    uai: str
    exit_date: date
    detected_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_for: str | None = None


def key(event: DropoutDetected | DropoutWithdrawn) -> UUID:
    return event.detection_id


def apply(row: OriginRow | None, heard: Heard[DropoutDetected | DropoutWithdrawn]) -> OriginRow | None:
    recorded = heard.envelope.attributes.recordedtime
    match heard.event:
        case DropoutDetected() as found:
            return OriginRow(
                detection_id=found.detection_id, person_id=found.person_id, uai=found.last_uai, exit_date=found.exit_date,
                detected_at=recorded,
            )  # fmt: skip
        case DropoutWithdrawn(reason=reason, motive=motive):
            return row and replace(row, withdrawn_at=recorded, withdrawn_for=motive or reason)


ORIGINS = Projection(
    table="origins", row=OriginRow, key_column="detection_id", hears=(DropoutDetected, DropoutWithdrawn), key=key, apply=apply
)
