"""The rule book of offers, and their seats against a plain model over many drawn histories."""

from datetime import UTC, datetime
from functools import reduce
from uuid import UUID, uuid5

from hypothesis import given as drawn
from hypothesis import strategies as st

from chassis.decider import Refused
from chassis.testing import given
from contracts.offers import OfferPublished, SeatsChanged
from offers.domain.commands import AcceptReferral, CancelReferral, DeclineReferral, ExpireReferral, MakeReferral, PublishOffer
from offers.domain.decisions import SHELF, referral_id_of
from offers.domain.shelf import Shelf, ShelfEvent

OFFER = "catalogue--1"
published = OfferPublished(
    offer_id=OFFER, name="Chantier", organisation="asso", themes=(), status="stagiaire", min_age=16, max_age=25,
    departements=("44",), seats=3, answer_within_days=10,
)  # fmt: skip
one_held = SeatsChanged(offer_id=OFFER, held=1, free=2, because="referral_made")


def test_an_offer_is_published_once() -> None:
    given(SHELF).when(PublishOffer(offer=published)).then(published)
    given(SHELF, published).when(PublishOffer(offer=published)).then_nothing()


def test_seats_that_are_held_cannot_be_taken_away() -> None:
    fewer = published.model_copy(update={"seats": 0})
    given(SHELF, published, one_held).when(PublishOffer(offer=fewer)).then_refused("more seats are held than that")


def test_an_offer_stays_with_its_organisation() -> None:
    taken = published.model_copy(update={"organisation": "autre"})
    given(SHELF, published).when(PublishOffer(offer=taken)).then_refused("the offer is another organisation's")


ACTS = ("refer", "accept", "decline", "expire", "cancel")


@drawn(st.integers(0, 2), st.lists(st.tuples(st.integers(0, 3), st.sampled_from(ACTS)), max_size=40))
def test_seats_are_those_of_a_plain_model(seats: int, acts: list[tuple[int, str]]) -> None:
    """The model: per case the fate of its last referral and how many it had; a seat is held while that is pending or accepted."""
    past: list[ShelfEvent] = [published.model_copy(update={"seats": seats})]
    fate: dict[int, str] = {}
    count: dict[int, int] = {}
    for case, act in acts:
        events = decided(past, case, act, count.get(case, 0))
        holding = [one for one, last in fate.items() if last in {"pending", "accepted"}]
        if act == "refer" and case not in holding and len(holding) < seats and count.get(case, 0) < 12:
            fate[case], count[case] = "pending", count.get(case, 0) + 1
            assert events
        elif act == "accept" and fate.get(case) == "pending":
            fate[case] = "accepted"
        elif act in {"decline", "expire"} and fate.get(case) == "pending":
            fate[case] = act
        elif act == "cancel" and case in holding:
            fate[case] = "cancelled"
        else:
            assert not events
        past += events
        held = sum(last in {"pending", "accepted"} for last in fate.values())
        shelf = reduce(SHELF.evolve, past, SHELF.initial)
        assert (shelf.offers[OFFER].held, shelf.offers[OFFER].free) == (held, seats - held)


def decided(past: list[ShelfEvent], case: int, act: str, referrals: int) -> list[ShelfEvent]:
    """What the domain decides, with the streams of that case and the offer only."""
    case_id = uuid5(UUID(int=0), f"case {case}")
    referral = {"referral_id": referral_id_of(case_id, max(referrals - 1, 0)), "offer_id": OFFER}
    command = {
        "refer": MakeReferral(
            case_id=case_id,
            person_id=case_id,
            offer_id=OFFER,
            bilan_id=case_id,
            age=18,
            search_area=("44",),
            at=datetime(2026, 2, 1, tzinfo=UTC),
        ),
        "accept": AcceptReferral(**referral),
        "decline": DeclineReferral(**referral, motive="other"),
        "expire": ExpireReferral(**referral),
        "cancel": CancelReferral(case_id=case_id, reason="dropout_withdrawn", offer_ids=(OFFER,)),
    }[act]
    wanted = set(SHELF.streams(command))
    state: Shelf = reduce(SHELF.evolve, [event for event in past if event.stream in wanted], SHELF.initial)
    try:
        return list(SHELF.decide(state, command))
    except Refused:
        return []
