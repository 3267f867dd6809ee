"""What became of each referral? One row per referral."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.offers import ReferralAccepted, ReferralCancelled, ReferralDeclined, ReferralEvent, ReferralExpired, ReferralMade


@dataclass(frozen=True, kw_only=True)
class ReferralRow:
    referral_id: UUID
    person_id: UUID
    case_id: UUID
    offer_id: str
    organisation: str
    answer_by: date
    status: Literal["pending", "accepted", "declined", "expired", "cancelled"] = "pending"
    motive: str | None = None


def key(event: ReferralEvent) -> UUID:
    return event.referral_id


def apply(row: ReferralRow | None, heard: Heard[ReferralEvent]) -> ReferralRow | None:
    match heard.event:
        case ReferralMade() as made:
            return ReferralRow(
                referral_id=made.referral_id, person_id=made.person_id, case_id=made.case_id, offer_id=made.offer_id,
                organisation=made.organisation, answer_by=made.answer_by,
            )  # fmt: skip
        case ReferralAccepted():
            return row and replace(row, status="accepted")
        case ReferralDeclined(motive=motive):
            return row and replace(row, status="declined", motive=motive)
        case ReferralExpired():
            return row and replace(row, status="expired")
        case ReferralCancelled(reason=reason):
            return row and replace(row, status="cancelled", motive=reason)


REFERRALS = Projection(
    table="referrals", row=ReferralRow, key_column="referral_id",
    hears=(ReferralMade, ReferralAccepted, ReferralDeclined, ReferralExpired, ReferralCancelled), key=key, apply=apply,
)  # fmt: skip
