"""What is decided about one detection's transmissions, knowing its own past and who is designated in the territory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid5

from chassis.decider import Decider, Refused
from chassis.paris import legal_date
from contracts.transmission import (
    CoordinatesTransmitted,
    DesignationEnded,
    DesignationEvent,
    RecipientClass,
    RecipientDesignated,
    RefusalReason,
    TransmissionAcknowledged,
    TransmissionDue,
    TransmissionRecalled,
    TransmissionRefused,
    TransmissionsEvent,
    TransmissionUnroutable,
)
from transmission.domain import designations, transmissions
from transmission.domain.designations import Designation, Territory
from transmission.domain.recipients import RoutingRule, classes_owed, designated, fields_owed, legal_basis_of
from transmission.domain.transmissions import (
    AcknowledgeTransmission,
    DecideRecipients,
    NeverSent,
    Owed,
    RecallTransmissions,
    RefuseTransmission,
    SendCoordinates,
    Sent,
    TransmissionCommand,
    Transmissions,
)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The two pasts that a decision needs; the territory is empty where the command does not ask for it."""

    territory: Territory = ()
    transmissions: Transmissions = field(default_factory=Transmissions)


type LedgerEvent = TransmissionsEvent | DesignationEvent
type LedgerDecider = Decider[TransmissionCommand, Ledger, LedgerEvent]


def decider(rule: RoutingRule) -> LedgerDecider:
    """The decider under one version of the routing rule."""

    def decide(ledger: Ledger, command: TransmissionCommand) -> Sequence[LedgerEvent]:
        match command:
            case DecideRecipients():
                return _decide_recipients(ledger, command, rule)
            case SendCoordinates():
                return _send(ledger, command)
            case AcknowledgeTransmission():
                return _acknowledge(ledger, command)
            case RefuseTransmission():
                return _refuse(ledger, command)
            case RecallTransmissions():
                return _recall(ledger, command)

    return Decider(initial=Ledger(), evolve=evolve, decide=decide, streams=_streams)


def evolve(ledger: Ledger, event: LedgerEvent) -> Ledger:
    match event:
        case RecipientDesignated() | DesignationEnded():
            return replace(ledger, territory=designations.evolve(ledger.territory, event))
        case (
            TransmissionDue() | TransmissionUnroutable() | CoordinatesTransmitted()
            | TransmissionAcknowledged() | TransmissionRefused() | TransmissionRecalled()
        ):  # fmt: skip
            return replace(ledger, transmissions=transmissions.evolve(ledger.transmissions, event))


def _streams(command: TransmissionCommand) -> tuple[str, ...]:
    own = f"transmissions-{command.detection_id}"
    match command:
        case DecideRecipients(departement=departement) | SendCoordinates(departement=departement):
            return (own, f"designations-{departement}")
        case AcknowledgeTransmission() | RefuseTransmission() | RecallTransmissions():
            return (own,)


def _decide_recipients(ledger: Ledger, command: DecideRecipients, rule: RoutingRule) -> list[LedgerEvent]:
    if ledger.transmissions.decided:
        return []
    decided: list[LedgerEvent] = []
    told: set[str] = set()
    for recipient_class in classes_owed(command.flags):
        found = designated(ledger.territory, recipient_class, command.at)
        if not found:
            decided.append(_unroutable(command, recipient_class))
        decided.extend(_due(command, one, rule) for one in found if one.recipient_id not in told)
        told |= {one.recipient_id for one in found}
    return decided


def _due(command: DecideRecipients, to: Designation, rule: RoutingRule) -> TransmissionDue:
    return TransmissionDue(
        person_id=command.person_id,
        detection_id=command.detection_id,
        transmission_id=transmission_id_of(command.detection_id, to.recipient_id),
        recipient_id=to.recipient_id,
        recipient_class=to.recipient_class,
        designation_id=to.designation_id,
        legal_basis=legal_basis_of(command.flags),
        fields=fields_owed(command.flags, contact_known=command.contact_known, guardians_known=command.guardians_known),
        routing_rule=rule.name,
        due_by=legal_date(command.at) + timedelta(days=rule.due_within_days),
    )


def transmission_id_of(detection_id: UUID, recipient_id: str) -> UUID:
    """One sending per detection and recipient, whatever is asked twice."""
    return uuid5(detection_id, f"transmission {recipient_id}")


def _unroutable(command: DecideRecipients, recipient_class: RecipientClass) -> TransmissionUnroutable:
    return TransmissionUnroutable(
        person_id=command.person_id, detection_id=command.detection_id,
        recipient_class=recipient_class, departement=command.departement,
    )  # fmt: skip


def _send(ledger: Ledger, command: SendCoordinates) -> list[LedgerEvent]:
    match ledger.transmissions.get(command.transmission_id):
        case None:
            raise Refused("nothing is owed under this id")
        case Sent() | NeverSent():
            return []
        case Owed(due=due):
            if not _still_designated(ledger.territory, due, command):
                return [_refused(due, "designation_ended")]
            return [
                CoordinatesTransmitted(
                    person_id=due.person_id, detection_id=due.detection_id, transmission_id=due.transmission_id,
                    recipient_id=due.recipient_id, designation_id=due.designation_id, legal_basis=due.legal_basis,
                    fields=due.fields, encrypted_sha256=command.encrypted_sha256,
                )
            ]  # fmt: skip


def _still_designated(territory: Territory, due: TransmissionDue, command: SendCoordinates) -> bool:
    return any(one.designation_id == due.designation_id and one.in_force(command.at) for one in territory)


def _acknowledge(ledger: Ledger, command: AcknowledgeTransmission) -> list[LedgerEvent]:
    sent = _sent_to(ledger, command)
    if sent.acknowledged:
        return []
    if sent.refused:
        raise Refused("this transmission was refused by its recipient")
    return [
        TransmissionAcknowledged(
            person_id=sent.due.person_id, detection_id=sent.due.detection_id,
            transmission_id=command.transmission_id, recipient_id=command.recipient_id,
        )
    ]  # fmt: skip


def _refuse(ledger: Ledger, command: RefuseTransmission) -> list[LedgerEvent]:
    sent = _sent_to(ledger, command)
    if sent.refused:
        return []
    if sent.acknowledged:
        raise Refused("this transmission was acknowledged by its recipient")
    return [_refused(sent.due, command.reason)]


def _sent_to(ledger: Ledger, command: AcknowledgeTransmission | RefuseTransmission) -> Sent:
    """The sending that its own recipient speaks of; another's is as unknown to it as one that never was."""
    match ledger.transmissions.get(command.transmission_id):
        case Sent() as sent if sent.due.recipient_id == command.recipient_id:
            return sent
        case _:
            raise Refused("no such transmission was sent to this recipient")


def _recall(ledger: Ledger, command: RecallTransmissions) -> list[LedgerEvent]:
    """Whoever was told is told again; what was not sent never will be."""
    told_again: list[LedgerEvent] = []
    for transmission_id, transmission in ledger.transmissions.by_id:
        match transmission:
            case Sent(recalled=False, due=due):
                told_again.append(
                    TransmissionRecalled(
                        person_id=due.person_id, detection_id=due.detection_id, transmission_id=transmission_id,
                        recipient_id=due.recipient_id, reason=command.reason,
                    )
                )  # fmt: skip
            case Owed(due=due):
                told_again.append(_refused(due, "dropout_withdrawn"))
            case Sent() | NeverSent():
                continue
    return told_again


def _refused(due: TransmissionDue, reason: RefusalReason | Literal["designation_ended", "dropout_withdrawn"]) -> TransmissionRefused:
    return TransmissionRefused(
        person_id=due.person_id, detection_id=due.detection_id, transmission_id=due.transmission_id,
        recipient_id=due.recipient_id, reason=reason,
    )  # fmt: skip
