"""The rule book of referrals: one of a case at a time, each with a seat, answered once, ended with its ground."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid5

import pytest

from chassis.testing import given
from contracts.followup import CaseClosed, ClosingMotive
from contracts.offers import (
    OfferPublished,
    ReferralAccepted,
    ReferralCancelled,
    ReferralDeclined,
    ReferralExpired,
    ReferralMade,
    SeatsChanged,
)
from offers.domain.commands import AcceptReferral, CancelReferral, DeclineReferral, ExpireReferral, MakeReferral
from offers.domain.decisions import MOST_REFERRALS, SHELF, referral_id_of
from offers.policies import when_case_closed_then_cancel_referral

CASE, PERSON, BILAN = (uuid5(UUID(int=0), name) for name in ("case", "person", "bilan"))
OFFER = "catalogue--1"
FIRST = referral_id_of(CASE, 0)

published = OfferPublished(
    offer_id=OFFER, name="Micro-lycée", organisation="lycee", themes=("retour à l'école",), status="scolaire", min_age=16, max_age=25,
    departements=("44", "49"), seats=2, answer_within_days=15,
)  # fmt: skip
REFER = {
    "case_id": CASE, "offer_id": OFFER, "person_id": PERSON, "bilan_id": BILAN, "age": 17, "search_area": ("44",),
    "at": datetime(2026, 2, 1, 9, tzinfo=UTC),
}  # fmt: skip
refer = MakeReferral(**REFER)
OF = {"referral_id": FIRST, "person_id": PERSON, "offer_id": OFFER, "case_id": CASE}
made = ReferralMade(**OF, bilan_id=BILAN, organisation="lycee", answer_by=date(2026, 2, 16))
accepted, expired = ReferralAccepted(**OF), ReferralExpired(**OF)
declined = ReferralDeclined(**OF, motive="not_eligible")
accept, expire = AcceptReferral(referral_id=FIRST, offer_id=OFFER), ExpireReferral(referral_id=FIRST, offer_id=OFFER)
decline = DeclineReferral(referral_id=FIRST, offer_id=OFFER, motive="not_eligible")


def seats(held: int, because: str) -> SeatsChanged:
    return SeatsChanged(offer_id=OFFER, held=held, free=2 - held, because=because)


held = seats(1, "referral_made")
PENDING = (published, held, made)


def test_a_referral_holds_a_seat_until_the_last_day_for_an_answer() -> None:
    given(SHELF, published).when(refer).then(made, held)


def test_no_referral_without_a_free_seat() -> None:
    given(SHELF, published, seats(2, "referral_made")).when(refer).then_refused("no seat is free")


def test_no_referral_to_an_offer_that_nobody_published() -> None:
    given(SHELF).when(refer).then_refused("there is no such offer")


@pytest.mark.parametrize(("age", "fits"), [(15, False), (16, True), (25, True), (26, False)])
def test_the_age_is_within_the_offers_bounds(age: int, fits: bool) -> None:
    asked = given(SHELF, published).when(MakeReferral(**{**REFER, "age": age}))
    asked.then(made, held) if fits else asked.then_refused("the offer is for another age")


def test_the_offer_lies_in_the_area_of_search() -> None:
    elsewhere = MakeReferral(**{**REFER, "search_area": ("85",)})
    given(SHELF, published).when(elsewhere).then_refused("the offer is outside the area that was searched for")


@pytest.mark.parametrize("past", [PENDING, (*PENDING, accepted)], ids=["pending", "accepted"])
def test_one_referral_of_a_case_at_a_time(past: tuple[ReferralMade, ...]) -> None:
    given(SHELF, *past).when(refer).then_refused("another referral of this case is under way")


@pytest.mark.parametrize("end", [declined, expired], ids=["declined", "expired"])
def test_after_an_end_the_next_referral_has_the_next_number(end: ReferralDeclined) -> None:
    freed = seats(0, "referral_declined")
    again = given(SHELF, *PENDING, end, freed).when(refer)
    again.then(made.model_copy(update={"referral_id": referral_id_of(CASE, 1)}), held)


def test_a_case_is_not_referred_without_end() -> None:
    past = [published]
    for number in range(MOST_REFERRALS):
        of = {**OF, "referral_id": referral_id_of(CASE, number)}
        past += [made.model_copy(update={"referral_id": of["referral_id"]}), ReferralExpired(**of)]
    given(SHELF, *past).when(refer).then_refused("the case was referred too often")


def test_an_accepted_referral_keeps_its_seat_and_accepting_again_changes_nothing() -> None:
    given(SHELF, *PENDING).when(accept).then(accepted)
    given(SHELF, *PENDING, accepted).when(accept).then_nothing()


def test_a_declined_referral_frees_its_seat_and_declining_again_changes_nothing() -> None:
    given(SHELF, *PENDING).when(decline).then(declined, seats(0, "referral_declined"))
    given(SHELF, *PENDING, declined, seats(0, "referral_declined")).when(decline).then_nothing()


def test_another_answer_after_the_first_is_refused() -> None:
    given(SHELF, *PENDING, accepted).when(decline).then_refused("the referral is not pending")
    given(SHELF, *PENDING, declined).when(accept).then_refused("the referral is not pending")
    given(SHELF, *PENDING, expired).when(accept).then_refused("the referral is not pending")


def test_only_a_pending_referral_expires_and_frees_its_seat() -> None:
    given(SHELF, *PENDING).when(expire).then(expired, seats(0, "referral_expired"))
    for end in (accepted, declined, expired):
        given(SHELF, *PENDING, end).when(expire).then_nothing()


@pytest.mark.parametrize("motive", ["dropout_withdrawn", "erased"])
def test_of_whoever_was_withdrawn_or_erased_the_accepted_seat_is_free_again(motive: ClosingMotive) -> None:
    (cancel,) = when_case_closed_then_cancel_referral(CaseClosed(case_id=CASE, person_id=PERSON, motive=motive))
    cancel = replace(cancel, offer_ids=(OFFER,))
    cancelled = ReferralCancelled(**OF, reason="dropout_withdrawn")
    given(SHELF, *PENDING, accepted).when(cancel).then(cancelled, seats(0, "referral_cancelled"))


def test_a_withdrawn_dropout_frees_even_an_accepted_seat_and_once() -> None:
    cancel = CancelReferral(case_id=CASE, reason="dropout_withdrawn", offer_ids=(OFFER,))
    cancelled, freed = ReferralCancelled(**OF, reason="dropout_withdrawn"), seats(0, "referral_cancelled")
    given(SHELF, *PENDING).when(cancel).then(cancelled, freed)
    given(SHELF, *PENDING, accepted).when(cancel).then(cancelled, freed)
    given(SHELF, *PENDING, accepted, cancelled, freed).when(cancel).then_nothing()


def test_a_case_closed_otherwise_ends_only_what_is_pending() -> None:
    cancel = CancelReferral(case_id=CASE, reason="case_closed", offer_ids=(OFFER,))
    given(SHELF, *PENDING).when(cancel).then(ReferralCancelled(**OF, reason="case_closed"), seats(0, "referral_cancelled"))
    given(SHELF, *PENDING, accepted).when(cancel).then_nothing()


def test_a_referral_nobody_made_cannot_be_answered() -> None:
    given(SHELF, published).when(accept).then_refused("the referral is not pending")
