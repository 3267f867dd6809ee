"""The composition root of followup: the only file that sees everything."""

from chassis.handler import Handler
from chassis.service import Basics, Parts
from chassis.subscription import Subscription
from contracts.followup import CaseEvent, CaseOpened, CoordinatesConsulted
from contracts.intake import DropoutDetected, DropoutWithdrawn
from contracts.offers import ReferralAccepted
from followup.api import Desk, routes
from followup.deadlines import ACTOR, Ringing, deadlines_of
from followup.domain.case import CASE, Case
from followup.domain.commands import CaseCommand, CloseCase, EnterSolution, OpenCase, ReopenCase
from followup.domain.consultation import CONSULTATIONS, ConsultCoordinates
from followup.policies import (
    when_dropout_detected_then_open_case,
    when_dropout_withdrawn_then_close_case,
    when_referral_accepted_then_enter_solution,
)
from followup.projections.cases import CASES
from followup.projections.coordinates import COORDINATES


class KeyringMissing(RuntimeError):
    """Nobody can be called without the keys of identity, contact and guardians."""


def build(basics: Basics) -> Parts:
    """Everything that followup is made of.

    Raises:
        KeyringMissing: the settings name no keyring.
    """
    if basics.keyring is None:
        raise KeyringMissing("set KEYRING_DSN and KEYRING_MASTER_KEYS_FILE")
    cases = Handler[CaseCommand, Case, CaseEvent](
        decider=CASE, store=basics.store, pool=basics.app, committed=basics.wake, timers=deadlines_of
    )
    consultations = Handler[ConsultCoordinates, None, CoordinatesConsulted](
        decider=CONSULTATIONS, store=basics.store, pool=basics.app, committed=basics.wake
    )
    return Parts(
        subscription=Subscription(
            consumer="followup",
            actor=ACTOR,
            speakers=("intake", "offers", "followup"),
            projections=(CASES, COORDINATES),
            policies={
                DropoutDetected: (when_dropout_detected_then_open_case,),
                DropoutWithdrawn: (when_dropout_withdrawn_then_close_case,),
                ReferralAccepted: (when_referral_accepted_then_enter_solution,),
            },
            handlers={OpenCase: cases, ReopenCase: cases, CloseCase: cases, EnterSolution: cases},
            needs={ReferralAccepted: CaseOpened},
        ),
        routers=(routes(Desk(pool=basics.app, cases=cases, consultations=consultations, keyring=basics.keyring)),),
        ring=Ringing(handler=cases),
    )
