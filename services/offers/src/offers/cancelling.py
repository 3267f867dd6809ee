"""A case that ends is heard without its offers: they are found in the referrals' own streams, in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chassis.decider import Outcome, Request
from chassis.event_store import Connection
from chassis.handler import Handler
from contracts.offers import ReferralMade
from offers.domain.commands import CancelReferral, OfferCommand
from offers.domain.decisions import referrals_of
from offers.domain.shelf import Shelf, ShelfEvent


@dataclass(frozen=True, kw_only=True)
class Cancelling(Handler[OfferCommand, Shelf, ShelfEvent]):
    """The one handler, told first which offers a cancellation concerns; the streams' versions still guard the decision."""

    async def handle_in(
        self, connection: Connection, requests: Sequence[Request[OfferCommand]], *, ask_first: bool = True
    ) -> list[Outcome]:
        told = [await self._told(connection, request) for request in requests]
        return await super().handle_in(connection, told, ask_first=ask_first)

    async def _told(self, connection: Connection, request: Request[OfferCommand]) -> Request[OfferCommand]:
        command = request.command
        if not isinstance(command, CancelReferral):
            return request
        past = await self.store.load(connection, referrals_of(command.case_id))
        offer_ids = {event.offer_id for events in past.values() for event in events if isinstance(event, ReferralMade)}
        return replace(request, command=replace(command, offer_ids=tuple(sorted(offer_ids))))
