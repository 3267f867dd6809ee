"""The composition root of transmission: the only file that sees everything."""

from chassis.event_store import Connection
from chassis.handler import Handler
from chassis.service import Basics, Parts
from chassis.subscription import Subscription
from contracts.intake import DropoutDetected, DropoutWithdrawn
from contracts.transmission import DesignationEvent, ReturnInformationSent
from transmission.api import Desk, routes
from transmission.domain.decisions import Ledger, LedgerEvent, decider
from transmission.domain.designations import DESIGNATIONS as DESIGNATING
from transmission.domain.designations import DesignationCommand, Territory
from transmission.domain.recipients import RoutingRule
from transmission.domain.returns import RETURNS as RETURNING
from transmission.domain.returns import ReturnRule, Returns, SendReturn
from transmission.domain.transmissions import DecideRecipients, RecallTransmissions, TransmissionCommand
from transmission.policies import when_dropout_detected_then_decide_recipients, when_dropout_withdrawn_then_recall_transmissions
from transmission.projections.coordinates import COORDINATES
from transmission.projections.designations import DESIGNATIONS
from transmission.projections.destinations import DESTINATIONS
from transmission.projections.exits import EXITS
from transmission.projections.ledger import LEDGER
from transmission.projections.offer_kinds import OFFER_KINDS
from transmission.projections.origins import ORIGINS
from transmission.projections.returns import RETURNS
from transmission.projections.sent_lists import SENT_LISTS
from transmission.projections.unroutable import UNROUTABLE
from transmission.return_routes import return_routes
from transmission.returning import Returning
from transmission.sending import ACTOR, Sender, still_due

ROUTING_RULE = RoutingRule()
RETURN_RULE = ReturnRule()
PROJECTIONS = (
    DESIGNATIONS, COORDINATES, LEDGER, UNROUTABLE,
    ORIGINS, EXITS, SENT_LISTS, DESTINATIONS, OFFER_KINDS, RETURNS,
)  # fmt: skip


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
    returns = Handler[SendReturn, Returns, ReturnInformationSent](
        decider=RETURNING, store=basics.store, pool=basics.app, committed=basics.wake
    )
    returning = Returning(pool=basics.app, handler=returns, keyring=basics.keyring, clock=basics.clock, rule=RETURN_RULE)

    async def pending(connection: Connection) -> int:
        return await still_due(connection) + await returning.still_due(connection)

    return Parts(
        subscription=Subscription(
            consumer="transmission",
            actor=ACTOR,
            speakers=("intake", "followup", "offers", "transmission"),
            projections=PROJECTIONS,
            policies={DropoutWithdrawn: (when_dropout_withdrawn_then_recall_transmissions,)},
            dated_policies={DropoutDetected: (when_dropout_detected_then_decide_recipients,)},
            handlers={DecideRecipients: ledger, RecallTransmissions: ledger},
        ),
        routers=(
            routes(Desk(pool=basics.app, designations=designations, ledger=ledger)),
            return_routes(basics.app, basics.keyring),
        ),
        workers=(sender.run, returning.run),
        pending=pending,
    )
