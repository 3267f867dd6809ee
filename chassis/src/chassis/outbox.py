"""The outbox as the relay sees it, in PostgreSQL: what is committed and not yet said, and the place that each event was given."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from chassis.chain import GENESIS, link

LOCK_KEY = 0x72_65_6C_61_79  # "relay"

type Head = tuple[int, bytes]
"""The last sequence given, and its chain."""


@dataclass(slots=True)  # filled by place from the rows below, in this order: by name it takes four times as long
class Entry:
    """One event on its way out, with its place: sequence and chain. `recorded` is in milliseconds since 1970."""

    sequence: int
    chain: bytes
    outbox_id: int
    event_id: UUID
    private: bool
    subject: str
    recorded: int
    attributes: bytes
    leaf: bytes
    body: bytes
    traceparent: str | None
    tracestate: str | None


@dataclass(kw_only=True)
class Outbox:
    """The outbox of one service, by the connection that holds the relay's lock."""

    connection: asyncpg.Connection
    heads: dict[bool, Head] | None = None

    async def lock(self) -> bool:
        """Whether this connection now is the relay's; two at once could only repeat what was said."""
        return bool(await self.connection.fetchval("select pg_try_advisory_lock($1)", LOCK_KEY))

    async def leftovers(self, limit: int) -> list[Entry]:
        """What was given its place and perhaps said, in order of place: a relay died before it emptied them."""
        return [Entry(*row) for row in await self.connection.fetch(LEFTOVERS, limit)]

    async def waiting(self, besides: Sequence[int], limit: int) -> list[Entry]:
        """What waits, oldest row first, without the rows that are being said. No cursor: a row that commits late simply appears late.

        Each has the place that comes next; it is given for good by `place`, which must follow before more is asked for.
        """
        if self.heads is None:
            self.heads = {row["private"]: (row["sequence"], row["chain"]) for row in await self.connection.fetch(HEADS)}
        heads, found = dict(self.heads), []
        for row in await self.connection.fetch(WAITING, list(besides), limit):
            last, before = heads.get(row[PRIVATE], (0, GENESIS))
            sequence, chain = heads[row[PRIVATE]] = last + 1, link(before, last + 1, row[LEAF])
            found.append(Entry(sequence, chain, *row))
        return found

    async def place(self, entries: Sequence[Entry]) -> None:
        """Give each its place for good, in a transaction before anything is said, so that a place once said never changes.

        Raises:
            asyncpg.UniqueViolationError: another relay gave places meanwhile; begin again.
        """
        assert self.heads is not None  # `waiting` came before
        for private in (False, True):
            if some := [entry for entry in entries if entry.private is private]:
                await self.connection.execute(PLACE, private, some[0].sequence, [e.event_id for e in some], [e.chain for e in some])
                self.heads[private] = (some[-1].sequence, some[-1].chain)

    async def said(self, outbox_ids: Sequence[int]) -> None:
        """Empty these rows: every one is acknowledged."""
        await self.connection.execute(SAID, list(outbox_ids))

    async def history(self, after: int, limit: int) -> list[Entry]:
        """What was said with a sequence beyond `after`, as it was said."""
        return [Entry(*row) for row in await self.connection.fetch(HISTORY, after, limit)]

    async def known_topic(self, topic: str) -> tuple[str, str] | None:
        """Cluster id and topic id that were written so far; None before the first time."""
        row = await self.connection.fetchrow(KNOWN_TOPIC, topic)
        return None if row is None else (row["cluster_id"], row["topic_id"])

    async def met(self, topic: str, cluster_id: str, topic_id: str) -> None:
        await self.connection.execute(MET, topic, cluster_id, topic_id)


_EVENT = """e.event_id, e.private, e.subject, floor(extract(epoch from e.recorded_at) * 1000)::bigint, e.attributes, e.leaf, e.body,
  e.traceparent, e.tracestate"""
PRIVATE, LEAF = 2, 6
"""Where these two stand in a row of WAITING."""

LEFTOVERS = f"""
select r.sequence, r.chain, o.id, {_EVENT}
from outbox o join relay_log r using (event_id) join events e using (event_id) order by r.private, r.sequence limit $1
"""

# "offset 0" keeps the planner from reading all events to join a few of them, whatever it believes of the outbox's size
WAITING = f"""
select o.id, {_EVENT}
from (select id, event_id from outbox where id <> all($1::bigint[]) order by id limit $2) o
cross join lateral (select * from events e where e.event_id = o.event_id offset 0) e order by o.id
"""

HISTORY = f"""
select r.sequence, r.chain, 0::bigint, {_EVENT}
from relay_log r join events e using (event_id) where not r.private and r.sequence > $1 order by r.sequence limit $2
"""

HEADS = """
select kind.private, head.sequence, head.chain
from (values (false), (true)) as kind (private)
cross join lateral (select sequence, chain from relay_log r where r.private = kind.private order by sequence desc limit 1) as head
"""

PLACE = """
insert into relay_log (private, sequence, event_id, chain)
select $1, $2 + place - 1, event_id, chain from unnest($3::uuid[], $4::bytea[]) with ordinality as placed (event_id, chain, place)
"""

SAID = "delete from outbox where id = any($1::bigint[])"

KNOWN_TOPIC = "select cluster_id, topic_id from relay_topic where topic = $1"

MET = """
insert into relay_topic (topic, cluster_id, topic_id) values ($1, $2, $3)
on conflict (topic) do update set cluster_id = excluded.cluster_id, topic_id = excluded.topic_id
"""
