"""The outbox as the relay sees it, in PostgreSQL: what is committed and not yet said, and the place that each event was given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from chassis.chain import GENESIS, link

LOCK_KEY = 0x72_65_6C_61_79  # "relay"

type Head = tuple[int, bytes]
"""The last sequence given, and its chain."""


@dataclass(kw_only=True, slots=True)
class Entry:
    """One event on its way out. `sequence` and `chain` are none until it was given its place."""

    outbox_id: int
    event_id: UUID
    private: bool
    sequence: int | None
    chain: bytes | None
    subject: str
    recorded_at: datetime
    attributes: bytes
    leaf: bytes
    body: bytes
    traceparent: str | None
    tracestate: str | None


@dataclass(kw_only=True)
class Outbox:
    """The outbox of one service, by the connection that holds the relay's lock."""

    connection: asyncpg.Connection
    heads: dict[bool, Head] = field(default_factory=dict)

    async def lock(self) -> bool:
        """Whether this connection now is the relay's; two at once could only repeat what was said."""
        return bool(await self.connection.fetchval("select pg_try_advisory_lock($1)", LOCK_KEY))

    async def leftovers(self, limit: int) -> list[Entry]:
        """What was given its place and perhaps said, in order of place: a relay died before it emptied them."""
        return [Entry(**row) for row in await self.connection.fetch(LEFTOVERS, limit)]

    async def waiting(self, besides: Sequence[int], limit: int) -> list[Entry]:
        """What waits, oldest row first, without the rows that are being said. No cursor: a row that commits late simply appears late."""
        return [Entry(**row) for row in await self.connection.fetch(WAITING, list(besides), limit)]

    async def place(self, entries: Sequence[Entry]) -> None:
        """Give each its sequence and chain, in a transaction of its own, so that a place once given never changes.

        Raises:
            asyncpg.UniqueViolationError: another relay gave places meanwhile; begin again.
        """
        if not self.heads:
            self.heads = {row["private"]: (row["sequence"], row["chain"]) for row in await self.connection.fetch(HEADS)}
        for entry in entries:
            last, previous = self.heads.get(entry.private, (0, GENESIS))
            entry.sequence, entry.chain = last + 1, link(previous, last + 1, entry.leaf)
            self.heads[entry.private] = (entry.sequence, entry.chain)
        await self.connection.execute(
            PLACE, [one.private for one in entries], [one.sequence for one in entries], [one.event_id for one in entries],
            [one.chain for one in entries],
        )  # fmt: skip

    async def said(self, outbox_ids: Sequence[int]) -> None:
        """Empty these rows: every one is acknowledged."""
        await self.connection.execute(SAID, list(outbox_ids))

    async def history(self, after: int, limit: int) -> list[Entry]:
        """What was said with a sequence beyond `after`, as it was said."""
        return [Entry(**row) for row in await self.connection.fetch(HISTORY, after, limit)]

    async def known_topic(self, topic: str) -> tuple[str, str] | None:
        """Cluster id and topic id that were written so far; None before the first time."""
        row = await self.connection.fetchrow(KNOWN_TOPIC, topic)
        return None if row is None else (row["cluster_id"], row["topic_id"])

    async def met(self, topic: str, cluster_id: str, topic_id: str) -> None:
        await self.connection.execute(MET, topic, cluster_id, topic_id)


_EVENT = "e.subject, e.recorded_at, e.attributes, e.leaf, e.body, e.traceparent, e.tracestate"

LEFTOVERS = f"""
select o.id as outbox_id, e.event_id, e.private, r.sequence, r.chain, {_EVENT}
from outbox o join relay_log r using (event_id) join events e using (event_id) order by r.private, r.sequence limit $1
"""

WAITING = f"""
select o.id as outbox_id, e.event_id, e.private, null::bigint as sequence, null::bytea as chain, {_EVENT}
from (select id, event_id from outbox where id <> all($1::bigint[]) order by id limit $2) o join events e using (event_id)
order by o.id
"""

HISTORY = f"""
select 0::bigint as outbox_id, e.event_id, e.private, r.sequence, r.chain, {_EVENT}
from relay_log r join events e using (event_id) where not r.private and r.sequence > $1 order by r.sequence limit $2
"""

HEADS = """
select kind.private, head.sequence, head.chain
from (values (false), (true)) as kind (private)
cross join lateral (select sequence, chain from relay_log r where r.private = kind.private order by sequence desc limit 1) as head
"""

PLACE = """
insert into relay_log (private, sequence, event_id, chain)
select private, sequence, event_id, chain from unnest($1::bool[], $2::bigint[], $3::uuid[], $4::bytea[])
  as placed (private, sequence, event_id, chain)
"""

SAID = "delete from outbox where id = any($1::bigint[])"

KNOWN_TOPIC = "select cluster_id, topic_id from relay_topic where topic = $1"

MET = """
insert into relay_topic (topic, cluster_id, topic_id) values ($1, $2, $3)
on conflict (topic) do update set cluster_id = excluded.cluster_id, topic_id = excluded.topic_id
"""
