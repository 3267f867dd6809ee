"""A projection made again from its events beside the live one, compared with it row by row, and put in its place when equal.

First it catches up with the live consumer's marks, without any lock. Then, in one transaction, it locks those marks (the live
consumer waits at its next share), hears what little is left, compares and switches. Readers wait for the moment of the renaming.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from chassis.beside import Decided, Rehearing, beside
from chassis.clock import Clock
from chassis.comparing import Comparison, compare
from chassis.consumer import StrangeTopic
from chassis.event_store import Connection
from chassis.heard import RawRecord
from chassis.ledger import Ledger, Place
from chassis.logs import get_logger
from chassis.parked import Parked, parked
from chassis.projection import Projection
from chassis.reading import NothingComes, Reading, reading
from chassis.subscription import Subscription
from chassis.topics import BrokerIdentity

PAUSE_SECONDS = 20.0
"""So long the live consumer may be held: half of what its watchdog waits, and less than its own time limit for a lock."""

RENAME_SECONDS = 2.0
"""So long the renaming may wait for readers in progress, as later ones queue behind it; then it lets them pass and tries again."""

TRIES = 5
NEAR_RECORDS = 2_000

log = get_logger(__name__)


class AlreadyRunning(Exception):
    """Another rebuild of this projection is under way."""


class NotInTime(Exception):
    """The live consumer could not be held long enough for the comparison, or readers held the table; nothing was changed."""


class DecidedMeanwhile(Exception):
    """While it ran, a record was redriven or discarded that it had heard otherwise; nothing was changed, begin anew."""


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """How it ended. failed: records that the present code cannot have, although the live consumer had them: nothing is switched then."""

    records: int
    seconds: float
    paused_seconds: float
    resumed: bool
    comparison: Comparison
    failed: tuple[Parked, ...]
    switched: bool


@dataclass(kw_only=True)
class Rebuild:
    """Of one projection of one live consumer.

    pool: of the consumer's role, as chassis.beside.pool_of makes it. places: every partition of every topic of the live consumer.
    progress: told how many records were heard in this run, and how many it will be.
    """

    live: Subscription
    projection: Projection[Any]
    pool: asyncpg.Pool
    bootstrap: str
    broker: BrokerIdentity
    places: Sequence[Place]
    clock: Clock
    progress: Callable[[int, int], None] = field(default=lambda _done, _of: None)
    pause_seconds: float = PAUSE_SECONDS
    rename_seconds: float = RENAME_SECONDS
    _began: float = field(default_factory=time.monotonic, init=False)
    _done: int = field(default=0, init=False)
    _resumed: bool = field(default=False, init=False)

    async def run(self, *, anew: bool = False, accept: bool = False) -> Rebuilt:
        """Rebuild, compare, and switch if equal.

        anew: forget what a killed rebuild left, instead of going on from there. accept: switch although they differ (and begin
        anew, so that all of it is this code's).

        Raises:
            StrangeTopic, AlreadyRunning, NotInTime, DecidedMeanwhile, chassis.reading.NothingComes, chassis.reading.BeginningGone:
            see there; what was heard stays for the next time. asyncpg.PostgresError: the database refuses.
        """
        hearing = self._hearing()
        async with self._alone(), reading(self.bootstrap) as topics:
            self._resumed = await self._open(hearing, anew=anew or accept)
            await self._catch_up(hearing, topics)
            rebuilt = await self._meet_patiently(hearing, topics, accept=accept)
            await self._drop(hearing)
            return rebuilt

    def _hearing(self) -> Rehearing:
        subscription = beside(self.live, self.projection, table=f"rebuild.{self.projection.table}")
        return Rehearing(
            subscription=subscription, pool=self.pool, broker_identity=self.broker, clock=self.clock, refill=False, committed=lambda: None
        )

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with self.pool.acquire() as connection:
            if not await connection.fetchval(ALONE, self.projection.table):
                raise AlreadyRunning(f"a rebuild of {self.projection.table} is under way")
            yield

    async def _open(self, hearing: Rehearing, *, anew: bool) -> bool:
        """The table to hear into; whether it was there, with what a killed rebuild had heard."""
        await Rehearing(
            subscription=self.live, pool=self.pool, broker_identity=self.broker, clock=self.clock, refill=False, committed=lambda: None
        ).reconcile()
        try:
            await hearing.reconcile()
        except StrangeTopic:
            anew = True
        if anew or not await self.pool.fetchval(IS_THERE, self.projection.table):
            await self._drop(hearing)
        return not await self.pool.fetchval("select rebuild_open($1)", self.projection.table)

    async def _drop(self, hearing: Rehearing) -> None:
        await self.pool.execute("select rebuild_drop($1, $2)", self.projection.table, hearing.subscription.consumer)

    async def _catch_up(self, hearing: Rehearing, topics: Reading) -> None:
        """Hear up to the live consumer's marks, again and again until little is missing."""
        while True:
            end, own = await self._live_marks(hearing), await hearing.marks()
            behind = sum(max(stop - own.get(place, 0), 0) for place, stop in end.items())
            if behind == 0 or (self._done and behind <= NEAR_RECORDS):
                return
            async with self.pool.acquire() as connection, connection.transaction():
                hearing.decided = await self._decided(connection, hearing)
            of = self._done + behind
            async for passed, shares in topics.between(own, end):
                await hearing.hear_shares(shares)
                self._done += passed
                self.progress(self._done, of)

    async def _decided(self, connection: Connection, hearing: Rehearing) -> Decided:
        """Asked after the marks: whatever was set aside before them is in it."""
        decided = await Decided.by(connection, self.live.consumer, self.broker)
        if not decided.follows(hearing.decided):
            raise DecidedMeanwhile(f"a record of {self.live.consumer} was redriven or discarded meanwhile; begin anew")
        return decided

    async def _live_marks(self, hearing: Rehearing) -> dict[Place, int]:
        rows = await self.pool.fetch(LIVE_MARKS, self.live.consumer, hearing.topics)
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def _meet_patiently(self, hearing: Rehearing, topics: Reading, *, accept: bool) -> Rebuilt:
        for attempt in range(TRIES):
            try:
                return await self._meet(hearing, topics, accept=accept)
            except (DecidedMeanwhile, NothingComes):
                raise
            except Exception as trouble:  # noqa: BLE001 -- a record, a reader or the time limit: let go, catch up, meet again
                log.warning("the comparison is tried again", reason=type(trouble).__name__, attempt=attempt + 1)
                await asyncio.sleep(min(0.2 * 2**attempt, 1.0))
                await self._catch_up(hearing, topics)
        raise NotInTime(f"within {self.pause_seconds:.0f} s the two could not be compared, or readers held the table; try again")

    async def _meet(self, hearing: Rehearing, topics: Reading, *, accept: bool) -> Rebuilt:
        """Hold the live consumer, hear the rest, compare, switch; all of it or nothing."""
        own, began = await hearing.marks(), time.monotonic()
        async with self.pool.acquire() as connection, asyncio.timeout(self.pause_seconds), connection.transaction():
            await connection.execute(LIMITS.format(statement=int(self.pause_seconds * 1000), lock=int(self.rename_seconds * 1000)))
            marks = await Ledger(self.live.consumer).lock_marks(connection, self.places, self.broker)
            hearing.decided = await self._decided(connection, hearing)
            await self._hear_the_rest(connection, hearing, topics.between(own, self._concerned(marks, hearing)))
            failed = tuple(await parked(connection, hearing.subscription.consumer))
            comparison = await compare(connection, self.projection, *hearing.subscription.projections)
            switched = not failed and (accept or not comparison.differ)
            if switched:
                await connection.execute("select rebuild_switch($1)", self.projection.table)
        now = time.monotonic()
        return Rebuilt(
            records=self._done, seconds=now - self._began, paused_seconds=now - began, resumed=self._resumed, comparison=comparison,
            failed=failed, switched=switched,
        )  # fmt: skip

    async def _hear_the_rest(
        self, connection: Connection, hearing: Rehearing, rest: AsyncIterator[tuple[int, list[list[RawRecord]]]]
    ) -> None:
        async for passed, shares in rest:
            for share in shares:
                await hearing.take(connection, share)
            self._done += passed

    @staticmethod
    def _concerned(marks: Mapping[Place, int], hearing: Rehearing) -> dict[Place, int]:
        return {place: mark for place, mark in marks.items() if place[0] in hearing.topics}


ALONE = "select pg_try_advisory_lock(hashtext('rebuild'), hashtext($1))"

IS_THERE = "select to_regclass(format('rebuild.%I', $1::text)) is not null"

LIVE_MARKS = "select topic, partition, next_offset from marks where consumer = $1 and topic = any($2::text[])"

LIMITS = """
set local statement_timeout = {statement};
set local lock_timeout = {lock};
set local synchronous_commit = on;
set local work_mem = '64MB'
"""
