"""What offers says: the catalogue of "nouvelle chance" offers, their seats, referrals and their fate. Topic `raccroche.offers`."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event
from contracts.fields import Departement, PersonId, Pseudonymous, Public

Status = Literal["scolaire", "apprenti", "stagiaire", "volontaire"]
DeclineMotive = Literal["no_seat", "not_eligible", "no_show", "young_person_refused", "other"]
CancelReason = Literal["case_closed", "dropout_withdrawn"]


class OffersEvent(Event):
    """Said by offers."""

    speaker: ClassVar[str] = "offers"


class _OfOffer(OffersEvent):
    offer_id: Public[str]

    @property
    def subject(self) -> str:
        return self.offer_id

    @property
    def stream(self) -> str:
        return f"offer-{self.offer_id}"


class OfferPublished(_OfOffer):
    """An offer can be referred to. `offer_id` is `<source>--<local id>`, as in data·inclusion."""

    name: Public[str]
    organisation: Public[str]
    themes: Public[tuple[str, ...]]
    status: Public[Status]
    min_age: Public[int]
    max_age: Public[int]
    departements: Public[tuple[Departement, ...]]
    seats: Public[int]
    answer_within_days: Public[int]


class SeatsChanged(_OfOffer):
    """Seats held and free after a decision; `held + free` is what was published."""

    held: Public[int]
    free: Public[int]
    because: Public[Literal["referral_made", "referral_declined", "referral_expired", "referral_cancelled"]]


class _OfReferral(OffersEvent):
    referral_id: Pseudonymous[UUID]
    person_id: Pseudonymous[PersonId]
    offer_id: Pseudonymous[str]

    @property
    def subject(self) -> str:
        return str(self.person_id)

    @property
    def stream(self) -> str:
        return f"referral-{self.referral_id}"


class ReferralMade(_OfReferral):
    """A young person is proposed to an offer, and a seat is held until the host answers or time runs out."""

    case_id: Pseudonymous[UUID]
    bilan_id: Pseudonymous[UUID]
    organisation: Pseudonymous[str]
    answer_by: Pseudonymous[date]


class ReferralAccepted(_OfReferral):
    """The host takes the young person; the seat stays held."""

    case_id: Pseudonymous[UUID]


class ReferralDeclined(_OfReferral):
    """The host says no, with a motive from a closed list; the seat is free again."""

    case_id: Pseudonymous[UUID]
    motive: Pseudonymous[DeclineMotive]


class ReferralExpired(_OfReferral):
    """The host did not answer in time; the seat is free again."""

    case_id: Pseudonymous[UUID]


class ReferralCancelled(_OfReferral):
    """The ground of the referral is gone; the seat is free again and the host is told."""

    case_id: Pseudonymous[UUID]
    reason: Pseudonymous[CancelReason]


type OfferEvent = OfferPublished | SeatsChanged
type ReferralEvent = ReferralMade | ReferralAccepted | ReferralDeclined | ReferralExpired | ReferralCancelled

EVENTS: tuple[type[Event], ...] = (
    OfferPublished, SeatsChanged,
    ReferralMade, ReferralAccepted, ReferralDeclined, ReferralExpired, ReferralCancelled,
)  # fmt: skip
