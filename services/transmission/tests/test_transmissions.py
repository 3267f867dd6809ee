"""The rule book of one detection's transmissions: sent once, answered by its recipient, recalled when withdrawn."""

from datetime import UTC, date, datetime
from uuid import UUID

from chassis.testing import given
from contracts.transmission import (
    CoordinatesTransmitted,
    RecipientDesignated,
    TransmissionAcknowledged,
    TransmissionDue,
    TransmissionRecalled,
    TransmissionRefused,
)
from transmission.domain.decisions import decider
from transmission.domain.recipients import RoutingRule
from transmission.domain.transmissions import AcknowledgeTransmission, RecallTransmissions, RefuseTransmission, SendCoordinates

LEDGER = decider(RoutingRule())
PERSON, DETECTION, SENDING, OTHER = (UUID(int=number) for number in (20, 21, 22, 23))
NOW = datetime(2026, 2, 1, tzinfo=UTC)
HASH = "ab" * 32

designated = RecipientDesignated(
    designation_id=UUID(int=1), departement="35", recipient_id="ml-35", recipient_class="mission_locale",
    designated_by="region-bretagne", valid_from=NOW, valid_to=None, public_key="{}",
)  # fmt: skip


def due(transmission_id: UUID = SENDING, to: str = "ml-35") -> TransmissionDue:
    return TransmissionDue(
        person_id=PERSON, detection_id=DETECTION, transmission_id=transmission_id, recipient_id=to,
        recipient_class="mission_locale", designation_id=UUID(int=1), legal_basis="L.114-1", fields=("identity", "flags"),
        routing_rule="flags-and-territory.v1", due_by=date(2026, 2, 1),
    )  # fmt: skip


def sent(transmission_id: UUID = SENDING, to: str = "ml-35") -> CoordinatesTransmitted:
    return CoordinatesTransmitted(
        person_id=PERSON, detection_id=DETECTION, transmission_id=transmission_id, recipient_id=to,
        designation_id=UUID(int=1), legal_basis="L.114-1", fields=("identity", "flags"), encrypted_sha256=HASH,
    )  # fmt: skip


def about(transmission_id: UUID = SENDING, to: str = "ml-35") -> dict[str, object]:
    return {"person_id": PERSON, "detection_id": DETECTION, "transmission_id": transmission_id, "recipient_id": to}


acknowledged = TransmissionAcknowledged.model_validate(about())
recalled = TransmissionRecalled.model_validate({**about(), "reason": "enrolment_found"})
not_ours = TransmissionRefused.model_validate({**about(), "reason": "not_ours"})
withdrawn_first = TransmissionRefused.model_validate({**about(), "reason": "dropout_withdrawn"})

send = SendCoordinates(person_id=PERSON, detection_id=DETECTION, transmission_id=SENDING, departement="35", encrypted_sha256=HASH, at=NOW)
acknowledge = AcknowledgeTransmission(detection_id=DETECTION, transmission_id=SENDING, recipient_id="ml-35")
refuse = RefuseTransmission(detection_id=DETECTION, transmission_id=SENDING, recipient_id="ml-35", reason="not_ours")
recall = RecallTransmissions(person_id=PERSON, detection_id=DETECTION, reason="enrolment_found")


def test_what_is_due_is_sent_to_a_recipient_in_force_with_the_hash_of_the_bytes() -> None:
    given(LEDGER, designated, due()).when(send).then(sent())


def test_what_was_sent_is_not_sent_again() -> None:
    given(LEDGER, designated, due(), sent()).when(send).then_nothing()


def test_what_is_not_owed_is_not_sent() -> None:
    given(LEDGER, designated).when(send).then_refused("nothing is owed under this id")


def test_a_withdrawn_detection_is_not_sent_any_more() -> None:
    given(LEDGER, designated, due(), withdrawn_first).when(send).then_nothing()


def test_the_recipient_acknowledges_what_was_sent() -> None:
    given(LEDGER, due(), sent()).when(acknowledge).then(acknowledged)


def test_acknowledging_twice_is_acknowledging_once() -> None:
    given(LEDGER, due(), sent(), acknowledged).when(acknowledge).then_nothing()


def test_nobody_acknowledges_what_was_not_sent() -> None:
    given(LEDGER, due()).when(acknowledge).then_refused("no such transmission was sent to this recipient")


def test_nobody_answers_for_another_recipient() -> None:
    given(LEDGER, due(to="psad-35"), sent(to="psad-35")).when(acknowledge).then_refused("no such transmission was sent to this recipient")


def test_the_recipient_refuses_and_says_why() -> None:
    given(LEDGER, due(), sent()).when(refuse).then(not_ours)


def test_what_was_acknowledged_cannot_be_refused_nor_the_reverse() -> None:
    given(LEDGER, due(), sent(), acknowledged).when(refuse).then_refused("this transmission was acknowledged by its recipient")
    given(LEDGER, due(), sent(), not_ours).when(acknowledge).then_refused("this transmission was refused by its recipient")


def test_each_recipient_that_was_told_is_told_again_when_the_detection_is_withdrawn() -> None:
    again = TransmissionRecalled.model_validate({**about(OTHER, "psad-35"), "reason": "enrolment_found"})
    given(LEDGER, due(), due(OTHER, "psad-35"), sent(), sent(OTHER, "psad-35"), acknowledged).when(recall).then(recalled, again)


def test_what_was_not_sent_yet_never_will_be_once_the_detection_is_withdrawn() -> None:
    given(LEDGER, due()).when(recall).then(withdrawn_first)


def test_nobody_is_told_again_twice() -> None:
    given(LEDGER, due(), sent(), recalled).when(recall).then_nothing()


def test_withdrawing_what_nobody_was_told_changes_nothing() -> None:
    given(LEDGER).when(recall).then_nothing()


def test_a_recalled_transmission_can_still_be_acknowledged_by_who_holds_it() -> None:
    given(LEDGER, due(), sent(), recalled).when(acknowledge).then(acknowledged)
