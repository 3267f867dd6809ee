"""On which line of which list did an establishment say that somebody left? One row per line."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import ExitSeen


@dataclass(frozen=True, kw_only=True)
class ExitRow:
    place: str
    list_id: UUID
    line: int
    person_id: UUID
    uai: str
    exit_date: date
    seen_at: datetime


def key(event: ExitSeen) -> str:
    return f"{event.list_id} {event.line}"


def apply(row: ExitRow | None, heard: Heard[ExitSeen]) -> ExitRow | None:  # noqa: ARG001 -- the shape of every apply
    event = heard.event
    return ExitRow(
        place=key(event), list_id=event.list_id, line=event.line, person_id=event.person_id, uai=event.uai,
        exit_date=event.exit_date, seen_at=heard.envelope.attributes.recordedtime,
    )  # fmt: skip


EXITS = Projection(table="exits", row=ExitRow, key_column="place", hears=(ExitSeen,), key=key, apply=apply)
