"""Who sent a list? One row per list: only its sender knows whom its lines stand for."""

from dataclasses import dataclass
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import ListReceived


@dataclass(frozen=True, kw_only=True)
class SentListRow:
    list_id: UUID
    sender: str


def key(event: ListReceived) -> UUID:
    return event.list_id


def apply(row: SentListRow | None, heard: Heard[ListReceived]) -> SentListRow | None:  # noqa: ARG001 -- the shape of every apply
    return SentListRow(list_id=heard.event.list_id, sender=heard.event.sender)


SENT_LISTS = Projection(table="sent_lists", row=SentListRow, key_column="list_id", hears=(ListReceived,), key=key, apply=apply)
