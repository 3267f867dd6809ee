"""Of which kind is an offer? One row per offer: what a solution may be called, and nothing else of the offer."""

from dataclasses import dataclass

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.offers import OfferPublished


@dataclass(frozen=True, kw_only=True)
class OfferKindRow:
    offer_id: str
    kind: str


def key(event: OfferPublished) -> str:
    return event.offer_id


def apply(row: OfferKindRow | None, heard: Heard[OfferPublished]) -> OfferKindRow | None:  # noqa: ARG001 -- the shape of every apply
    return OfferKindRow(offer_id=heard.event.offer_id, kind=heard.event.status)


OFFER_KINDS = Projection(table="offer_kinds", row=OfferKindRow, key_column="offer_id", hears=(OfferPublished,), key=key, apply=apply)
