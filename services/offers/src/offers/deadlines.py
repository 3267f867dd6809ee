"""How long a host may think: set with the referral, asked when the last day is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID, uuid5

import orjson

from chassis.event_store import Connection, Recording
from chassis.handler import Handler
from chassis.paris import PARIS
from chassis.timers import Timer, ringing
from contracts.offers import ReferralMade
from offers.domain.commands import ExpireReferral, OfferCommand
from offers.domain.shelf import Shelf, ShelfEvent

ACTOR = "/raccroche/offers"


def deadlines_of(event: ShelfEvent, recording: Recording) -> Sequence[Timer]:
    if not isinstance(event, ReferralMade):
        return ()
    timer = Timer(
        timer_id=uuid5(recording.event_id, "answer_by"),
        due_at=datetime.combine(event.answer_by + timedelta(days=1), time.min, tzinfo=PARIS),
        kind="answer_by",
        subject=event.subject,
        body=orjson.dumps({"referral_id": str(event.referral_id), "offer_id": event.offer_id}),
        trace=recording.trace,
    )
    return (timer,)


@dataclass(frozen=True, kw_only=True)
class Ringing:
    """What a due timer asks: has the host answered? The referral itself knows."""

    handler: Handler[OfferCommand, Shelf, ShelfEvent]

    async def __call__(self, connection: Connection, timers: Sequence[Timer]) -> None:
        await self.handler.handle_in(connection, [ringing(timer, _command(timer), actor=ACTOR) for timer in timers])


def _command(timer: Timer) -> OfferCommand:
    body = orjson.loads(timer.body)
    return ExpireReferral(referral_id=UUID(body["referral_id"]), offer_id=body["offer_id"])
