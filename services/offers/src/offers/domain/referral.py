"""A case's referrals: one at a time, each holding a seat until it ends; the offer's stream is written in the same decision.

A referral's id derives from its case and its number, so two that are made at once meet in one stream and one of them loses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal, TypedDict
from uuid import UUID, uuid5

from chassis.decider import Decider, Refused
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
from offers.domain import offer as offers
from offers.domain.commands import AcceptReferral, CancelReferrals, DeclineReferral, ExpireReferral, MakeReferral, ReferralCommand

MOST = 8
"""A case's referrals that are looked at; a ninth is refused, for somebody should ask why."""

class OfReferral(TypedDict):
    """What every event of a referral names."""

    referral_id: UUID
    person_id: UUID
    offer_id: str
    case_id: UUID


type Status = Literal["pending", "accepted", "declined", "expired", "cancelled"]
type PlacementEvent = OfferEvent | ReferralEvent


@dataclass(frozen=True, kw_only=True)
class Referral:
    made: ReferralMade
    status: Status

    @property
    def holds_a_seat(self) -> bool:
        return self.status in {"pending", "accepted"}


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A case's referrals, and the offer that the next one is for."""

    offer: offers.Offer = field(default_factory=offers.Unpublished)
    referrals: Mapping[UUID, Referral] = field(default_factory=dict)


def evolve(state: Placement, event: PlacementEvent) -> Placement:
    match event:
        case OfferPublished() | SeatsChanged():
            return replace(state, offer=offers.evolve(state.offer, event))
        case ReferralMade():
            return replace(state, referrals={**state.referrals, event.referral_id: Referral(made=event, status="pending")})
        case ReferralAccepted():
            return _became(state, event.referral_id, "accepted")
        case ReferralDeclined():
            return _became(state, event.referral_id, "declined")
        case ReferralExpired():
            return _became(state, event.referral_id, "expired")
        case ReferralCancelled():
            return _became(state, event.referral_id, "cancelled")


def _became(state: Placement, referral_id: UUID, status: Status) -> Placement:
    return replace(state, referrals={**state.referrals, referral_id: replace(state.referrals[referral_id], status=status)})


def decide(state: Placement, command: ReferralCommand) -> Sequence[PlacementEvent]:
    match command:
        case MakeReferral():
            return make(state, command)
        case AcceptReferral():
            return accept(_referral(state, command.referral_id))
        case DeclineReferral():
            return decline(_referral(state, command.referral_id), command)
        case ExpireReferral():
            return expire(_referral(state, command.referral_id))
        case CancelReferrals():
            return [event for one in state.referrals.values() for event in cancel(one, command)]


def make(state: Placement, command: MakeReferral) -> Sequence[PlacementEvent]:
    if any(one.holds_a_seat for one in state.referrals.values()):
        raise Refused("another referral of this case is under way")
    if len(state.referrals) >= MOST:
        raise Refused(f"this case was referred {MOST} times already")
    match state.offer:
        case offers.Unpublished():
            raise Refused("there is no such offer")
        case offers.Published(offer=offer) as published:
            _eligible(offer, command)
            referral = ReferralMade(
                referral_id=referral_id_of(command.case_id, len(state.referrals)), person_id=command.person_id,
                offer_id=command.offer_id, case_id=command.case_id, bilan_id=command.bilan_id, organisation=offer.organisation,
                answer_by=command.made_on + timedelta(days=offer.answer_within_days),
            )  # fmt: skip
            return [offers.hold_seat(published), referral]


def _eligible(offer: OfferPublished, command: MakeReferral) -> None:
    if not offer.min_age <= command.age <= offer.max_age:
        raise Refused("the offer is for another age")
    if not set(offer.departements) & set(command.search_area):
        raise Refused("the offer is outside the area of search")


def accept(referral: Referral) -> Sequence[ReferralEvent]:
    made = referral.made
    match referral.status:
        case "pending":
            return [ReferralAccepted(**_of(made))]
        case "accepted":
            return []
        case "declined" | "expired" | "cancelled":
            raise Refused(f"this referral was {referral.status}")


def decline(referral: Referral, command: DeclineReferral) -> Sequence[ReferralEvent]:
    match referral.status:
        case "pending":
            return [ReferralDeclined(**_of(referral.made), motive=command.motive)]
        case "declined":
            return []
        case "accepted" | "expired" | "cancelled":
            raise Refused(f"this referral was {referral.status}")


def expire(referral: Referral) -> Sequence[ReferralEvent]:
    return [ReferralExpired(**_of(referral.made))] if referral.status == "pending" else []


def cancel(referral: Referral, command: CancelReferrals) -> Sequence[ReferralEvent]:
    """A withdrawn dropout frees even an accepted seat; a case closed otherwise leaves it to whoever sits there."""
    gone = referral.status == "pending" or (referral.status == "accepted" and command.reason == "dropout_withdrawn")
    return [ReferralCancelled(**_of(referral.made), reason=command.reason)] if gone else []


def _of(made: ReferralMade) -> OfReferral:
    return {"referral_id": made.referral_id, "person_id": made.person_id, "offer_id": made.offer_id, "case_id": made.case_id}


def _referral(state: Placement, referral_id: UUID) -> Referral:
    try:
        return state.referrals[referral_id]
    except KeyError:
        raise Refused("there is no such referral") from None


def referral_id_of(case_id: UUID, number: int) -> UUID:
    """The `number`th referral of a case, from 0."""
    return uuid5(case_id, f"referral {number}")


def streams(command: ReferralCommand) -> tuple[str, ...]:
    referrals = tuple(f"referral-{referral_id_of(command.case_id, number)}" for number in range(MOST))
    return (offers.stream_of(command.offer_id), *referrals) if isinstance(command, MakeReferral) else referrals


REFERRAL: Decider[ReferralCommand, Placement, PlacementEvent] = Decider(
    initial=Placement(), evolve=evolve, decide=decide, streams=streams
)
