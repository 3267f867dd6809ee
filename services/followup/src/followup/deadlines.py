"""The legal clock of minors: set with the case, asked when its last day is over (code de l'éducation, L.313-8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid5

import orjson

from chassis.event_store import Connection, Recording
from chassis.handler import Handler
from chassis.paris import PARIS, add_months, legal_date
from chassis.timers import Timer, ringing
from contracts.followup import CaseEvent, CaseOpened, CaseReopened
from followup.domain.case import Case
from followup.domain.commands import CaseCommand, MissDeadline

ACTOR = "/raccroche/followup"
REORIENTATION_MONTHS = 3


def deadlines_of(event: CaseEvent, recording: Recording) -> Sequence[Timer]:
    """A minor who left without diploma is owed the interview within three calendar months; it is missed when that day is over.

    What rang while a link had closed the case was not missed, so the clock is set anew when it is reopened; it is missed once.
    """
    if not isinstance(event, CaseOpened | CaseReopened) or not (event.flags.l313_7 and event.flags.obligation_formation):
        return ()
    due_on = add_months(legal_date(recording.recorded_at), REORIENTATION_MONTHS)
    timer = Timer(
        timer_id=uuid5(recording.event_id, "reorientation_interview"),
        due_at=datetime.combine(due_on + timedelta(days=1), time.min, tzinfo=PARIS),
        kind="reorientation_interview",
        subject=event.subject,
        body=orjson.dumps({"case_id": str(event.case_id), "due_on": due_on.isoformat()}),
        trace=recording.trace,
    )
    return (timer,)


@dataclass(frozen=True, kw_only=True)
class Ringing:
    """What a due timer asks: was it missed? The case itself knows."""

    handler: Handler[CaseCommand, Case, CaseEvent]

    async def __call__(self, connection: Connection, timers: Sequence[Timer]) -> None:
        await self.handler.handle_in(connection, [ringing(timer, _command(timer), actor=ACTOR) for timer in timers])


def _command(timer: Timer) -> CaseCommand:
    body = orjson.loads(timer.body)
    return MissDeadline(case_id=UUID(body["case_id"]), clock="reorientation_interview", due_on=date.fromisoformat(body["due_on"]))
