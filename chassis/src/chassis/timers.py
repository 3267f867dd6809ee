"""Deadlines as durable timers: set with the event that starts them, fired by the injected clock, each exactly once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import asyncpg

from chassis.clock import Clock
from chassis.decider import Request, Trace
from chassis.event_store import Connection
from chassis.logs import get_logger, spoken
from chassis.trouble import INFRASTRUCTURE

TICK_SECONDS = 0.5
AT_ONCE = 200

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Timer:
    """What to ask when the time has come. `timer_id` derives from the event that set it; `body` is the command as JSON."""

    timer_id: UUID
    due_at: datetime
    kind: str
    subject: str
    body: bytes
    trace: Trace


async def set_timers(connection: Connection, timers: Sequence[Timer]) -> None:
    """Set timers in the transaction of the events that start them."""
    if timers:
        rows = [(t.timer_id, t.due_at, t.kind, t.subject, t.body, t.trace.traceparent) for t in timers]
        await connection.executemany(SET, rows)


async def fire_due(pool: asyncpg.Pool, clock: Clock, ask: Callable[[Connection, Sequence[Timer]], Awaitable[None]]) -> int:
    """Fire what is due, at most `AT_ONCE`, together with its effect in one transaction; the number fired."""
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(DUE, clock.now(), AT_ONCE)
        due = [
            Timer(
                timer_id=row["timer_id"], due_at=row["due_at"], kind=row["kind"], subject=row["subject"],
                body=row["body"], trace=Trace(traceparent=row["traceparent"]),
            )
            for row in rows
        ]  # fmt: skip
        if due:
            await ask(connection, due)
            await connection.execute(FIRED, [timer.timer_id for timer in due], clock.now())
    return len(due)


def ringing[C](timer: Timer, command: C, *, actor: str) -> Request[C]:
    """The request that a timer makes: asking twice is asking once."""
    return Request(
        command=command,
        command_id=uuid5(timer.timer_id, "fired"),
        actor=actor,
        correlation_id=timer.timer_id,
        route=f"timer {timer.kind}",
        happened_at=timer.due_at,
        trace=timer.trace,
    )


async def keep_firing(
    pool: asyncpg.Pool,
    clock: Clock,
    ask: Callable[[Connection, Sequence[Timer]], Awaitable[None]],
    committed: Callable[[], None],
) -> None:
    """Fire timers for ever; several instances may do so at once, a locked timer is skipped.

    Whoever writes to the same stream meanwhile wins: what was due is rolled back and rings again.
    """
    while True:
        try:
            fired = await fire_due(pool, clock, ask)
        except INFRASTRUCTURE as trouble:
            log.warning("timers ring again", reason=spoken(trouble))
            await asyncio.sleep(TICK_SECONDS)
            continue
        if fired:
            committed()
        if fired < AT_ONCE:
            await asyncio.sleep(TICK_SECONDS)


SET = """
insert into timers (timer_id, due_at, kind, subject, body, traceparent) values ($1, $2, $3, $4, $5, $6)
on conflict (timer_id) do nothing
"""

DUE = """
select timer_id, due_at, kind, subject, body, traceparent from timers
where fired_at is null and due_at <= $1 order by due_at, timer_id limit $2 for update skip locked
"""

FIRED = "update timers set fired_at = $2 where timer_id = any($1::uuid[])"
