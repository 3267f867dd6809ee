"""Where did each case stand, and since when? One row per case: a step for each change that may be told, none for the rest."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.followup import BilanCompleted, CaseClosed, CaseOpened, CaseReopened, ContactAttempted, SolutionEntered
from contracts.transmission import Destination
from transmission.domain.destinations import CaseFact, after


@dataclass(frozen=True, kw_only=True)
class DestinationsRow:
    """reached, reached_at, offers: of each step the destination, when it was recorded, and the offer (empty where none is)."""

    case_id: UUID
    detection_id: UUID
    reached: tuple[Destination, ...]
    reached_at: tuple[datetime, ...]
    offers: tuple[str, ...]


def key(event: CaseFact) -> UUID:
    return event.case_id


def apply(row: DestinationsRow | None, heard: Heard[CaseFact]) -> DestinationsRow | None:
    recorded, event = heard.envelope.attributes.recordedtime, heard.event
    if isinstance(event, CaseOpened):
        return DestinationsRow(
            case_id=event.case_id, detection_id=event.detection_id, reached=("followed",), reached_at=(recorded,), offers=("",)
        )
    if row is not None and isinstance(event, CaseReopened):
        row = replace(row, detection_id=event.detection_id)
    if row is None or (destination := after(row.reached[-1], event)) == row.reached[-1]:
        return row
    offer = event.offer_id if isinstance(event, SolutionEntered) else ""
    return replace(row, reached=(*row.reached, destination), reached_at=(*row.reached_at, recorded), offers=(*row.offers, offer))


DESTINATIONS = Projection(
    table="destinations", row=DestinationsRow, key_column="case_id",
    hears=(CaseOpened, ContactAttempted, BilanCompleted, SolutionEntered, CaseClosed, CaseReopened), key=key, apply=apply,
)  # fmt: skip
