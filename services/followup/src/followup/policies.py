"""What is asked when something is heard: a case for a dropout, its end for a withdrawal, a solution for an acceptance."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from contracts.intake import DropoutDetected, DropoutWithdrawn
from contracts.offers import ReferralAccepted
from followup.domain.commands import CloseCase, EnterSolution, OpenCase, ReopenCase


def case_id_of(detection_id: UUID) -> UUID:
    """One case per detection, but for one that was made again after a link was undone: that is of the first one's case."""
    return uuid5(detection_id, "case")


def case_of(event: DropoutDetected | DropoutWithdrawn) -> UUID:
    return case_id_of(event.again_of or event.detection_id)


def when_dropout_detected_then_open_case(event: DropoutDetected) -> Sequence[OpenCase | ReopenCase]:
    asked = OpenCase if event.again_of is None else ReopenCase
    return [
        asked(
            case_id=case_of(event), person_id=event.person_id, detection_id=event.detection_id, flags=event.flags,
            departement=event.departement,
        )
    ]  # fmt: skip


def when_dropout_withdrawn_then_close_case(event: DropoutWithdrawn) -> Sequence[CloseCase]:
    return [CloseCase(case_id=case_of(event), motive="erased" if event.reason == "erased" else "dropout_withdrawn")]


def when_referral_accepted_then_enter_solution(event: ReferralAccepted) -> Sequence[EnterSolution]:
    return [EnterSolution(case_id=event.case_id, referral_id=event.referral_id, offer_id=event.offer_id)]
