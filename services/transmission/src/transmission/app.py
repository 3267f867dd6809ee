"""The composition root of transmission: the only file that sees everything."""

from chassis.handler import Handler
from chassis.service import Basics, Parts
from chassis.subscription import Subscription
from contracts.intake import DropoutDetected, DropoutWithdrawn
from contracts.transmission import DesignationEvent
from transmission.api import Desk, routes
from transmission.domain.decisions import Ledger, LedgerEvent, decider
from transmission.domain.designations import DESIGNATIONS as DESIGNATING
from transmission.domain.designations import DesignationCommand, Territory
from transmission.domain.recipients import RoutingRule
from transmission.domain.transmissions import DecideRecipients, RecallTransmissions, TransmissionCommand
from transmission.policies import when_dropout_detected_then_decide_recipients, when_dropout_withdrawn_then_recall_transmissions
from transmission.projections.coordinates import COORDINATES
from transmission.projections.designations import DESIGNATIONS
from transmission.projections.ledger import LEDGER
from transmission.projections.unroutable import UNROUTABLE
from transmission.sending import ACTOR, Sender, still_due

ROUTING_RULE = RoutingRule()


class KeyringMissing(RuntimeError):
    """Nothing can be sent without the keys of identity, contact and guardians."""


def build(basics: Basics) -> Parts:
    """Everything that transmission is made of.

    Raises:
        KeyringMissing: the settings name no keyring.
    """
    if basics.keyring is None:
        raise KeyringMissing("set KEYRING_DSN and KEYRING_MASTER_KEYS_FILE (classes identity, contact, guardians)")
    ledger = Handler[TransmissionCommand, Ledger, LedgerEvent](
        decider=decider(ROUTING_RULE), store=basics.store, pool=basics.app, committed=basics.wake
    )
    designations = Handler[DesignationCommand, Territory, DesignationEvent](
        decider=DESIGNATING, store=basics.store, pool=basics.app, committed=basics.wake
    )
    sender = Sender(pool=basics.app, handler=ledger, keyring=basics.keyring, clock=basics.clock)
    return Parts(
        subscription=Subscription(
            consumer="transmission",
            actor=ACTOR,
            speakers=("intake", "transmission"),
            projections=(DESIGNATIONS, COORDINATES, LEDGER, UNROUTABLE),
            policies={DropoutWithdrawn: (when_dropout_withdrawn_then_recall_transmissions,)},
            dated_policies={DropoutDetected: (when_dropout_detected_then_decide_recipients,)},
            handlers={DecideRecipients: ledger, RecallTransmissions: ledger},
        ),
        routers=(routes(Desk(pool=basics.app, designations=designations, ledger=ledger)),),
        workers=(sender.run,),
        pending=still_due,
    )
