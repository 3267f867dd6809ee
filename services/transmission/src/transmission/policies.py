"""What is asked when something is heard: recipients for a dropout, a recall for a withdrawal."""

from collections.abc import Sequence
from datetime import datetime

from contracts.intake import DropoutDetected, DropoutWithdrawn
from transmission.domain.transmissions import DecideRecipients, RecallTransmissions


def when_dropout_detected_then_decide_recipients(event: DropoutDetected, recorded: datetime) -> Sequence[DecideRecipients]:
    """Those in force when the detection was recorded are owed it."""
    return [
        DecideRecipients(
            person_id=event.person_id, detection_id=event.detection_id, departement=event.departement, flags=event.flags,
            contact_known=event.contact is not None, guardians_known=event.guardians is not None, at=recorded,
        )
    ]  # fmt: skip


def when_dropout_withdrawn_then_recall_transmissions(event: DropoutWithdrawn) -> Sequence[RecallTransmissions]:
    return [RecallTransmissions(person_id=event.person_id, detection_id=event.detection_id, reason=event.reason)]
