"""Who sent a list? One row per list: only its sender knows whom its lines stand for; of a campaign's, intake answers each establishment."""

from dataclasses import dataclass
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import CampaignMatched, ListReceived

CAMPAIGN = "campaign"
"""No establishment sent it: its lines are those of everybody who left, each establishment's its own."""


@dataclass(frozen=True, kw_only=True)
class SentListRow:
    list_id: UUID
    sender: str


def key(event: ListReceived | CampaignMatched) -> UUID:
    return event.list_id


def apply(row: SentListRow | None, heard: Heard[ListReceived | CampaignMatched]) -> SentListRow | None:  # noqa: ARG001 -- the shape of every apply
    match heard.event:
        case ListReceived(list_id=list_id, sender=sender):
            return SentListRow(list_id=list_id, sender=sender)
        case CampaignMatched(list_id=list_id):
            return SentListRow(list_id=list_id, sender=CAMPAIGN)


SENT_LISTS = Projection(
    table="sent_lists", row=SentListRow, key_column="list_id", hears=(ListReceived, CampaignMatched), key=key, apply=apply
)
