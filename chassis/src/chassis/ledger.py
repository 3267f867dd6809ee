"""What a consumer keeps of its hearing, in PostgreSQL: marks, watermarks, facts known, records that wait, records set aside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.event_store import Connection
from chassis.heard import RawRecord
from chassis.topics import BrokerIdentity

type Stream = tuple[str, str]
"""Source and stream id: what a watermark belongs to."""

type Place = tuple[str, int]
"""Topic and partition: what a mark belongs to."""


class MarkElsewhere(Exception):
    """A mark names another cluster or another incarnation of its topic."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parking:
    """One record set aside, with all that is needed to say it again; what could not be read of it is None."""

    raw: RawRecord
    source: str | None
    stream: str | None
    type: str | None
    reason: str
    attempts: int
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Aside:
    """A record that was set aside and is not resolved, by the key of its row."""

    row: int
    raw: RawRecord
    reason: str


@dataclass(frozen=True)
class Ledger:
    """The five tables of one consumer (migration 0002); every method works inside the caller's transaction."""

    consumer: str

    async def lock_mark(self, connection: Connection, topic: str, partition: int, broker: BrokerIdentity) -> int | None:
        """The next offset to hear, locked until the transaction ends; None where the mark belongs to another topic id."""
        mark = await connection.fetchval(LOCK_MARK, self.consumer, topic, partition, broker.topic_ids[topic])
        if mark is not None:
            return int(mark)
        await connection.execute(FIRST_MARK, self.consumer, topic, partition, broker.cluster_id, broker.topic_ids[topic])
        mark = await connection.fetchval(LOCK_MARK, self.consumer, topic, partition, broker.topic_ids[topic])
        return None if mark is None else int(mark)

    async def lock_marks(self, connection: Connection, places: Sequence[Place], broker: BrokerIdentity) -> dict[Place, int]:
        """The next offset of each of these places, all locked, in order: until the transaction ends this consumer hears nothing there.

        Raises:
            MarkElsewhere: a mark belongs to another topic id.
        """
        topics, partitions = zip(*sorted(places), strict=True)
        topic_ids = [broker.topic_ids[topic] for topic in topics]
        await connection.execute(FIRST_MARKS, self.consumer, list(topics), list(partitions), broker.cluster_id, topic_ids)
        rows = await connection.fetch(LOCK_MARKS, self.consumer, list(topics), list(partitions))
        if strange := next((row["topic"] for row in rows if row["topic_id"] != broker.topic_ids[row["topic"]]), None):
            raise MarkElsewhere(f"a mark of {strange} belongs to another topic of that name; reconcile first")
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def move_mark(self, connection: Connection, topic: str, partition: int, next_offset: int) -> None:
        await connection.execute(MOVE_MARK, self.consumer, topic, partition, next_offset)

    async def aside(self, connection: Connection, subjects: Sequence[str]) -> set[str]:
        """Which of these subjects have a record set aside that is not resolved."""
        return {row["subject"] for row in await connection.fetch(ASIDE, self.consumer, subjects)}

    async def versions(self, connection: Connection, streams: Iterable[Stream]) -> dict[Stream, int]:
        """The last version heard of these streams."""
        asked = list(dict.fromkeys(streams))
        sources, ids = [source for source, _ in asked], [stream for _, stream in asked]
        return {(row["source"], row["stream_id"]): row["version"] for row in await connection.fetch(VERSIONS, self.consumer, sources, ids)}

    async def write_versions(self, connection: Connection, versions: Mapping[Stream, int]) -> None:
        streams = list(versions)
        await connection.execute(
            WATERMARK, self.consumer, [source for source, _ in streams], [stream for _, stream in streams], list(versions.values())
        )

    async def known(self, connection: Connection, subjects: Sequence[str]) -> set[tuple[str, str]]:
        """Facts (type, subject) already heard of these subjects."""
        return {(row["fact"], row["subject"]) for row in await connection.fetch(KNOWN, self.consumer, subjects)}

    async def expect(self, connection: Connection, facts: Sequence[str], subject: str) -> None:
        """A record of this subject is about to wait: until the transaction ends nobody else learns one of these facts of it."""
        await connection.execute(EXPECT, self.consumer, facts, subject)

    async def learn(self, connection: Connection, fact: str, subject: str) -> bool:
        """Whether some record was about to wait for it, perhaps since the records waiting were read."""
        return bool(await connection.fetchval(LEARN, self.consumer, fact, subject))

    async def waiting(self, connection: Connection, subjects: Sequence[str]) -> dict[str, list[tuple[int, RawRecord]]]:
        """By subject, the records that wait, oldest first, with the key of their row."""
        found: dict[str, list[tuple[int, RawRecord]]] = {}
        for row in await connection.fetch(WAITING, self.consumer, subjects):
            found.setdefault(row["subject"], []).append((row["id"], RawRecord.from_bytes(row["record"])))
        return found

    async def wait(self, connection: Connection, source: str, subject: str, needs: str, raw: RawRecord, now: datetime) -> int:
        return int(await connection.fetchval(WAIT, self.consumer, source, subject, needs, raw.to_bytes(), now))

    async def waited(self, connection: Connection, row: int) -> None:
        await connection.execute(WAITED, row)

    async def park(self, connection: Connection, parking: Parking) -> None:
        raw = parking.raw
        await connection.execute(
            PARK, self.consumer, raw.topic, raw.partition, raw.offset, parking.source, raw.subject(), parking.stream,
            parking.type, raw.to_bytes(), parking.reason, parking.attempts, parking.at,
        )  # fmt: skip

    async def subjects_aside(self, connection: Connection) -> list[str]:
        """Of whom a record is set aside and not resolved, the oldest first."""
        return [row["subject"] for row in await connection.fetch(SUBJECTS_ASIDE, self.consumer)]

    async def set_aside(self, connection: Connection, subject: str) -> list[Aside]:
        """What is set aside of this subject and not resolved, in the order in which it was, locked until the transaction ends."""
        rows = await connection.fetch(SET_ASIDE, self.consumer, subject)
        return [Aside(row=row["id"], raw=RawRecord.from_bytes(row["record"]), reason=row["reason"]) for row in rows]

    async def resolve(self, connection: Connection, row: int, now: datetime) -> None:
        await connection.execute(RESOLVE, row, now)

    async def fails_still(self, connection: Connection, row: int, reason: str) -> None:
        """It was tried once more, and this is why it stays."""
        await connection.execute(FAILS_STILL, row, reason)


FIRST_MARK = """
insert into marks (consumer, topic, partition, cluster_id, topic_id, next_offset) values ($1, $2, $3, $4, $5, 0)
on conflict (consumer, topic, partition) do nothing
"""

FIRST_MARKS = """
insert into marks (consumer, topic, partition, cluster_id, topic_id, next_offset)
select $1, topic, partition, $4, topic_id, 0 from unnest($2::text[], $3::int[], $5::text[]) as here (topic, partition, topic_id)
on conflict (consumer, topic, partition) do nothing
"""

LOCK_MARKS = """
select topic, partition, topic_id, next_offset from marks
where consumer = $1 and (topic, partition) in (select * from unnest($2::text[], $3::int[])) order by topic, partition for update
"""

LOCK_MARK = """
select next_offset from marks where consumer = $1 and topic = $2 and partition = $3 and topic_id = $4 for update
"""

MOVE_MARK = "update marks set next_offset = $4 where consumer = $1 and topic = $2 and partition = $3"

ASIDE = "select distinct subject from parked where consumer = $1 and subject = any($2::text[]) and resolved_at is null"

VERSIONS = """
select w.source, w.stream_id, w.version
from unnest($2::text[], $3::text[]) as asked (source, stream_id)
join watermarks w on w.consumer = $1 and w.source = asked.source and w.stream_id = asked.stream_id
"""

KNOWN = """
select fact, subject from known_subjects where consumer = $1 and subject = any($2::text[]) and not awaited
"""

EXPECT = """
insert into known_subjects (consumer, fact, subject, awaited) select $1, fact, $3, true from unnest($2::text[]) as fact
on conflict (consumer, fact, subject) do update set awaited = known_subjects.awaited
"""

LEARN = """
insert into known_subjects (consumer, fact, subject, awaited) values ($1, $2, $3, false)
on conflict (consumer, fact, subject) do update set awaited = false where known_subjects.awaited
returning xmax::text <> '0' as was_there
"""

WAITING = "select id, subject, record from waiting where consumer = $1 and subject = any($2::text[]) order by id"

WAIT = """
insert into waiting (consumer, source, subject, needs, record, since) values ($1, $2, $3, $4, $5, $6) returning id
"""

WAITED = "delete from waiting where id = $1"

WATERMARK = """
insert into watermarks (consumer, source, stream_id, version)
select $1, source, stream_id, version from unnest($2::text[], $3::text[], $4::int[]) as heard (source, stream_id, version)
on conflict (consumer, source, stream_id) do update set version = excluded.version
where watermarks.version < excluded.version
"""

PARK = """
insert into parked (consumer, topic, partition, record_offset, topic_id, source, subject, stream_id, event_type, record,
  reason, attempts, at)
select $1, $2, $3, $4, m.topic_id, $5, $6, $7, $8, $9, $10, $11, $12
from marks m where m.consumer = $1 and m.topic = $2 and m.partition = $3
on conflict (consumer, topic_id, partition, record_offset) do nothing
"""

SUBJECTS_ASIDE = """
select subject from parked where consumer = $1 and resolved_at is null and subject is not null group by subject order by min(id)
"""

SET_ASIDE = """
select id, record, reason from parked where consumer = $1 and subject = $2 and resolved_at is null order by id for update
"""

RESOLVE = "update parked set resolved_at = $2 where id = $1 and resolved_at is null"

FAILS_STILL = "update parked set reason = $2, attempts = attempts + 1 where id = $1"
