"""Sources and their silence: a list that closes is heard, a timer asks whether the next one came."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import uuid5

import asyncpg
import orjson

from chassis.decider import Request, Trace
from chassis.event_store import Connection, Recording
from chassis.handler import Handler
from chassis.paris import PARIS, legal_date
from chassis.timers import Timer
from contracts.intake import SourceEvent, SourceExpected
from intake.domain.source import CADENCE_V1, Expectation, FallSilent, HearSource, Source, SourceCommand, learned_days
from intake.lists import Job

ACTOR = "/raccroche/intake"
TIMER = "source_silent"

type SourceHandler = Handler[SourceCommand, Expectation, SourceEvent]


async def hear(connection: Connection, handler: SourceHandler, job: Job, *, now: datetime, trace: Trace) -> None:
    """In the transaction that closes a list: its source has been heard.

    Raises:
        chassis.event_store.Conflict: roll back and come again.
    """
    row = await connection.fetchrow(SOURCE, job.list_id)
    if row is None:
        return  # a list that came before sources were kept
    source = Source(**dict(row))
    heard = [legal_date(at["received_at"]) for at in await connection.fetch(HEARD, *row.values(), CADENCE_V1.last + 1)]
    command = HearSource(source=source, list_id=job.list_id, heard_on=legal_date(now), learned=learned_days(heard, CADENCE_V1))
    request: Request[SourceCommand] = Request(
        command=command, command_id=uuid5(job.list_id, "heard"), actor=ACTOR, correlation_id=job.correlation_id,
        causation_id=job.received_event, route="reader", trace=trace,
    )  # fmt: skip
    await handler.handle_in(connection, [request])


async def heard_last(pool: asyncpg.Pool, source: Source) -> date | None:
    """The day on which the source's last list came that is not held or refused."""
    row = await pool.fetchrow(HEARD, source.sender, source.format, source.content, 1)
    return legal_date(row["received_at"]) if row else None


def deadlines_of(event: SourceEvent, recording: Recording) -> Sequence[Timer]:
    """Rings when the day is over after which the source is silent."""
    if not isinstance(event, SourceExpected):
        return ()
    said = event.model_dump(mode="json", include={"sender", "format", "content", "silent_after"})
    timer = Timer(
        timer_id=uuid5(recording.event_id, TIMER),
        due_at=datetime.combine(event.silent_after + timedelta(days=1), time.min, tzinfo=PARIS),
        kind=TIMER,
        subject=event.subject,
        body=orjson.dumps(said),
        trace=recording.trace,
    )
    return (timer,)


def question_of(timer: Timer) -> FallSilent:
    """What the timer asks."""
    said = orjson.loads(timer.body)
    after = date.fromisoformat(said.pop("silent_after"))
    return FallSilent(source=Source(**said), silent_after=after)


SOURCE = "select sender, format, content from list_source where list_id = $1"
HEARD = """
select l.received_at from list_source s join lists l using (list_id) left join held_list h using (list_id)
where s.sender = $1 and s.format = $2 and s.content = $3 and (h.list_id is null or h.decision = 'released')
order by l.received_at desc limit $4
"""
