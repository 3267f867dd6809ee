"""To whom is something owed where nobody is designated? One row per detection and class of recipient."""

from dataclasses import dataclass
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.transmission import TransmissionUnroutable


@dataclass(frozen=True, kw_only=True)
class UnroutableRow:
    unroutable_id: str
    detection_id: UUID
    recipient_class: str
    departement: str


def key(event: TransmissionUnroutable) -> str:
    return f"{event.detection_id} {event.recipient_class}"


def apply(row: UnroutableRow | None, heard: Heard[TransmissionUnroutable]) -> UnroutableRow | None:  # noqa: ARG001 -- the shape of every apply
    event = heard.event
    return UnroutableRow(
        unroutable_id=key(event), detection_id=event.detection_id,
        recipient_class=event.recipient_class, departement=event.departement,
    )  # fmt: skip


UNROUTABLE = Projection(
    table="unroutable", row=UnroutableRow, key_column="unroutable_id", hears=(TransmissionUnroutable,), key=key, apply=apply
)
