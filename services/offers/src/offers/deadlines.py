"""The host's time to answer: set with the referral, asked when its last day is over in Europe/Paris."""

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
from offers.domain.commands import ExpireReferral, ReferralCommand
from offers.domain.referral import Placement, PlacementEvent

ACTOR = "/raccroche/offers"


def deadlines_of(event: PlacementEvent, recording: Recording) -> Sequence[Timer]:
    if not isinstance(event, ReferralMade):
        return ()
    timer = Timer(
        timer_id=uuid5(recording.event_id, "answer_by"),
        due_at=datetime.combine(event.answer_by + timedelta(days=1), time.min, tzinfo=PARIS),
        kind="answer_by",
        subject=event.subject,
        body=orjson.dumps({"case_id": str(event.case_id), "referral_id": str(event.referral_id)}),
        trace=recording.trace,
    )
    return (timer,)


@dataclass(frozen=True, kw_only=True)
class Ringing:
    """What a due timer asks: is there still no answer? The referral itself knows."""

    handler: Handler[ReferralCommand, Placement, PlacementEvent]

    async def __call__(self, connection: Connection, timers: Sequence[Timer]) -> None:
        await self.handler.handle_in(connection, [ringing(timer, _command(timer), actor=ACTOR) for timer in timers])


def _command(timer: Timer) -> ReferralCommand:
    body = orjson.loads(timer.body)
    return ExpireReferral(case_id=UUID(body["case_id"]), referral_id=UUID(body["referral_id"]))
