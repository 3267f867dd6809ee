"""A projection heard again beside the live one, under a consumer name of its own: nothing but its rows can come of it.

Closed by default: the subscription made here names the few things that a rebuild may have. Whatever else the live one has, now or
later (policies, handlers, witnesses), is not named and so does not happen.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import asyncpg

from chassis.consumer import Consumer
from chassis.event_store import Connection
from chassis.heard import Heard, RawRecord, read
from chassis.ledger import Place, Stream
from chassis.projection import Projection
from chassis.share import Share
from chassis.subscription import Subscription
from chassis.topics import BrokerIdentity
from contracts.event import Event

APART = "~"
"""Between the live consumer's name and the projection's; no live consumer has it in its name."""


def beside(live: Subscription, projection: Projection[Any], *, table: str) -> Subscription:
    """What hears `projection` again into `table`, and does nothing else."""
    return Subscription(
        consumer=f"{live.consumer}{APART}{projection.table}",
        actor=live.actor,
        speakers=_concerned(live, projection),
        projections=(replace(projection, table=table),),
        needs=live.needs,
    )


def _concerned(live: Subscription, projection: Projection[Any]) -> tuple[str, ...]:
    """Who must be heard: whoever says what it shows, and whoever says the facts that those records may have to wait for."""
    found = {event.speaker for event in projection.hears}
    while more := {fact.speaker for event, fact in live.needs.items() if event.speaker in found} - found:
        found |= more
    return tuple(speaker for speaker in live.speakers if speaker in found)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What became of single records in the live consumer's hearing, so that hearing them again comes to the same.

    had: by stream and version of what was set aside, whether its effect was had later (else it waits for a decision or was discarded).
    unread: places of records that nobody could read and that had no effect.
    """

    had: Mapping[tuple[Stream, int], bool] = field(default_factory=dict)
    unread: frozenset[tuple[str, int, int]] = frozenset()

    @classmethod
    async def by(cls, connection: Connection, consumer: str, broker: BrokerIdentity) -> "Decided":
        """By the live consumer, so far."""
        had: dict[tuple[Stream, int], bool] = {}
        unread = set()
        async for row in connection.cursor(DECIDED, consumer):
            if row["stream_id"] is not None:
                one = read(RawRecord.from_bytes(row["record"]))
                had[one.stream, one.envelope.attributes.streamversion] = row["had"]
            elif not row["had"] and row["topic_id"] == broker.topic_ids.get(row["topic"]):
                unread.add((row["topic"], row["partition"], row["record_offset"]))
        return cls(had=had, unread=frozenset(unread))

    def follows(self, earlier: "Decided") -> bool:
        """Whether nothing that was known earlier was decided otherwise since."""
        return all(self.had.get(one) == had for one, had in earlier.had.items()) and earlier.unread <= self.unread


@dataclass(kw_only=True)
class Rehearsal(Share):
    """A share heard again: what the live consumer set aside is passed over, and what it took again after all is taken."""

    decided: Decided

    async def _move_mark(self, records: Sequence[RawRecord], broker: BrokerIdentity) -> Sequence[RawRecord]:
        fresh = await super()._move_mark(records, broker)
        unread = self.decided.unread
        return fresh if not unread else [raw for raw in fresh if (raw.topic, raw.partition, raw.offset) not in unread]

    def _is_next(self, one: Heard[Event]) -> bool:
        version = one.envelope.attributes.streamversion
        had = self.decided.had.get((one.stream, version)) if self.decided.had else None
        if had is None:
            return super()._is_next(one)
        if version <= self.versions.get(one.stream, 0):
            return False
        self.versions[one.stream] = version
        return had


@dataclass(kw_only=True)
class Rehearing(Consumer):
    """The consumer of a rebuild: in large shares, without traces, as nothing new happens."""

    decided: Decided = field(default_factory=Decided)

    async def take(self, connection: Connection, records: Sequence[RawRecord]) -> None:
        """Hear records of one partition in the caller's transaction.

        Raises:
            whatever chassis.share.Share.take does: roll back.
        """
        await self._share(connection).take(records, self.broker_identity)

    async def marks(self) -> dict[Place, int]:
        """The next offset to hear, by place."""
        return await self._marks()

    async def hear_shares(self, shares: Sequence[Sequence[RawRecord]]) -> None:
        """Each of one partition; those of one topic side by side, as a subject is in one of its partitions only."""
        for _, of_topic in groupby(sorted(shares, key=_topic), key=_topic):
            async with asyncio.TaskGroup() as side_by_side:
                for share in of_topic:
                    side_by_side.create_task(self._hear_share(share))

    async def _commit(self, records: Sequence[RawRecord]) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await self.take(connection, records)
        self.committed()

    def _share(self, connection: Connection) -> Share:
        return Rehearsal(
            subscription=self.subscription, ledger=self.ledger, connection=connection, now=self.clock.now(), decided=self.decided
        )


def _topic(share: Sequence[RawRecord]) -> str:
    return share[0].topic


async def pool_of(dsn: str) -> asyncpg.Pool:
    """Connections for a rebuild: its commits need not wait for the disk, as marks and rows come and go together and it can be resumed."""
    return await asyncpg.create_pool(
        dsn, min_size=1, max_size=8, command_timeout=60, timeout=10, server_settings={"synchronous_commit": "off"}
    )


DECIDED = """
select topic, partition, record_offset, topic_id, stream_id, record, resolved_at is not null and because is null as had
from parked where consumer = $1
"""
