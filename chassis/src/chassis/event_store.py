"""The event store of one service: events, their command and their outbox rows in one statement, at the expected version."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from uuid_utils.compat import uuid7

from chassis.chain import canonical, digest_of, leaf_of
from chassis.clock import Clock
from chassis.decider import Request, Trace
from contracts.catalogue import dataschema_of, decode
from contracts.envelope import rfc3339
from contracts.event import Event

type Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

PARIS = ZoneInfo("Europe/Paris")


class Conflict(Exception):
    """Somebody else wrote first: the version that was read is no longer the last. Load again and decide again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One event as it will be stored, its bytes made once."""

    event_id: UUID
    stream: str
    version: int
    private: bool
    type: str
    subject: str
    happened_at: datetime
    recorded_at: datetime
    actor: str
    correlation_id: UUID
    causation_id: UUID | None
    command_id: UUID
    attributes: bytes
    leaf: bytes
    body: bytes
    trace: Trace


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """The row of `commands`: what a repeated request is given."""

    command_id: UUID
    actor: str
    route: str
    fingerprint: bytes
    status: int
    answer: bytes


def _instant(happened: date | datetime) -> datetime:
    """A bare date is the start of that day in Europe/Paris."""
    if isinstance(happened, datetime):
        return happened
    return datetime.combine(happened, time.min, tzinfo=PARIS).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class EventStore:
    """Where one speaker keeps what it decided.

    source: the CloudEvents source, `/raccroche/<service>`. clock: gives `recordedtime`. new_id: a UUIDv7 each time.
    """

    source: str
    clock: Clock
    new_id: Callable[[], UUID] = uuid7

    def record(self, event: Event, version: int, request: Request[object]) -> Recording:
        """Serialise an event once. `time` is when the event says it happened, else the request, else now."""
        now = self.clock.now()
        happened = _instant(event.happened() or request.happened_at or now)
        recorded = rfc3339(now)
        body, event_id, kind = event.to_bytes(), self.new_id(), type(event)
        attributes = {
            "specversion": "1.0",
            "id": str(event_id),
            "source": self.source,
            "type": kind.wire_type(),
            "subject": event.subject,
            "time": recorded if happened is now else rfc3339(happened),
            "datacontenttype": "application/json",
            "dataschema": dataschema_of(kind),
            "recordedtime": recorded,
            "streamid": event.stream,
            "streamversion": str(version),
            "digest": digest_of(body),
            "correlationid": str(request.correlation_id),
            "actor": request.actor,
        }
        if request.causation_id is not None:
            attributes["causationid"] = str(request.causation_id)
        fixed = canonical(attributes)
        return Recording(
            event_id=event_id, stream=event.stream, version=version, private=kind.private, type=attributes["type"],
            subject=event.subject, happened_at=happened, recorded_at=now, actor=request.actor,
            correlation_id=request.correlation_id, causation_id=request.causation_id, command_id=request.command_id,
            attributes=fixed, leaf=leaf_of(fixed), body=body, trace=request.trace,
        )  # fmt: skip

    async def load(self, connection: Connection, streams: Iterable[str]) -> dict[str, list[Event]]:
        """The events of these streams, each in its order; a stream never written is an empty list."""
        found: dict[str, list[Event]] = {stream: [] for stream in streams}
        for row in await connection.fetch(LOAD, list(found)):
            found[row["stream_id"]].append(decode(row["type"], row["body"]))
        return found

    async def append(self, connection: Connection, recordings: Sequence[Recording], answers: Sequence[Answered]) -> None:
        """Write events, outbox rows and command rows, all or nothing, inside the caller's transaction if there is one.

        Raises:
            Conflict: a version is taken, or a command id is already answered.
        """
        events = [_columns(recording) for recording in recordings]
        at = self.clock.now()
        commands = [(a.command_id, a.actor, a.route, a.fingerprint, a.status, a.answer, at) for a in answers]
        try:
            if len(events) >= BULK:
                async with connection.transaction():
                    await connection.copy_records_to_table("events", records=events, columns=EVENT_COLUMNS)
                    await connection.copy_records_to_table("commands", records=commands, columns=COMMAND_COLUMNS)
                    await connection.copy_records_to_table("outbox", records=[(r.event_id,) for r in recordings], columns=("event_id",))
            else:
                await connection.execute(APPEND, *_transposed(events, 17), *_transposed(commands, 7))
        except asyncpg.UniqueViolationError as taken:
            raise Conflict(str(taken.constraint_name)) from None

    async def answered(self, connection: Connection, command_ids: Sequence[UUID]) -> dict[UUID, Answered]:
        """The answers already given to these commands."""
        rows = await connection.fetch(ANSWERED, list(command_ids))
        return {row["command_id"]: Answered(**dict(row)) for row in rows}


def _columns(r: Recording) -> tuple[object, ...]:
    return (
        r.event_id, r.stream, r.version, r.private, r.type, r.subject, r.happened_at, r.recorded_at, r.actor,
        r.correlation_id, r.causation_id, r.command_id, r.attributes, r.leaf, r.body, r.trace.traceparent, r.trace.tracestate,
    )  # fmt: skip


def _transposed(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


BULK = 100
"""From so many events on, COPY is faster than one statement, although it takes five round trips."""

EVENT_COLUMNS = (
    "event_id", "stream_id", "stream_version", "private", "type", "subject", "happened_at", "recorded_at", "actor",
    "correlation_id", "causation_id", "command_id", "attributes", "leaf", "body", "traceparent", "tracestate",
)  # fmt: skip

COMMAND_COLUMNS = ("command_id", "actor", "route", "fingerprint", "status", "answer", "at")

LOAD = """
select stream_id, type, body from events where stream_id = any($1::text[]) order by stream_id, stream_version
"""

ANSWERED = """
select command_id, actor, route, fingerprint, status, answer from commands where command_id = any($1::uuid[])
"""

APPEND = """
with appended as (
  insert into events (event_id, stream_id, stream_version, private, type, subject, happened_at, recorded_at, actor,
    correlation_id, causation_id, command_id, attributes, leaf, body, traceparent, tracestate)
  select event_id, stream_id, stream_version, private, type, subject, happened_at, recorded_at, actor,
    correlation_id, causation_id, command_id, attributes, leaf, body, traceparent, tracestate
  from unnest($1::uuid[], $2::text[], $3::int[], $4::bool[], $5::text[], $6::text[], $7::timestamptz[],
    $8::timestamptz[], $9::text[], $10::uuid[], $11::uuid[], $12::uuid[], $13::bytea[], $14::bytea[], $15::bytea[],
    $16::text[], $17::text[])
    as new (event_id, stream_id, stream_version, private, type, subject, happened_at, recorded_at, actor,
    correlation_id, causation_id, command_id, attributes, leaf, body, traceparent, tracestate)
), answered as (
  insert into commands (command_id, actor, route, fingerprint, status, answer, at)
  select command_id, actor, route, fingerprint, status, answer, at
  from unnest($18::uuid[], $19::text[], $20::text[], $21::bytea[], $22::smallint[], $23::bytea[], $24::timestamptz[])
    as new (command_id, actor, route, fingerprint, status, answer, at)
)
insert into outbox (event_id)
select event_id from unnest($1::uuid[]) with ordinality as new (event_id, place) order by place
"""
