"""What a consumer keeps of its hearing, in PostgreSQL: marks, watermarks, facts known, records that wait, records set aside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.event_store import Connection
from chassis.heard import RawRecord
from chassis.topics import BrokerIdentity

type Stream = tuple[str, str]
"""Source and stream id: what a watermark belongs to."""


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

    async def learn(self, connection: Connection, fact: str, subject: str) -> None:
        await connection.execute(LEARN, self.consumer, fact, subject)

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


FIRST_MARK = """
insert into marks (consumer, topic, partition, cluster_id, topic_id, next_offset) values ($1, $2, $3, $4, $5, 0)
on conflict (consumer, topic, partition) do nothing
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

KNOWN = "select fact, subject from known_subjects where consumer = $1 and subject = any($2::text[])"

LEARN = "insert into known_subjects (consumer, fact, subject) values ($1, $2, $3) on conflict do nothing"

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
