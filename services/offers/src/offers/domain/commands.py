"""What may be asked of offers."""

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from contracts.offers import CancelReason, DeclineMotive, OfferPublished

Freeing = Literal["referral_declined", "referral_expired", "referral_cancelled"]


@dataclass(frozen=True, kw_only=True)
class PublishOffer:
    offer: OfferPublished


@dataclass(frozen=True, kw_only=True)
class FreeSeat:
    """A referral that held a seat has ended."""

    offer_id: str
    because: Freeing


@dataclass(frozen=True, kw_only=True)
class MakeReferral:
    """Propose a young person to an offer, with what the bilan says. `made_on`: the date in Europe/Paris."""

    case_id: UUID
    offer_id: str
    person_id: UUID
    bilan_id: UUID
    age: int
    search_area: tuple[str, ...]
    made_on: date


@dataclass(frozen=True, kw_only=True)
class AcceptReferral:
    case_id: UUID
    referral_id: UUID


@dataclass(frozen=True, kw_only=True)
class DeclineReferral:
    case_id: UUID
    referral_id: UUID
    motive: DeclineMotive


@dataclass(frozen=True, kw_only=True)
class ExpireReferral:
    """The last day for an answer is over."""

    case_id: UUID
    referral_id: UUID


@dataclass(frozen=True, kw_only=True)
class CancelReferrals:
    """The ground of a case's referrals is gone."""

    case_id: UUID
    reason: CancelReason


type OfferCommand = PublishOffer | FreeSeat
type ReferralCommand = MakeReferral | AcceptReferral | DeclineReferral | ExpireReferral | CancelReferrals
