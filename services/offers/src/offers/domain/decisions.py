"""The rules of referrals: a seat is held by one at most, a case has one referral under way, every ending frees the seat."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid5

from chassis.decider import Decider, Refused
from chassis.paris import legal_date
from contracts.offers import (
    OfferPublished,
    ReferralAccepted,
    ReferralCancelled,
    ReferralDeclined,
    ReferralExpired,
    ReferralMade,
    SeatsChanged,
)
from offers.domain.commands import (
    AcceptReferral,
    CancelReferral,
    DeclineReferral,
    ExpireReferral,
    MakeReferral,
    OfferCommand,
    PublishOffer,
)
from offers.domain.shelf import Accepted, Ended, Offer, Pending, Referral, Shelf, ShelfEvent, evolve

MOST_REFERRALS = 12
"""Of one case, over its life. Their ids are known beforehand, so that a decision reads and guards all of their streams."""

type Because = Literal["referral_made", "referral_declined", "referral_expired", "referral_cancelled"]


def referral_id_of(case_id: UUID, attempt: int) -> UUID:
    """The first, second … referral of a case: two that are made at once want the same stream, and one of them wins."""
    return uuid5(case_id, f"referral {attempt}")


def referrals_of(case_id: UUID) -> tuple[str, ...]:
    """The streams of all referrals that a case may ever have."""
    return tuple(f"referral-{referral_id_of(case_id, attempt)}" for attempt in range(MOST_REFERRALS))


def streams(command: OfferCommand) -> tuple[str, ...]:
    match command:
        case PublishOffer():
            return (command.offer.stream,)
        case MakeReferral():
            return (f"offer-{command.offer_id}", *referrals_of(command.case_id))
        case AcceptReferral() | DeclineReferral() | ExpireReferral():
            return (f"offer-{command.offer_id}", f"referral-{command.referral_id}")
        case CancelReferral():
            return (*(f"offer-{offer_id}" for offer_id in command.offer_ids), *referrals_of(command.case_id))


def decide(shelf: Shelf, command: OfferCommand) -> Sequence[ShelfEvent]:
    match command:
        case PublishOffer():
            return publish(shelf, command)
        case MakeReferral():
            return make(shelf, command)
        case AcceptReferral():
            return accept(shelf, command)
        case DeclineReferral():
            return decline(shelf, command)
        case ExpireReferral():
            return expire(shelf, command)
        case CancelReferral():
            return cancel(shelf, command)


def publish(shelf: Shelf, command: PublishOffer) -> list[ShelfEvent]:
    known = shelf.offers.get(command.offer.offer_id)
    if known is None:
        return [command.offer]
    if known.published == command.offer:
        return []
    if known.published.organisation != command.offer.organisation:
        raise Refused("the offer is another organisation's")
    if command.offer.seats < known.held:
        raise Refused("more seats are held than that")
    return [command.offer]


def make(shelf: Shelf, command: MakeReferral) -> list[ShelfEvent]:
    offer = shelf.offers.get(command.offer_id)
    if offer is None:
        raise Refused("there is no such offer")
    _must_suit(offer.published, command)
    if any(not isinstance(referral, Ended) for referral in shelf.referrals.values()):
        raise Refused("another referral of this case is under way")
    if len(shelf.referrals) >= MOST_REFERRALS:
        raise Refused("the case was referred too often")
    if offer.free < 1:
        raise Refused("no seat is free")
    made = ReferralMade(
        referral_id=referral_id_of(command.case_id, len(shelf.referrals)), person_id=command.person_id,
        offer_id=command.offer_id, case_id=command.case_id, bilan_id=command.bilan_id,
        organisation=offer.published.organisation,
        answer_by=legal_date(command.at) + timedelta(days=offer.published.answer_within_days),
    )  # fmt: skip
    return [made, _seats(offer, offer.held + 1, "referral_made")]


def _must_suit(offer: OfferPublished, command: MakeReferral) -> None:
    if not offer.min_age <= command.age <= offer.max_age:
        raise Refused("the offer is for another age")
    if not set(offer.departements) & set(command.search_area):
        raise Refused("the offer is outside the area that was searched for")


def accept(shelf: Shelf, command: AcceptReferral) -> list[ShelfEvent]:
    match shelf.referrals.get(command.referral_id):
        case Pending(made):
            return [ReferralAccepted(referral_id=made.referral_id, person_id=made.person_id, offer_id=made.offer_id, case_id=made.case_id)]
        case Accepted():
            return []
        case Ended() | None:
            raise Refused("the referral is not pending")


def decline(shelf: Shelf, command: DeclineReferral) -> list[ShelfEvent]:
    match shelf.referrals.get(command.referral_id):
        case Pending(made):
            declined = ReferralDeclined(
                referral_id=made.referral_id, person_id=made.person_id, offer_id=made.offer_id, case_id=made.case_id,
                motive=command.motive,
            )  # fmt: skip
            return [declined, _freed(shelf, made, "referral_declined")]
        case Ended(by="ReferralDeclined"):
            return []
        case Accepted() | Ended() | None:
            raise Refused("the referral is not pending")


def expire(shelf: Shelf, command: ExpireReferral) -> list[ShelfEvent]:
    """Asked by the timer: whoever has answered meanwhile is left in peace."""
    match shelf.referrals.get(command.referral_id):
        case Pending(made):
            expired = ReferralExpired(referral_id=made.referral_id, person_id=made.person_id, offer_id=made.offer_id, case_id=made.case_id)
            return [expired, _freed(shelf, made, "referral_expired")]
        case Accepted() | Ended() | None:
            return []


def cancel(shelf: Shelf, command: CancelReferral) -> list[ShelfEvent]:
    """What is pending falls with its case; what was accepted only when there was no dropout at all."""
    decided: list[ShelfEvent] = []
    for referral in shelf.referrals.values():
        if _falls(referral, command):
            made = referral.made
            decided += [
                ReferralCancelled(
                    referral_id=made.referral_id, person_id=made.person_id, offer_id=made.offer_id, case_id=made.case_id,
                    reason=command.reason,
                ),
                _freed(shelf, made, "referral_cancelled"),
            ]  # fmt: skip
    return decided  # one at most: a case has one referral under way


def _falls(referral: Referral, command: CancelReferral) -> bool:
    match referral:
        case Pending():
            return True
        case Accepted():
            return command.reason == "dropout_withdrawn"
        case Ended():
            return False


def _freed(shelf: Shelf, made: ReferralMade, because: Because) -> SeatsChanged:
    offer = shelf.offers[made.offer_id]
    return _seats(offer, offer.held - 1, because)


def _seats(offer: Offer, held: int, because: Because) -> SeatsChanged:
    return SeatsChanged(offer_id=offer.published.offer_id, held=held, free=offer.published.seats - held, because=because)


SHELF: Decider[OfferCommand, Shelf, ShelfEvent] = Decider(initial=Shelf(), evolve=evolve, decide=decide, streams=streams)
