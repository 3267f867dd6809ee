"""What became of each referral? One row per referral."""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.offers import ReferralAccepted, ReferralCancelled, ReferralDeclined, ReferralEvent, ReferralExpired, ReferralMade
from offers.domain.referral import Status


@dataclass(frozen=True, kw_only=True)
class ReferralRow:
    referral_id: UUID
    case_id: UUID
    person_id: UUID
    offer_id: str
    organisation: str
    answer_by: date
    status: Status


def key(event: ReferralEvent) -> UUID:
    return event.referral_id


def apply(row: ReferralRow | None, heard: Heard[ReferralEvent]) -> ReferralRow | None:
    match heard.event:
        case ReferralMade() as made:
            return ReferralRow(
                referral_id=made.referral_id, case_id=made.case_id, person_id=made.person_id, offer_id=made.offer_id,
                organisation=made.organisation, answer_by=made.answer_by, status="pending",
            )  # fmt: skip
        case ReferralAccepted():
            return row and replace(row, status="accepted")
        case ReferralDeclined():
            return row and replace(row, status="declined")
        case ReferralExpired():
            return row and replace(row, status="expired")
        case ReferralCancelled():
            return row and replace(row, status="cancelled")


REFERRALS = Projection(
    table="referrals", row=ReferralRow, key_column="referral_id",
    hears=(ReferralMade, ReferralAccepted, ReferralDeclined, ReferralExpired, ReferralCancelled), key=key, apply=apply,
)  # fmt: skip
