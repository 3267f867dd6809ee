"""Who is owed what, against a table written by hand from the two articles, which shares no code with the rule."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from chassis.testing import given
from contracts.intake import Flags
from contracts.transmission import (
    CoordinatesTransmitted,
    DesignationEnded,
    RecipientClass,
    RecipientDesignated,
    TransmissionDue,
    TransmissionUnroutable,
)
from transmission.domain.decisions import LedgerEvent, decider
from transmission.domain.recipients import RoutingRule
from transmission.domain.transmissions import DecideRecipients, SendCoordinates

PERSON, DETECTION = UUID(int=10), UUID(int=11)
JANUARY, MARCH, JUNE = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 6))
INSTANT = timedelta(microseconds=1)
LEDGER = decider(RoutingRule())


def named(
    number: int, to: str, recipient_class: RecipientClass, *, departement: str = "35", until: datetime | None = None
) -> RecipientDesignated:
    return RecipientDesignated(
        designation_id=UUID(int=number), departement=departement, recipient_id=to, recipient_class=recipient_class,
        designated_by="region-bretagne", valid_from=JANUARY, valid_to=until, public_key="{}",
    )  # fmt: skip


TERRITORY = (
    named(1, "psad-35", "designated_body"),
    named(2, "cio-35", "designated_body"),
    named(3, "ml-35", "mission_locale"),
    named(4, "psad-former", "designated_body", until=MARCH),
)


def decide(flags: Flags, at: datetime = MARCH, *, contact: bool = True, guardians: bool = True) -> DecideRecipients:
    return DecideRecipients(
        person_id=PERSON, detection_id=DETECTION, departement="35", flags=flags,
        contact_known=contact, guardians_known=guardians, at=at,
    )  # fmt: skip


def decided(*past: LedgerEvent, flags: Flags, at: datetime = MARCH, contact: bool = True, guardians: bool = True) -> list[LedgerEvent]:
    return list(given(LEDGER, *past).when(decide(flags, at, contact=contact, guardians=guardians)).events or ())


OWED_BY_FLAGS: dict[tuple[bool, bool], dict[str, str]] = {
    (True, True): {"psad-35": "L.313-7", "cio-35": "L.313-7", "ml-35": "L.313-7"},
    (True, False): {"psad-35": "L.313-7", "cio-35": "L.313-7", "ml-35": "L.313-7"},
    (False, True): {"ml-35": "L.114-1"},
    (False, False): {},
}


@pytest.mark.parametrize("flags", list(product((True, False), repeat=2)))
def test_the_flags_decide_who_is_owed_and_under_which_article(flags: tuple[bool, bool]) -> None:
    due = decided(*TERRITORY, flags=Flags(l313_7=flags[0], obligation_formation=flags[1]))
    assert {one.recipient_id: one.legal_basis for one in due if isinstance(one, TransmissionDue)} == OWED_BY_FLAGS[flags]
    assert len(due) == len(OWED_BY_FLAGS[flags])


@pytest.mark.parametrize(("at", "owed"), [(MARCH - INSTANT, True), (MARCH, False)])
def test_a_body_is_owed_nothing_from_its_first_instant_out(at: datetime, owed: bool) -> None:
    due = decided(*TERRITORY, flags=Flags(l313_7=True, obligation_formation=False), at=at)
    assert ("psad-former" in {one.recipient_id for one in due if isinstance(one, TransmissionDue)}) is owed


def test_a_recipient_is_owed_from_the_very_instant_of_its_designation() -> None:
    flags = Flags(l313_7=False, obligation_formation=True)
    mission_locale = named(3, "ml-35", "mission_locale")
    assert [type(one) for one in decided(mission_locale, flags=flags, at=JANUARY)] == [TransmissionDue]
    assert [type(one) for one in decided(mission_locale, flags=flags, at=JANUARY - INSTANT)] == [TransmissionUnroutable]


def test_where_nobody_is_designated_somebody_is_told_for_each_class_owed() -> None:
    found = decided(flags=Flags(l313_7=True, obligation_formation=False))
    assert [(type(one), one.recipient_class) for one in found if isinstance(one, TransmissionUnroutable)] == [
        (TransmissionUnroutable, "mission_locale"), (TransmissionUnroutable, "designated_body"),
    ]  # fmt: skip


def test_the_known_recipients_are_told_although_another_class_has_none() -> None:
    found = decided(named(3, "ml-35", "mission_locale"), flags=Flags(l313_7=True, obligation_formation=False))
    assert [type(one) for one in found] == [TransmissionDue, TransmissionUnroutable]


def test_legal_representatives_are_sent_of_minors_only() -> None:
    adult = decided(*TERRITORY, flags=Flags(l313_7=True, obligation_formation=False))
    minor = decided(*TERRITORY, flags=Flags(l313_7=False, obligation_formation=True))
    assert all("guardians" not in one.fields for one in adult if isinstance(one, TransmissionDue))
    assert [one.fields for one in minor if isinstance(one, TransmissionDue)] == [
        ("identity", "contact", "guardians", "last_uai", "last_formation", "exit_date", "flags")
    ]


def test_what_is_not_known_is_not_announced() -> None:
    (due,) = decided(*TERRITORY, flags=Flags(l313_7=False, obligation_formation=True), contact=False, guardians=False)
    assert isinstance(due, TransmissionDue)
    assert due.fields == ("identity", "last_uai", "last_formation", "exit_date", "flags")


def test_it_is_due_on_the_day_of_the_detection_in_paris() -> None:
    late_in_the_evening = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # already the first of April in Paris
    due = decided(*TERRITORY, flags=Flags(l313_7=False, obligation_formation=True), at=late_in_the_evening)
    assert [one.due_by for one in due if isinstance(one, TransmissionDue)] == [date(2026, 4, 1)]


def test_recipients_are_decided_once_for_a_detection() -> None:
    flags = Flags(l313_7=True, obligation_formation=False)
    once = decided(*TERRITORY, flags=flags)
    given(LEDGER, *once, *TERRITORY).when(decide(flags)).then_nothing()


def test_one_recipient_is_told_once_even_if_named_in_both_classes_one_after_the_other() -> None:
    body, then_mission_locale = named(1, "one-desk", "designated_body"), named(2, "one-desk", "mission_locale")
    due = decided(body, then_mission_locale, flags=Flags(l313_7=True, obligation_formation=False))
    assert [one.recipient_class for one in due if isinstance(one, TransmissionDue)] == ["mission_locale"]


def send(due: TransmissionDue, at: datetime) -> SendCoordinates:
    return SendCoordinates(
        person_id=PERSON, detection_id=DETECTION, transmission_id=due.transmission_id, departement="35",
        encrypted_sha256="0" * 64, at=at,
    )  # fmt: skip


@pytest.mark.parametrize(("at", "is_sent"), [(JUNE - INSTANT, True), (JUNE, False)])
def test_a_send_to_someone_not_designated_at_that_instant_is_refused(at: datetime, is_sent: bool) -> None:
    territory = (named(3, "ml-35", "mission_locale"), DesignationEnded(departement="35", designation_id=UUID(int=3), ended_at=JUNE))
    (due,) = decided(*territory, flags=Flags(l313_7=False, obligation_formation=True))
    assert isinstance(due, TransmissionDue)
    (event,) = given(LEDGER, due, *territory).when(send(due, at)).events or ()
    assert isinstance(event, CoordinatesTransmitted) is is_sent
    assert getattr(event, "reason", "sent") == ("sent" if is_sent else "designation_ended")
