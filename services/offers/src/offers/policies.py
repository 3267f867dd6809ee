"""What is asked when something is heard: a closed case ends its referrals, a referral that ended frees its seat."""

from collections.abc import Sequence

from contracts.followup import CaseClosed
from contracts.offers import CancelReason, ReferralCancelled, ReferralDeclined, ReferralExpired
from offers.domain.commands import CancelReferrals, FreeSeat


def when_case_closed_then_cancel_referrals(event: CaseClosed) -> Sequence[CancelReferrals]:
    reason: CancelReason = "dropout_withdrawn" if event.motive == "dropout_withdrawn" else "case_closed"
    return [CancelReferrals(case_id=event.case_id, reason=reason)]


def when_referral_declined_then_free_seat(event: ReferralDeclined) -> Sequence[FreeSeat]:
    return [FreeSeat(offer_id=event.offer_id, because="referral_declined")]


def when_referral_expired_then_free_seat(event: ReferralExpired) -> Sequence[FreeSeat]:
    return [FreeSeat(offer_id=event.offer_id, because="referral_expired")]


def when_referral_cancelled_then_free_seat(event: ReferralCancelled) -> Sequence[FreeSeat]:
    return [FreeSeat(offer_id=event.offer_id, because="referral_cancelled")]
