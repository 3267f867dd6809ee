"""What can a young person be referred to, and is a seat free? One row per offer."""

from dataclasses import dataclass, replace

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.offers import OfferEvent, OfferPublished, SeatsChanged


@dataclass(frozen=True, kw_only=True)
class OfferRow:
    offer_id: str
    name: str
    organisation: str
    themes: tuple[str, ...]
    status: str
    min_age: int
    max_age: int
    departements: tuple[str, ...]
    seats: int
    held: int
    free: int


def key(event: OfferEvent) -> str:
    return event.offer_id


def apply(row: OfferRow | None, heard: Heard[OfferEvent]) -> OfferRow | None:
    match heard.event:
        case OfferPublished() as offer:
            held = row.held if row else 0
            return OfferRow(
                offer_id=offer.offer_id, name=offer.name, organisation=offer.organisation, themes=offer.themes,
                status=offer.status, min_age=offer.min_age, max_age=offer.max_age, departements=offer.departements,
                seats=offer.seats, held=held, free=offer.seats - held,
            )  # fmt: skip
        case SeatsChanged(held=held, free=free):
            return row and replace(row, held=held, free=free)


OFFERS = Projection(table="offers", row=OfferRow, key_column="offer_id", hears=(OfferPublished, SeatsChanged), key=key, apply=apply)
