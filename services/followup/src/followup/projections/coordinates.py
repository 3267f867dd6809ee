"""How can the young person of a case be reached, still sealed? One row while the detection stands."""

from dataclasses import dataclass
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import DropoutDetected, DropoutWithdrawn
from followup.policies import case_of


@dataclass(frozen=True, kw_only=True)
class CoordinatesRow:
    """Tokens that only the keyring opens, per request."""

    case_id: UUID
    person_id: UUID
    identity: str
    contact: str | None
    guardians: str | None


def key(event: DropoutDetected | DropoutWithdrawn) -> UUID:
    return case_of(event)


def apply(row: CoordinatesRow | None, heard: Heard[DropoutDetected | DropoutWithdrawn]) -> CoordinatesRow | None:  # noqa: ARG001 -- the shape of every apply
    match heard.event:
        case DropoutDetected() as found:
            return CoordinatesRow(
                case_id=case_of(found), person_id=found.person_id, identity=found.identity.token,
                contact=None if found.contact is None else found.contact.token,
                guardians=None if found.guardians is None else found.guardians.token,
            )  # fmt: skip
        case DropoutWithdrawn():
            return None


COORDINATES = Projection(
    table="coordinates", row=CoordinatesRow, key_column="case_id", hears=(DropoutDetected, DropoutWithdrawn), key=key, apply=apply
)
