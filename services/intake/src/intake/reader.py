"""The worker that reads received lists, one by one: batch after batch, each whole or not at all, so that a crash resumes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import batched, dropwhile
from uuid import UUID

import asyncpg
from opentelemetry import trace as tracing

from chassis import logs
from chassis.decider import Trace
from chassis.event_store import Conflict, Connection
from chassis.failpoints import failpoint
from chassis.http import current_trace
from chassis.telemetry import context_from
from intake import absence, batch, closing, lists, parts, roster
from intake.batch import Desk
from intake.domain.detection import Rule
from intake.formats import ADAPTERS
from intake.formats.cells import ListRefused, RawLine
from intake.formats.text import lines_of
from intake.lists import Job, ProgressLost
from intake.sorting import Prepared

LINES_AT_ONCE = 2000
ATTEMPTS = 12
IDLE_SECONDS = 1.0
LEFT_ALONE = timedelta(minutes=10)
"""How long a list that cannot be read is passed over."""
PASSING = (
    asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError,
    OSError, TimeoutError, ProgressLost,
)  # fmt: skip

log = logs.get_logger(__name__)
tracer = tracing.get_tracer(__name__)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads what was received. arrived: set when a list came. committed: wakes the relay. lines_at_once: in one transaction.

    unreadable: lists whose body broke a rule of the whole file though it was taken, and until when each is passed over.
    """

    pool: asyncpg.Pool
    desk: Desk
    rule: Rule
    arrived: asyncio.Event
    committed: Callable[[], None]
    lines_at_once: int = LINES_AT_ONCE
    unreadable: dict[UUID, datetime] = field(default_factory=dict)

    async def run(self) -> None:
        """For ever. Trouble with the database passes: the list is taken up again where its last batch left it."""
        while True:
            try:
                read = await self.read_next()
            except PASSING as trouble:
                log.warning("reading a list was interrupted", reason=logs.spoken(trouble))
                read = False
            if not read:
                await self._rest()

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self.arrived.wait(), IDLE_SECONDS)
        except TimeoutError:
            return
        self.arrived.clear()

    async def read_next(self) -> bool:
        """Read the oldest list that nobody reads; false when there is none. One that cannot be read stays open, and holds up no other."""
        async with self.pool.acquire() as connection:
            now = self.desk.clock.now()
            job = await lists.claim(connection, {list_id for list_id, until in self.unreadable.items() if now < until})
            if job is None:
                await lists.forget_refused(connection, self.desk.clock.now())
                await parts.forget_abandoned(connection, self.desk.clock.now())
                await roster.forget_keys(connection, self.desk.keyring)
                return False
            parent = context_from(job.trace.traceparent, job.trace.tracestate)
            try:
                with tracer.start_as_current_span("read list", context=parent):
                    await self._read(connection, job, current_trace())
                self.unreadable.pop(job.list_id, None)
            except ListRefused as refused:  # no list that was looked at before it was taken, nor one that we wrote: a fault of ours
                log.error("a list that was taken cannot be read", list_id=job.list_id, reason=refused.rule)
                self.unreadable[job.list_id] = self.desk.clock.now() + LEFT_ALONE
            finally:
                if not connection.is_closed():
                    await lists.release(connection, job.list_id)
            return True

    async def _read(self, connection: Connection, job: Job, trace: Trace) -> None:
        keys = (await self.desk.keyring.keys([job.list_id]))[job.list_id]
        after = job.last_line
        raw = lines_of(ADAPTERS[job.format], parts.opened(self.pool, keys, job.list_id, job.size), job.charset)
        lines = batched(dropwhile(lambda one: one.line <= job.last_line, raw), self.lines_at_once)
        async with aclosing(_ahead(partial(self._next, lines, job))) as batches:
            async for prepared in batches:
                await self._again(partial(batch.take, self.desk, connection, job, prepared, after=after, trace=trace))
                after = prepared[-1].raw.line
                failpoint("intake_mid_list")
        await self._again(partial(absence.compare, self.desk, connection, job, trace))
        failpoint("intake_compared")
        while await self._again(partial(absence.tell_some, self.desk, connection, job, trace)):
            failpoint("intake_mid_absences")
        while await self._again(partial(closing.decide_some, self.desk, connection, job, self.rule, trace)):
            failpoint("intake_mid_decisions")
        await self._again(partial(closing.close, self.desk, connection, job, trace))

    def _next(self, lines: Iterator[Sequence[RawLine]], job: Job) -> list[Prepared] | None:
        """The next batch, read and prepared; none at the end."""
        raw = next(lines, None)
        return None if raw is None else batch.prepare(raw, job, self.desk.digests, self.desk.directory)

    async def _again[T](self, write: Callable[[], Coroutine[None, None, T]]) -> T:
        """Write; again from the start when somebody wrote first. Each commit wakes the relay."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                written = await write()
            except (Conflict, asyncpg.DeadlockDetectedError):
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(0.01 * attempt)
            else:
                self.committed()
                return written
        raise AssertionError("unreachable")


async def _ahead[T](step: Callable[[], T | None]) -> AsyncGenerator[T]:
    """What `step` gives, until it gives none; each made in a thread while the one before is written to the database."""
    coming = asyncio.create_task(asyncio.to_thread(step))
    try:
        while (one := await coming) is not None:
            coming = asyncio.create_task(asyncio.to_thread(step))
            yield one
    finally:
        coming.cancel()
