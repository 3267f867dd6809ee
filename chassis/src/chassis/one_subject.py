"""The rows of one subject made again from its records alone, in memory, compared with the live ones, and put in their place if told to."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from chassis.beside import Decided, Rehearsal, beside
from chassis.clock import Clock
from chassis.comparing import Comparison, compared
from chassis.event_store import Connection
from chassis.heard import RawRecord
from chassis.ledger import Ledger, Place
from chassis.logs import spoken
from chassis.projection import PostgresqlRows, Projection
from chassis.reading import reading
from chassis.subscription import Subscription
from chassis.topics import BrokerIdentity
from chassis.trouble import INFRASTRUCTURE
from contracts.catalogue import topic_of

PAUSE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Checked:
    """failed: why the present code cannot have the subject's records; then nothing is compared."""

    records: int
    comparison: Comparison | None
    failed: str | None
    replaced: bool


@dataclass
class Held:
    """Rows in memory, and every key that was asked for."""

    rows: dict[object, Any] = field(default_factory=dict)  # Any: one projection's rows
    keys: set[object] = field(default_factory=set)

    async def load[Row](self, _: Connection, of: Projection[Row], keys: Sequence[object]) -> dict[object, Row]:  # noqa: ARG002 -- the port's shape
        self.keys.update(keys)
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def write[Row](self, _: Connection, of: Projection[Row], kept: Mapping[object, Row], gone: Sequence[object]) -> None:  # noqa: ARG002 -- as above
        self.rows |= kept
        for key in gone:
            self.rows.pop(key, None)


class _UndoneAgain(Exception):
    """The rows are in memory; what the hearing wrote of itself goes."""


@dataclass(frozen=True, kw_only=True)
class OneSubject:
    """Of one projection, for which holds: a row is touched by the events of one subject only.

    pool: of the consumer's role. places: every partition of every topic of the live consumer.
    """

    live: Subscription
    projection: Projection[Any]
    pool: asyncpg.Pool
    bootstrap: str
    broker: BrokerIdentity
    places: Sequence[Place]
    clock: Clock
    progress: Callable[[int, int], None] = field(default=lambda _done, _of: None)

    async def check(self, subject: str, *, accept: bool = False) -> Checked:
        """Compare; where they differ and `accept` is said, replace the live rows.

        Raises:
            TimeoutError, asyncpg.PostgresError, chassis.reading.NothingComes, chassis.reading.BeginningGone: nothing was changed.
        """
        subscription = beside(self.live, self.projection, table=self.projection.table)
        topics = {topic_of(speaker) for speaker in subscription.speakers}
        records: list[RawRecord] = []
        read: dict[Place, int] = {}
        async with reading(self.bootstrap) as client:

            async def read_on(end: Mapping[Place, int]) -> None:
                wanted = {place: stop for place, stop in end.items() if place[0] in topics}
                passed, of = 0, sum(stop - read.get(place, 0) for place, stop in wanted.items())
                async for count, shares in client.between(read, wanted, key=subject.encode()):
                    passed += count
                    records.extend(record for share in shares for record in share)
                    self.progress(passed, of)
                read.update(wanted)

            await read_on(await self._marks())
            async with self.pool.acquire() as connection, asyncio.timeout(PAUSE_SECONDS), connection.transaction():
                await read_on(await Ledger(self.live.consumer).lock_marks(connection, self.places, self.broker))
                return await self._compare(connection, subscription, records, accept=accept)

    async def _marks(self) -> dict[Place, int]:
        rows = await self.pool.fetch(MARKS, self.live.consumer)
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def _compare(self, connection: Connection, apart: Subscription, records: Sequence[RawRecord], *, accept: bool) -> Checked:
        held = Held()
        try:
            await self._hear(connection, replace(apart, projections=(replace(self.projection, rows=held),)), records)
        except INFRASTRUCTURE:
            raise
        except Exception as trouble:  # noqa: BLE001 -- whatever an effect raises is the answer
            return Checked(records=len(records), comparison=None, failed=spoken(trouble), replaced=False)
        rows, live = PostgresqlRows(), await PostgresqlRows().load(connection, self.projection, list(held.keys))
        found = compared(live, held.rows)
        replaced = accept and found.differ
        if replaced:
            kept = {key: row for key, row in held.rows.items() if row != live.get(key)}
            await rows.write(connection, self.projection, kept, [key for key in live if key not in held.rows])
        return Checked(records=len(records), comparison=found, failed=None, replaced=replaced)

    async def _hear(self, connection: Connection, apart: Subscription, records: Sequence[RawRecord]) -> None:
        """All of them, as one share under a name of its own; what it keeps of its hearing is undone at once."""
        decided = await Decided.by(connection, self.live.consumer, self.broker)
        in_order = sorted(records, key=lambda raw: (raw.topic, raw.partition, raw.offset))
        fresh = [raw for raw in in_order if (raw.topic, raw.partition, raw.offset) not in decided.unread]
        name = f"{apart.consumer}~"
        try:
            async with connection.transaction():
                share = Rehearsal(
                    subscription=replace(apart, consumer=name), ledger=Ledger(name), connection=connection, now=self.clock.now(),
                    decided=decided,
                )  # fmt: skip
                await share.hear(fresh)
                raise _UndoneAgain
        except _UndoneAgain:
            return


MARKS = "select topic, partition, next_offset from marks where consumer = $1"
