"""What may be asked about offers and referrals; ids, facts of the case and instants arrive with the command."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.offers import CancelReason, DeclineMotive, OfferPublished


@dataclass(frozen=True, kw_only=True)
class PublishOffer:
    offer: OfferPublished


@dataclass(frozen=True, kw_only=True)
class MakeReferral:
    """With what was heard of the case: its bilan, the age and the départements stated there."""

    case_id: UUID
    person_id: UUID
    offer_id: str
    bilan_id: UUID
    age: int
    search_area: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, kw_only=True)
class AcceptReferral:
    referral_id: UUID
    offer_id: str


@dataclass(frozen=True, kw_only=True)
class DeclineReferral:
    referral_id: UUID
    offer_id: str
    motive: DeclineMotive


@dataclass(frozen=True, kw_only=True)
class ExpireReferral:
    referral_id: UUID
    offer_id: str


@dataclass(frozen=True, kw_only=True)
class CancelReferral:
    """The case ended. `offer_ids` are those that the case was referred to: whose seats may become free."""

    case_id: UUID
    reason: CancelReason
    offer_ids: tuple[str, ...] = ()


type OfferCommand = PublishOffer | MakeReferral | AcceptReferral | DeclineReferral | ExpireReferral | CancelReferral
