"""What is asked when something is heard: the end of a referral when its case ends."""

from collections.abc import Sequence

from contracts.followup import CaseClosed
from contracts.offers import CancelReason
from offers.domain.commands import CancelReferral


def when_case_closed_then_cancel_referral(event: CaseClosed) -> Sequence[CancelReferral]:
    reason: CancelReason = "dropout_withdrawn" if event.motive in {"dropout_withdrawn", "erased"} else "case_closed"
    return [CancelReferral(case_id=event.case_id, reason=reason)]
