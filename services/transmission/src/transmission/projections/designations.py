"""Who is designated where, with which key? One row per designation."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.transmission import DesignationEnded, DesignationEvent, RecipientDesignated


@dataclass(frozen=True, kw_only=True)
class DesignationRow:
    designation_id: UUID
    departement: str
    recipient_id: str
    recipient_class: str
    valid_from: datetime
    valid_to: datetime | None
    public_key: str


def key(event: DesignationEvent) -> UUID:
    return event.designation_id


def apply(row: DesignationRow | None, heard: Heard[DesignationEvent]) -> DesignationRow | None:
    match heard.event:
        case RecipientDesignated() as named:
            return DesignationRow(
                designation_id=named.designation_id, departement=named.departement, recipient_id=named.recipient_id,
                recipient_class=named.recipient_class, valid_from=named.valid_from, valid_to=named.valid_to,
                public_key=named.public_key,
            )  # fmt: skip
        case DesignationEnded(ended_at=ended_at):
            return row and replace(row, valid_to=ended_at)


DESIGNATIONS = Projection(
    table="designations", row=DesignationRow, key_column="designation_id",
    hears=(RecipientDesignated, DesignationEnded), key=key, apply=apply,
)  # fmt: skip
