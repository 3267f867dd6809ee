"""Which dropouts were found, by which rule and duty, which are contested, and which were withdrawn and why?"""

from dataclasses import dataclass, replace
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import DropoutConfirmed, DropoutContested, DropoutDetected, DropoutWithdrawn

type Concerned = DropoutDetected | DropoutContested | DropoutConfirmed | DropoutWithdrawn


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """One detection and whether it still stands. contested: the motive, while nobody has decided."""

    detection_id: UUID
    person_id: UUID
    departement: str
    last_uai: str
    rule: str
    rule_version: int
    l313_7: bool
    obligation_formation: bool
    contested: str | None = None
    withdrawn: bool = False
    reason: str | None = None


def key(event: Concerned) -> UUID:
    return event.detection_id


def apply(row: Dropout | None, heard: Heard[Concerned]) -> Dropout | None:
    match heard.event:
        case DropoutDetected() as found:
            return Dropout(
                detection_id=found.detection_id, person_id=found.person_id, departement=found.departement, last_uai=found.last_uai,
                rule=found.rule, rule_version=found.rule_version, l313_7=found.flags.l313_7,
                obligation_formation=found.flags.obligation_formation,
            )  # fmt: skip
        case DropoutContested(motive=motive):
            return row and replace(row, contested=motive)
        case DropoutConfirmed():
            return row and replace(row, contested=None)
        case DropoutWithdrawn(reason=reason):
            return row and replace(row, contested=None, withdrawn=True, reason=reason)


DROPOUTS: Projection[Dropout] = Projection(
    table="dropouts", row=Dropout, key_column="detection_id",
    hears=(DropoutDetected, DropoutContested, DropoutConfirmed, DropoutWithdrawn), key=key, apply=apply,
)  # fmt: skip
