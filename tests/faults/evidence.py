"""What is left when a scenario is at rest, read by other means than the code's: SQL over the tables, librdkafka over the topic."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from confluent_kafka import Consumer, TopicPartition

from faults.clients import Call
from faults.topic import TOPIC

if TYPE_CHECKING:
    from faults.ground import Ground

TABLES = ("counted", "counted_again")


@dataclass(frozen=True, kw_only=True)
class Event:
    event_id: UUID
    stream_id: str
    stream_version: int
    subject: str
    command_id: UUID
    attributes: bytes
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Place:
    sequence: int
    event_id: UUID
    chain: bytes


@dataclass(frozen=True, kw_only=True)
class Record:
    partition: int
    offset: int
    key: str
    headers: Mapping[str, str]
    value: bytes


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A row of the specimen's projection. trail: SHA-256 over the one before and the event's id, so that order is seen."""

    times: int
    last: int
    trail: str


@dataclass(frozen=True, kw_only=True)
class Parked:
    subject: str | None
    readable: bool
    resolved: bool = False


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """answers: of the commands table, status by command id. repeats_allowed: at most so many records said again.
    mended: the handler's bug was, and what it had hidden was taken again.
    """

    calls: Sequence[Call] = ()
    actor: str = "ops"
    events: Sequence[Event] = ()
    places: Sequence[Place] = ()
    answers: Mapping[UUID, int] = field(default_factory=dict)
    records: Sequence[Record] = ()
    rows: Mapping[str, Counted] = field(default_factory=dict)
    marks: Mapping[int, int] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    watermarks: Mapping[str, int] = field(default_factory=dict)
    parked: Sequence[Parked] = ()
    waiting: int = 0
    repeats_allowed: int = 0
    poison: int = 0
    mended: bool = False


async def gathered(ground: Ground) -> Evidence:
    """Everything about one scenario."""
    async with ground.admin() as admin:
        events = [Event(**dict(row)) for row in await admin.fetch(EVENTS)]
        return Evidence(
            calls=ground.clients.calls,
            events=events,
            places=[Place(**dict(row)) for row in await admin.fetch(PLACES)],
            answers={row["command_id"]: row["status"] for row in await admin.fetch("select command_id, status from commands")},
            rows={row["offer_id"]: Counted(times=row["times"], last=row["last"], trail=row["trail"]) for row in await admin.fetch(ROWS)},
            marks={row["partition"]: row["next_offset"] for row in await admin.fetch(MARKS, ground.consumer, TOPIC)},
            watermarks={row["stream_id"]: row["version"] for row in await admin.fetch(WATERMARKS, ground.consumer)},
            parked=[Parked(**dict(row)) for row in await admin.fetch(PARKED, ground.consumer)],
            waiting=await admin.fetchval("select count(*) from waiting"),
            ends=await asyncio.to_thread(ends, ground.stack.bootstrap),
            records=await asyncio.to_thread(scanned, ground.stack.bootstrap),
            repeats_allowed=ground.said_again + TOGETHER * ground.interruptions,
            poison=ground.poison,
            mended=ground.mended,
        )


TOGETHER = 3_000
"""Two of the relay's batches may be on their way when it is stopped, and are said again."""


def ends(bootstrap: str) -> dict[int, int]:
    """The next offset of every partition."""
    consumer = _reader(bootstrap)
    try:
        partitions = consumer.list_topics(TOPIC, timeout=20).topics[TOPIC].partitions
        return {partition: consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=20)[1] for partition in partitions}
    finally:
        consumer.close()


def scanned(bootstrap: str) -> list[Record]:
    """Every record of the topic, partition by partition, in order."""
    left = {partition: end for partition, end in ends(bootstrap).items() if end}
    consumer = _reader(bootstrap)
    try:
        consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in left])
        found = []
        while left:
            for record in consumer.consume(1_000, timeout=10):
                found.append(_read(record))
                if record.offset() + 1 >= left.get(record.partition(), 0):
                    left.pop(record.partition(), None)
        return sorted(found, key=lambda one: (one.partition, one.offset))
    finally:
        consumer.close()


def _reader(bootstrap: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap, "group.id": f"oracle-{uuid4()}", "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "log_level": 0,
        }
    )  # fmt: skip


def _read(record: Any) -> Record:  # Any: librdkafka's message, whose values may be none where its types say they are not
    headers = {name.removeprefix("ce_"): (value or b"").decode(errors="replace") for name, value in record.headers() or ()}
    key = (record.key() or b"").decode(errors="replace")
    return Record(partition=record.partition(), offset=record.offset(), key=key, headers=headers, value=record.value() or b"")


EVENTS = "select event_id, stream_id, stream_version, subject, command_id, attributes, body from events"

PLACES = "select sequence, event_id, chain from relay_log order by sequence"

ROWS = "select offer_id, times, last, trail from counted"

MARKS = "select partition, next_offset from marks where consumer = $1 and topic = $2"

WATERMARKS = "select stream_id, version from watermarks where consumer = $1"

PARKED = "select subject, source is not null as readable, resolved_at is not null as resolved from parked where consumer = $1"
