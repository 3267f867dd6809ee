"""The composition root of offers: the only file that sees everything."""

from chassis.service import Basics, Parts
from chassis.subscription import Subscription
from contracts.followup import CaseClosed
from offers.api import Desk, routes
from offers.cancelling import Cancelling
from offers.deadlines import ACTOR, Ringing, deadlines_of
from offers.domain.commands import CancelReferral
from offers.domain.decisions import SHELF
from offers.policies import when_case_closed_then_cancel_referral
from offers.projections.cases import CASES
from offers.projections.offers import OFFERS
from offers.projections.referrals import REFERRALS


def build(basics: Basics) -> Parts:
    """Everything that offers is made of."""
    handler = Cancelling(decider=SHELF, store=basics.store, pool=basics.app, committed=basics.wake, timers=deadlines_of)
    return Parts(
        subscription=Subscription(
            consumer="offers",
            actor=ACTOR,
            speakers=("followup", "offers"),
            projections=(CASES, OFFERS, REFERRALS),
            policies={CaseClosed: (when_case_closed_then_cancel_referral,)},
            handlers={CancelReferral: handler},
        ),
        routers=(routes(Desk(pool=basics.app, handler=handler, clock=basics.clock)),),
        ring=Ringing(handler=handler),
    )
