"""What would be sent about a detection, still sealed? One row while the detection stands."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import DropoutDetected, DropoutWithdrawn


@dataclass(frozen=True, kw_only=True)
class CoordinatesRow:
    """Sealed fields stay sealed here: tokens that only the keyring opens."""

    detection_id: UUID
    person_id: UUID
    last_uai: str
    last_formation: str | None
    exit_date: date
    l313_7: bool
    obligation_formation: bool
    identity: str
    contact: str | None
    guardians: str | None


def key(event: DropoutDetected | DropoutWithdrawn) -> UUID:
    return event.detection_id


def apply(row: CoordinatesRow | None, heard: Heard[DropoutDetected | DropoutWithdrawn]) -> CoordinatesRow | None:  # noqa: ARG001 -- the shape of every apply
    match heard.event:
        case DropoutDetected() as found:
            return CoordinatesRow(
                detection_id=found.detection_id, person_id=found.person_id, last_uai=found.last_uai,
                last_formation=found.last_formation, exit_date=found.exit_date, l313_7=found.flags.l313_7,
                obligation_formation=found.flags.obligation_formation, identity=found.identity.token,
                contact=None if found.contact is None else found.contact.token,
                guardians=None if found.guardians is None else found.guardians.token,
            )  # fmt: skip
        case DropoutWithdrawn():
            return None


COORDINATES = Projection(
    table="coordinates", row=CoordinatesRow, key_column="detection_id",
    hears=(DropoutDetected, DropoutWithdrawn), key=key, apply=apply,
)  # fmt: skip
