"""What is true of offers and referrals: the shelf that a decision stands before, folded from their streams."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from contracts.offers import (
    OfferEvent,
    OfferPublished,
    ReferralAccepted,
    ReferralCancelled,
    ReferralDeclined,
    ReferralEvent,
    ReferralExpired,
    ReferralMade,
    SeatsChanged,
)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What was published last, and how many of its seats are held."""

    published: OfferPublished
    held: int = 0

    @property
    def free(self) -> int:
        return self.published.seats - self.held


@dataclass(frozen=True)
class Pending:
    """The host has not answered; a seat is held."""

    made: ReferralMade


@dataclass(frozen=True)
class Accepted:
    """The host said yes; the seat stays held."""

    made: ReferralMade


@dataclass(frozen=True)
class Ended:
    """Declined, expired or cancelled; no seat is held. `by` is the event's name."""

    made: ReferralMade
    by: str


type Referral = Pending | Accepted | Ended
type ShelfEvent = OfferEvent | ReferralEvent


@dataclass(frozen=True, kw_only=True)
class Shelf:
    offers: Mapping[str, Offer] = field(default_factory=dict)
    referrals: Mapping[UUID, Referral] = field(default_factory=dict)


def evolve(shelf: Shelf, event: ShelfEvent) -> Shelf:
    match event:
        case OfferPublished(offer_id=offer_id):
            known = shelf.offers.get(offer_id)
            offer = Offer(published=event, held=known.held if known else 0)
            return replace(shelf, offers={**shelf.offers, offer_id: offer})
        case SeatsChanged(offer_id=offer_id, held=held):
            return replace(shelf, offers={**shelf.offers, offer_id: replace(shelf.offers[offer_id], held=held)})
        case ReferralMade():
            return _with(shelf, event.referral_id, Pending(event))
        case ReferralAccepted():
            return _with(shelf, event.referral_id, Accepted(shelf.referrals[event.referral_id].made))
        case ReferralDeclined() | ReferralExpired() | ReferralCancelled():
            return _with(shelf, event.referral_id, Ended(shelf.referrals[event.referral_id].made, type(event).__name__))


def _with(shelf: Shelf, referral_id: UUID, referral: Referral) -> Shelf:
    return replace(shelf, referrals={**shelf.referrals, referral_id: referral})
