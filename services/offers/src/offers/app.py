"""The composition root of offers: the only file that sees everything."""

from chassis.handler import Handler
from chassis.service import Basics, Parts
from chassis.subscription import Subscription
from contracts.followup import CaseClosed
from contracts.offers import OfferEvent, ReferralCancelled, ReferralDeclined, ReferralExpired
from offers.api import Desk, routes
from offers.deadlines import ACTOR, Ringing, deadlines_of
from offers.domain.commands import CancelReferrals, FreeSeat, OfferCommand, ReferralCommand
from offers.domain.offer import OFFER, Offer
from offers.domain.referral import REFERRAL, Placement, PlacementEvent
from offers.policies import (
    when_case_closed_then_cancel_referrals,
    when_referral_cancelled_then_free_seat,
    when_referral_declined_then_free_seat,
    when_referral_expired_then_free_seat,
)
from offers.projections.catalogue import CATALOGUE
from offers.projections.referable_cases import REFERABLE_CASES
from offers.projections.referrals import REFERRALS


def build(basics: Basics) -> Parts:
    """Everything that offers is made of."""
    offers = Handler[OfferCommand, Offer, OfferEvent](decider=OFFER, store=basics.store, pool=basics.app, committed=basics.wake)
    referrals = Handler[ReferralCommand, Placement, PlacementEvent](
        decider=REFERRAL, store=basics.store, pool=basics.app, committed=basics.wake, timers=deadlines_of
    )
    return Parts(
        subscription=Subscription(
            consumer="offers",
            actor=ACTOR,
            speakers=("followup", "offers"),
            projections=(CATALOGUE, REFERRALS, REFERABLE_CASES),
            policies={
                CaseClosed: (when_case_closed_then_cancel_referrals,),
                ReferralDeclined: (when_referral_declined_then_free_seat,),
                ReferralExpired: (when_referral_expired_then_free_seat,),
                ReferralCancelled: (when_referral_cancelled_then_free_seat,),
            },
            handlers={CancelReferrals: referrals, FreeSeat: offers},
        ),
        routers=(routes(Desk(pool=basics.app, clock=basics.clock, offers=offers, referrals=referrals)),),
        ring=Ringing(handler=referrals),
    )
