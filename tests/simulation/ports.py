"""The chassis's ports over the database in memory: each method one statement, as the real ones are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg

from chassis.chain import GENESIS, link
from chassis.event_store import Answered, Conflict, EventStore, Recording
from chassis.heard import RawRecord
from chassis.ledger import Aside, Parking, Stream
from chassis.outbox import Entry
from chassis.projection import Projection
from contracts.catalogue import decode
from contracts.event import Event
from simulation.memory import GONE, MemoryConnection, Transaction

type Row = tuple[int, Recording]
"""One of the outbox: its number, and what it stands for."""


@dataclass(frozen=True, kw_only=True)
class MemoryStore:
    """Port `Store` of the handler. unique: whether a version is taken once only (false: a mutant)."""

    real: EventStore
    unique: bool = True

    def record(self, event: Event, version: int, request: Any) -> Recording:
        return self.real.record(event, version, request)

    async def load(self, connection: MemoryConnection, streams: Iterable[str]) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = {stream: [] for stream in streams}
        async with connection.statement("load") as now:
            for (stream, _, _), row in sorted(now.scan("events").items(), key=lambda one: one[0][:2]):
                if stream in found:
                    found[stream].append(decode(row.type, row.body))
        return found

    async def append(self, connection: MemoryConnection, recordings: Sequence[Recording], answers: Sequence[Answered]) -> None:
        async with connection.statement("append") as now:
            for recording in recordings:
                key = (recording.stream, recording.version, "" if self.unique else str(recording.event_id))
                if not await now.insert("events", key, recording):
                    raise Conflict("events_stream_id_stream_version_key")
                number = now.memory.draw()
                now.writes["outbox", number] = recording.event_id
            for answer in answers:
                if not await now.insert("commands", answer.command_id, answer):
                    raise Conflict("commands_pkey")

    async def answered(self, connection: MemoryConnection, command_ids: Sequence[UUID]) -> dict[UUID, Answered]:
        async with connection.statement("answered") as now:
            return {one: row for one in command_ids if (row := now.read("commands", one)) is not None}


@dataclass(kw_only=True)
class MemoryOutbox:
    """Port `Rows` of the relay."""

    connection: MemoryConnection
    head: tuple[int, bytes] | None = None

    async def leftovers(self, limit: int) -> list[Entry]:
        async with self.connection.statement("leftovers") as now:
            placed = now.scan("placed")
            found = [entry_of(_event(now, number), number, placed[one]) for number, one in now.scan("outbox").items() if one in placed]
        return sorted(found, key=lambda entry: (entry.private, entry.sequence))[:limit]

    async def waiting(self, besides: Sequence[int], limit: int) -> list[Entry]:
        async with self.connection.statement("waiting") as now:
            if self.head is None:
                self.head = max(now.scan("placed").values(), default=(0, GENESIS))
            return self.numbered([row for row in self.seen(now) if row[0] not in besides][:limit])

    def seen(self, now: Transaction) -> list[Row]:
        """What the outbox holds, in its order."""
        return [(number, _event(now, number)) for number in sorted(now.scan("outbox"))]

    def numbered(self, rows: Sequence[Row]) -> list[Entry]:
        """Each with the place that comes next."""
        assert self.head is not None
        (sequence, chain), found = self.head, []
        for number, row in rows:
            sequence, chain = sequence + 1, link(chain, sequence + 1, row.leaf)
            found.append(entry_of(row, number, (sequence, chain)))
        return found

    async def place(self, entries: Sequence[Entry]) -> None:
        async with self.connection.statement("place") as now:
            for entry in entries:
                self.head = (entry.sequence, entry.chain)
                free = await now.insert("places", entry.sequence, entry.event_id)
                if not free or not await now.insert("placed", entry.event_id, (entry.sequence, entry.chain)):
                    raise asyncpg.UniqueViolationError("relay_log")

    async def said(self, outbox_ids: Sequence[int]) -> None:
        async with self.connection.statement("said") as now:
            for number in outbox_ids:
                await now.put("outbox", number, GONE)


@dataclass(frozen=True, kw_only=True)
class Laid:
    """A row of `parked`."""

    row: int
    parking: Parking
    reason: str
    resolved: bool = False


def _event(now: Transaction, number: int) -> Recording:
    event_id = now.read("outbox", number)
    (row,) = [row for row in now.scan("events").values() if row.event_id == event_id]
    return row


def entry_of(r: Recording, number: int, place: tuple[int, bytes]) -> Entry:
    """The entry of a recording, under the outbox's number, at a place."""
    return Entry(
        outbox_id=number, event_id=r.event_id, private=r.private, sequence=place[0], chain=place[1], subject=r.subject,
        recorded=int(r.recorded_at.timestamp() * 1000), attributes=r.attributes, leaf=r.leaf, body=r.body, traceparent=None, tracestate=None,
    )  # fmt: skip


@dataclass(frozen=True)
class MemoryLedger:
    """Port of chassis.ledger.Ledger."""

    consumer: str

    async def lock_mark(self, connection: MemoryConnection, topic: str, partition: int, broker: Any) -> int | None:
        key = (self.consumer, topic, partition)
        async with connection.statement("lock_mark") as now:
            await now.lock("marks", key)
            topic_id, mark = now.read("marks", key) or (broker.topic_ids[topic], 0)
            return mark if topic_id == broker.topic_ids[topic] else None

    async def move_mark(self, connection: MemoryConnection, topic: str, partition: int, next_offset: int) -> None:
        key = (self.consumer, topic, partition)
        async with connection.statement("move_mark") as now:
            topic_id = (now.read("marks", key) or ("t1", 0))[0]
            await now.put("marks", key, (topic_id, next_offset))

    async def aside(self, connection: MemoryConnection, subjects: Sequence[str]) -> set[str]:
        async with connection.statement("aside") as now:
            return {laid.parking.raw.subject() for laid in self._laid(now)} & set(subjects)

    async def versions(self, connection: MemoryConnection, streams: Iterable[Stream]) -> dict[Stream, int]:
        async with connection.statement("versions") as now:
            return {one: row for one in streams if (row := now.read("watermarks", (self.consumer, *one))) is not None}

    async def write_versions(self, connection: MemoryConnection, versions: Mapping[Stream, int]) -> None:
        async with connection.statement("write_versions") as now:
            for stream, version in versions.items():
                key = (self.consumer, *stream)
                await now.lock("watermarks", key)
                await now.put("watermarks", key, max(version, now.read("watermarks", key) or 0))

    async def known(self, connection: MemoryConnection, subjects: Sequence[str]) -> set[tuple[str, str]]:
        async with connection.statement("known") as now:
            return {(fact, subject) for name, fact, subject in now.scan("known") if name == self.consumer and subject in subjects}

    async def learn(self, connection: MemoryConnection, fact: str, subject: str) -> None:
        async with connection.statement("learn") as now:
            await now.insert("known", (self.consumer, fact, subject), True)

    async def waiting(self, connection: MemoryConnection, subjects: Sequence[str]) -> dict[str, list[tuple[int, RawRecord]]]:
        found: dict[str, list[tuple[int, RawRecord]]] = {}
        async with connection.statement("waiting") as now:
            for number, (name, subject, raw) in sorted(now.scan("waiting").items()):
                if name == self.consumer and subject in subjects:
                    found.setdefault(subject, []).append((number, raw))
        return found

    async def wait(self, connection: MemoryConnection, source: str, subject: str, needs: str, raw: RawRecord, at: Any) -> int:
        async with connection.statement("wait") as now:
            number = now.memory.draw()
            now.writes["waiting", number] = (self.consumer, subject, raw)
            return number

    async def waited(self, connection: MemoryConnection, row: int) -> None:
        async with connection.statement("waited") as now:
            await now.put("waiting", row, GONE)

    async def park(self, connection: MemoryConnection, parking: Parking) -> None:
        async with connection.statement("park") as now:
            raw = parking.raw
            laid = Laid(row=now.memory.draw(), parking=parking, reason=parking.reason)
            await now.insert("parked", (self.consumer, raw.topic, raw.partition, raw.offset), laid)

    async def lock_marks(self, connection: MemoryConnection, places: Sequence[tuple[str, int]], broker: Any) -> dict[tuple[str, int], int]:
        found = {}
        for topic, partition in sorted(places):
            found[topic, partition] = await self.lock_mark(connection, topic, partition, broker) or 0
        return found

    async def subjects_aside(self, connection: MemoryConnection) -> list[str]:
        async with connection.statement("subjects_aside") as now:
            return list(dict.fromkeys(subject for laid in self._laid(now) if (subject := laid.parking.raw.subject()) is not None))

    async def set_aside(self, connection: MemoryConnection, subject: str) -> list[Aside]:
        async with connection.statement("set_aside") as now:
            laid = [one for one in self._laid(now) if one.parking.raw.subject() == subject]
            return [Aside(row=one.row, raw=one.parking.raw, reason=one.reason) for one in laid]

    async def resolve(self, connection: MemoryConnection, row: int, now: Any) -> None:
        await self._change(connection, row, resolved=True)

    async def fails_still(self, connection: MemoryConnection, row: int, reason: str) -> None:
        await self._change(connection, row, reason=reason)

    def _laid(self, now: Transaction) -> list["Laid"]:
        """Not resolved, in the order in which they were set aside."""
        own = [laid for key, laid in now.scan("parked").items() if key[0] == self.consumer and not laid.resolved]
        return sorted(own, key=lambda laid: laid.row)

    async def _change(self, connection: MemoryConnection, row: int, **changes: Any) -> None:
        async with connection.statement("change") as now:
            for key, laid in now.scan("parked").items():
                if laid.row == row:
                    await now.put("parked", key, replace(laid, **changes))


class MemoryRows:
    """Port `Rows` of projections."""

    async def load(self, connection: MemoryConnection, of: Projection[Any], keys: Sequence[object]) -> dict[object, Any]:
        async with connection.statement("load rows") as now:
            return {key: row for key in keys if (row := now.read(of.table, key)) is not None}

    async def write(self, connection: MemoryConnection, of: Projection[Any], kept: Mapping[object, Any], gone: Sequence[object]) -> None:
        async with connection.statement("write rows") as now:
            for key, row in kept.items():
                await now.put(of.table, key, row)
            for key in gone:
                await now.put(of.table, key, GONE)
