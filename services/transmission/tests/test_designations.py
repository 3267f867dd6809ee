"""The rule book of designations: who may be named for a territory, and when it ends."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from chassis.testing import given
from contracts.transmission import DesignationEnded, RecipientClass, RecipientDesignated
from transmission.domain.designations import DESIGNATIONS, DesignateRecipient, EndDesignation, evolve

FIRST, SECOND = UUID(int=1), UUID(int=2)
JANUARY, JUNE, DECEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 6, 12))
INSTANT = timedelta(microseconds=1)


def named(
    designation_id: UUID = FIRST,
    *,
    to: str = "ml-rennes",
    recipient_class: RecipientClass = "mission_locale",
    departement: str = "35",
    valid_from: datetime = JANUARY,
    valid_to: datetime | None = None,
) -> RecipientDesignated:
    return RecipientDesignated(
        designation_id=designation_id, departement=departement, recipient_id=to, recipient_class=recipient_class,
        designated_by="region-bretagne", valid_from=valid_from, valid_to=valid_to, public_key="{}",
    )  # fmt: skip


def designate(designation: RecipientDesignated) -> DesignateRecipient:
    return DesignateRecipient(designation=designation)


def end(designation_id: UUID, at: datetime) -> EndDesignation:
    return EndDesignation(departement="35", designation_id=designation_id, ended_at=at)


def ended(designation_id: UUID, at: datetime) -> DesignationEnded:
    return DesignationEnded(departement="35", designation_id=designation_id, ended_at=at)


def test_a_recipient_is_designated_for_a_territory_and_a_period() -> None:
    given(DESIGNATIONS).when(designate(named())).then(named())


def test_the_same_designation_twice_is_one() -> None:
    given(DESIGNATIONS, named()).when(designate(named())).then_nothing()


def test_a_known_designation_cannot_be_given_other_terms() -> None:
    given(DESIGNATIONS, named()).when(designate(named(valid_to=JUNE))).then_refused(
        "this designation exists with other terms; end it and make another"
    )


@pytest.mark.parametrize(
    ("valid_from", "valid_to"), [(JANUARY, None), (JANUARY - timedelta(days=9), JANUARY + INSTANT), (JUNE - INSTANT, DECEMBER)]
)
def test_two_missions_locales_are_never_competent_at_the_same_instant(valid_from: datetime, valid_to: datetime | None) -> None:
    given(DESIGNATIONS, named(valid_to=JUNE)).when(
        designate(named(SECOND, to="ml-fougeres", valid_from=valid_from, valid_to=valid_to))
    ).then_refused("another mission locale is competent for this département in that period")


def test_a_mission_locale_may_follow_another_from_the_first_instant_out() -> None:
    follower = named(SECOND, to="ml-fougeres", valid_from=JUNE)
    given(DESIGNATIONS, named(valid_to=JUNE)).when(designate(follower)).then(follower)


def test_a_mission_locale_may_take_over_where_another_was_ended() -> None:
    follower = named(SECOND, to="ml-fougeres", valid_from=JUNE)
    given(DESIGNATIONS, named(), ended(FIRST, JUNE)).when(designate(follower)).then(follower)


def test_several_bodies_may_be_designated_together() -> None:
    body = named(SECOND, to="cio-rennes", recipient_class="designated_body")
    given(DESIGNATIONS, named(to="psad-35", recipient_class="designated_body")).when(designate(body)).then(body)


def test_one_recipient_is_not_designated_twice_at_the_same_instant() -> None:
    given(DESIGNATIONS, named(recipient_class="designated_body")).when(designate(named(SECOND))).then_refused(
        "this recipient is already designated for this département in that period"
    )


def test_a_designation_must_end_after_it_begins() -> None:
    given(DESIGNATIONS).when(designate(named(valid_to=JANUARY))).then_refused("a designation must end after it begins")


def test_a_designation_ends_before_its_term() -> None:
    given(DESIGNATIONS, named(valid_to=DECEMBER)).when(end(FIRST, JUNE)).then(ended(FIRST, JUNE))


def test_ending_twice_at_the_same_instant_is_ending_once() -> None:
    given(DESIGNATIONS, named(), ended(FIRST, JUNE)).when(end(FIRST, JUNE)).then_nothing()


def test_what_was_never_designated_cannot_end() -> None:
    given(DESIGNATIONS, named()).when(end(SECOND, JUNE)).then_refused("there is no such designation in this département")


def test_a_designation_cannot_end_before_it_begins() -> None:
    given(DESIGNATIONS, named()).when(end(FIRST, JANUARY - INSTANT)).then_refused("a designation cannot end before it begins")


def test_ending_does_not_prolong() -> None:
    given(DESIGNATIONS, named(valid_to=JUNE)).when(end(FIRST, DECEMBER)).then_refused(
        "a designation cannot be prolonged; make another from its term on"
    )


@pytest.mark.parametrize(("at", "in_force"), [(JANUARY - INSTANT, False), (JANUARY, True), (JUNE - INSTANT, True), (JUNE, False)])
def test_a_designation_is_in_force_from_its_first_instant_until_before_its_first_instant_out(at: datetime, in_force: bool) -> None:
    (designation,) = evolve((), named(valid_to=JUNE))
    assert designation.in_force(at) is in_force


def test_an_ended_designation_is_out_of_force_from_that_instant() -> None:
    (designation,) = evolve(evolve((), named()), ended(FIRST, JUNE))
    assert (designation.in_force(JUNE - INSTANT), designation.in_force(JUNE)) == (True, False)
