"""Which dropouts were found, by which duty, and which were withdrawn?"""

from dataclasses import dataclass, replace
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import DropoutDetected, DropoutWithdrawn

type Concerned = DropoutDetected | DropoutWithdrawn


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """One detection and whether it still stands."""

    detection_id: UUID
    departement: str
    l313_7: bool
    obligation_formation: bool
    withdrawn: bool


def key(event: Concerned) -> UUID:
    return event.detection_id


def apply(row: Dropout | None, heard: Heard[Concerned]) -> Dropout | None:
    match heard.event:
        case DropoutDetected(detection_id=detection_id, departement=departement, flags=flags):
            return Dropout(
                detection_id=detection_id, departement=departement, l313_7=flags.l313_7,
                obligation_formation=flags.obligation_formation, withdrawn=False,
            )  # fmt: skip
        case DropoutWithdrawn():
            return replace(row, withdrawn=True) if row else None


DROPOUTS: Projection[Dropout] = Projection(
    table="dropouts", row=Dropout, key_column="detection_id", hears=(DropoutDetected, DropoutWithdrawn), key=key, apply=apply
)
