"""What transmission shows, folded from events alone; what hearing asks."""

from datetime import UTC, date, datetime
from functools import reduce
from uuid import UUID

from chassis.testing import heard
from contracts.fields import Sealed
from contracts.intake import DropoutDetected, DropoutWithdrawn, Flags
from contracts.transmission import (
    CoordinatesTransmitted,
    DesignationEnded,
    RecipientDesignated,
    TransmissionAcknowledged,
    TransmissionDue,
    TransmissionRecalled,
    TransmissionRefused,
    TransmissionUnroutable,
)
from transmission.domain.transmissions import DecideRecipients, RecallTransmissions
from transmission.policies import when_dropout_detected_then_decide_recipients, when_dropout_withdrawn_then_recall_transmissions
from transmission.projections import coordinates, designations, ledger, unroutable

NOW = datetime(2026, 2, 1, 8, tzinfo=UTC)
PERSON, DETECTION, SENDING = UUID(int=30), UUID(int=31), UUID(int=32)
TOKEN = "v1.identity." + "A" * 40
IDS = {"person_id": PERSON, "detection_id": DETECTION, "transmission_id": SENDING, "recipient_id": "ml-35"}

detected = DropoutDetected(
    person_id=PERSON, detection_id=DETECTION, rule="siei", rule_version=1, facts=(), coverage={"csv": 1},
    flags=Flags(l313_7=True, obligation_formation=False), reference_date=date(2026, 1, 31), age=18, majority_month="2025-09",
    departement="35", last_uai="0350001A", last_formation=None, exit_date=date(2026, 1, 10), identity=Sealed(TOKEN),
    contact=None, guardians=None,
)  # fmt: skip
withdrawn = DropoutWithdrawn(person_id=PERSON, detection_id=DETECTION, reason="enrolment_found", facts=())
due = TransmissionDue.model_validate(
    {
        **IDS, "recipient_class": "mission_locale", "designation_id": UUID(int=1), "legal_basis": "L.313-7",
        "fields": ("identity", "flags"), "routing_rule": "flags-and-territory.v1", "due_by": date(2026, 2, 1),
    }
)  # fmt: skip
sent = CoordinatesTransmitted.model_validate(
    {**IDS, "designation_id": UUID(int=1), "legal_basis": "L.313-7", "fields": ("identity",), "encrypted_sha256": "ab" * 32}
)
acknowledged = TransmissionAcknowledged.model_validate(IDS)
recalled = TransmissionRecalled.model_validate({**IDS, "reason": "enrolment_found"})
refused = TransmissionRefused.model_validate({**IDS, "reason": "not_ours"})


def shown(*events: ledger.LedgerEvent) -> ledger.TransmissionRow | None:
    return reduce(ledger.apply, [heard(event, NOW) for event in events], None)


def test_what_is_due_shows_who_is_owed_and_what_made_it_due() -> None:
    row = shown(due)
    assert row is not None
    assert (row.status, row.recipient_id, row.sent, row.due_at) == ("due", "ml-35", False, NOW)


def test_a_transmission_shows_what_became_of_it() -> None:
    states = [shown(due, sent), shown(due, sent, acknowledged), shown(due, sent, refused), shown(due, refused)]
    assert [(row.status, row.sent) for row in states if row] == [
        ("sent", True), ("acknowledged", True), ("refused", True), ("refused", False),
    ]  # fmt: skip


def test_a_recalled_transmission_still_shows_that_it_was_sent() -> None:
    row = shown(due, sent, acknowledged, recalled)
    assert row is not None
    assert (row.status, row.sent, row.recalled_for, row.recalled_at) == ("acknowledged", True, "enrolment_found", NOW)


def test_coordinates_stay_sealed_and_go_when_the_detection_is_withdrawn() -> None:
    row = coordinates.apply(None, heard(detected))
    assert row is not None
    assert (row.identity, row.contact, row.exit_date) == (TOKEN, None, date(2026, 1, 10))
    assert coordinates.apply(row, heard(withdrawn)) is None


def test_an_ended_designation_shows_its_new_term() -> None:
    named = RecipientDesignated(
        designation_id=UUID(int=1), departement="35", recipient_id="ml-35", recipient_class="mission_locale",
        designated_by="region-bretagne", valid_from=NOW, valid_to=None, public_key="{}",
    )  # fmt: skip
    ended = DesignationEnded(departement="35", designation_id=UUID(int=1), ended_at=NOW)
    row = designations.apply(designations.apply(None, heard(named)), heard(ended))
    assert row is not None
    assert (row.recipient_id, row.valid_to) == ("ml-35", NOW)


def test_what_has_no_recipient_shows_once_for_each_class() -> None:
    event = TransmissionUnroutable(person_id=PERSON, detection_id=DETECTION, recipient_class="designated_body", departement="35")
    assert unroutable.key(event) == f"{DETECTION} designated_body"
    row = unroutable.apply(None, heard(event))
    assert (row and row.departement) == "35"


def test_a_dropout_asks_who_is_owed_at_the_instant_at_which_it_was_recorded() -> None:
    (command,) = when_dropout_detected_then_decide_recipients(detected, NOW)
    assert command == DecideRecipients(
        person_id=PERSON, detection_id=DETECTION, departement="35", flags=detected.flags, contact_known=False,
        guardians_known=False, at=NOW,
    )  # fmt: skip


def test_a_withdrawal_asks_that_whoever_was_told_is_told_again() -> None:
    assert when_dropout_withdrawn_then_recall_transmissions(withdrawn) == [
        RecallTransmissions(person_id=PERSON, detection_id=DETECTION, reason="enrolment_found")
    ]
