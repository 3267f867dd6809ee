"""One partition's share of a batch, in one transaction: mark compared and moved, effects, watermarks.

Effects once = effect and mark in one transaction, guarded by a row-locked compare, plus a version watermark per stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from opentelemetry import trace

from chassis.decider import Request, Trace
from chassis.event_store import Connection
from chassis.failpoints import failpoint
from chassis.heard import Heard, RawRecord, Unreadable, read
from chassis.subscription import Subscription
from chassis.telemetry import context_from, current_traceparent
from chassis.topics import BrokerIdentity
from contracts.event import Event

tracer = trace.get_tracer(__name__)

type Stream = tuple[str, str]


class HoleInPartition(Exception):
    """The record is beyond the mark: something between was not heard. Go back to the mark, never jump."""

    def __init__(self, next_offset: int) -> None:
        super().__init__(f"the mark is at {next_offset}")
        self.next_offset = next_offset


class HoleInStream(Exception):
    """A version of this stream was skipped: the subject is set aside until it is filled."""


@dataclass(kw_only=True)
class Share:
    """The work of one transaction."""

    subscription: Subscription
    connection: Connection
    now: datetime
    versions: dict[Stream, int] = field(default_factory=dict)
    known: set[tuple[str, str]] = field(default_factory=set)
    aside: set[str] = field(default_factory=set)
    queued: dict[str, list[tuple[int, RawRecord]]] = field(default_factory=dict)
    effects: list[Heard[Event]] = field(default_factory=list)

    async def take(self, records: Sequence[RawRecord], broker: BrokerIdentity) -> int:
        """Hear these records of one partition, in their order; the number of events that had an effect.

        Raises:
            HoleInPartition, HoleInStream, chassis.heard.Unreadable, and whatever an effect raises: roll back.
        """
        fresh = await self._move_mark(records, broker)
        believed = [read(raw) for raw in fresh if await self._not_aside(raw)]
        for witness in self.subscription.witnesses:
            await witness(self.connection, believed, self.now)
        await self._prepare(believed)
        for one in believed:
            if self._is_next(one):
                await self._admit(one)
        failpoint("consumer_before_first_write")
        await self._have_effects()
        failpoint("consumer_after_effects")
        await self._write_watermarks()
        failpoint("consumer_before_commit")
        return len(self.effects)

    async def _not_aside(self, raw: RawRecord) -> bool:
        """Records behind a parked one of the same subject are parked too, so that its order holds."""
        subject = raw.subject()
        if subject is None or subject not in self.aside:
            return True
        await self._park(raw, reason="behind a parked record of the same subject", attempts=0)
        return False

    async def set_aside(self, raw: RawRecord, broker: BrokerIdentity, *, reason: str, attempts: int) -> None:
        """Park one record that failed again and again: mark and watermark pass it, its subject's later records follow it."""
        if await self._move_mark([raw], broker):
            await self._park(raw, reason=reason, attempts=attempts)
            await self._write_watermarks()

    async def _move_mark(self, records: Sequence[RawRecord], broker: BrokerIdentity) -> Sequence[RawRecord]:
        first, last = records[0], records[-1]
        subscription, topic = self.subscription, first.topic
        place = (subscription.consumer, topic, first.partition)
        here = (broker.cluster_id, broker.topic_ids[topic])
        await self.connection.execute(FIRST_MARK, *place, *here)
        mark = await self.connection.fetchval(LOCK_MARK, *place, here[1])
        if mark is None:
            raise RuntimeError("the mark belongs to another topic; reconcile first")
        if first.offset > mark:
            raise HoleInPartition(mark)
        fresh = [record for record in records if record.offset >= mark]
        if fresh:
            await self.connection.execute(MOVE_MARK, *place, last.offset + 1)
        subjects = [subject for record in fresh if (subject := record.subject()) is not None]
        rows = await self.connection.fetch(ASIDE, subscription.consumer, subjects)
        self.aside = {row["subject"] for row in rows}
        return fresh

    async def _prepare(self, heard: Sequence[Heard[Event]]) -> None:
        """Read, once for the share, watermarks, facts known and records waiting."""
        consumer, subjects = self.subscription.consumer, list({one.subject for one in heard})
        sources = [one.source for one in heard]
        streams = [one.envelope.attributes.streamid for one in heard]
        for row in await self.connection.fetch(VERSIONS, consumer, sources, streams):
            self.versions[row["source"], row["stream_id"]] = row["version"]
        if self.subscription.needs:
            rows = await self.connection.fetch(KNOWN, consumer, subjects)
            self.known = {(row["fact"], row["subject"]) for row in rows}
            for row in await self.connection.fetch(QUEUED, consumer, subjects):
                self.queued.setdefault(row["subject"], []).append((row["id"], RawRecord.from_bytes(row["record"])))

    def _is_next(self, one: Heard[Event]) -> bool:
        """By its stream's version: the next one is taken, an old one skipped, a later one is a hole."""
        stream: Stream = (one.source, one.envelope.attributes.streamid)
        last, version = self.versions.get(stream, 0), one.envelope.attributes.streamversion
        if version <= last:
            return False
        if version > last + 1:
            raise HoleInStream(f"{one.envelope.attributes.type}: version {version} after {last}")
        self.versions[stream] = version
        return True

    async def _admit(self, one: Heard[Event]) -> None:
        """Have its effect now, or let it wait for the fact that it needs."""
        waiting = self.queued.get(one.subject, [])
        behind = any(raw.topic == one.raw.topic for _, raw in waiting)
        if behind or self._missing(one):
            await self._wait(one)
            return
        self.effects.append(one)
        if type(one.event) in self.subscription.facts:
            await self._learn(one)

    def _missing(self, one: Heard[Event]) -> bool:
        fact = self.subscription.needs.get(type(one.event))
        return fact is not None and (fact.wire_type(), one.subject) not in self.known

    async def _wait(self, one: Heard[Event]) -> None:
        fact = self.subscription.needs.get(type(one.event))
        needs = fact.wire_type() if fact else "its turn"
        row = await self.connection.fetchval(WAIT, self.subscription.consumer, one.source, one.subject, needs, one.raw.to_bytes(), self.now)
        self.queued.setdefault(one.subject, []).append((row, one.raw))

    async def _learn(self, one: Heard[Event]) -> None:
        """The fact has come: whoever waited for it has its effect now, in order."""
        self.known.add((one.event.wire_type(), one.subject))
        await self.connection.execute(LEARN, self.subscription.consumer, one.event.wire_type(), one.subject)
        stay: list[tuple[int, RawRecord]] = []
        for row, raw in self.queued.pop(one.subject, []):
            waited = read(raw)
            if self._missing(waited) or any(other.topic == raw.topic for _, other in stay):
                stay.append((row, raw))
                continue
            await self.connection.execute("delete from waiting where id = $1", row)
            self.effects.append(waited)
        if stay:
            self.queued[one.subject] = stay

    async def _have_effects(self) -> None:
        for projection in self.subscription.projections:
            await projection.fold(self.connection, self.effects)
        failpoint("consumer_mid_batch")
        requests = [request for one in self.effects for request in self._requests(one)]
        handlers = self.subscription.handlers
        for kind, run in groupby(requests, lambda request: type(request.command)):
            await handlers[kind].handle_in(self.connection, list(run))

    def _requests(self, one: Heard[Event]) -> list[Request[object]]:
        """A policy's requests, each traced as a child of the message that caused it."""
        commands = self.subscription.commands(one)
        if not commands:
            return []
        parent = context_from(one.envelope.traceparent, one.envelope.tracestate)
        with tracer.start_as_current_span(
            f"process {one.raw.topic}",
            context=parent,
            kind=trace.SpanKind.CONSUMER,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": one.raw.topic,
                "messaging.kafka.offset": one.raw.offset,
                "messaging.destination.partition.id": str(one.raw.partition),
                "messaging.consumer.group.name": self.subscription.consumer,
                "messaging.message.id": str(one.envelope.attributes.id),
                "messaging.message.conversation_id": str(one.envelope.attributes.correlationid),
            },
        ):
            traceparent, tracestate = current_traceparent()
        here = Trace(traceparent=traceparent, tracestate=tracestate)
        return [self.subscription.request(one, command, place, here) for place, command in enumerate(commands)]

    async def _write_watermarks(self) -> None:
        rows = [(self.subscription.consumer, *stream, version) for stream, version in self.versions.items()]
        if rows:
            await self.connection.executemany(WATERMARK, rows)

    async def _park(self, raw: RawRecord, *, reason: str, attempts: int) -> None:
        """Keep all that is needed to say it again; its stream's version counts as heard, so a second hearing parks nothing."""
        source = stream = kind = None
        try:
            one = read(raw)
        except Unreadable:
            pass
        else:
            source, stream, kind = one.source, one.envelope.attributes.streamid, one.envelope.attributes.type
            version = one.envelope.attributes.streamversion
            heard = await self.connection.fetchval(HEARD, self.subscription.consumer, source, stream) or 0
            if version <= max(heard, self.versions.get((source, stream), 0)):
                return
            self.versions[source, stream] = version
        topic_id = await self.connection.fetchval(TOPIC_ID, self.subscription.consumer, raw.topic, raw.partition)
        await self.connection.execute(
            PARK, self.subscription.consumer, raw.topic, raw.partition, raw.offset, topic_id,
            source, raw.subject(), stream, kind, raw.to_bytes(), reason, attempts, self.now,
        )  # fmt: skip


FIRST_MARK = """
insert into marks (consumer, topic, partition, cluster_id, topic_id, next_offset) values ($1, $2, $3, $4, $5, 0)
on conflict (consumer, topic, partition) do nothing
"""

LOCK_MARK = """
select next_offset from marks where consumer = $1 and topic = $2 and partition = $3 and topic_id = $4 for update
"""

MOVE_MARK = "update marks set next_offset = $4 where consumer = $1 and topic = $2 and partition = $3"

TOPIC_ID = "select topic_id from marks where consumer = $1 and topic = $2 and partition = $3"

ASIDE = "select distinct subject from parked where consumer = $1 and subject = any($2::text[]) and resolved_at is null"

VERSIONS = """
select w.source, w.stream_id, w.version
from (select distinct source, stream_id from unnest($2::text[], $3::text[]) as asked (source, stream_id)) as asked
join watermarks w on w.consumer = $1 and w.source = asked.source and w.stream_id = asked.stream_id
"""

HEARD = "select version from watermarks where consumer = $1 and source = $2 and stream_id = $3"

KNOWN = "select fact, subject from known_subjects where consumer = $1 and subject = any($2::text[])"

QUEUED = "select id, subject, record from waiting where consumer = $1 and subject = any($2::text[]) order by id"

WAIT = """
insert into waiting (consumer, source, subject, needs, record, since) values ($1, $2, $3, $4, $5, $6) returning id
"""

LEARN = "insert into known_subjects (consumer, fact, subject) values ($1, $2, $3) on conflict do nothing"

WATERMARK = """
insert into watermarks (consumer, source, stream_id, version) values ($1, $2, $3, $4)
on conflict (consumer, source, stream_id) do update set version = excluded.version
where watermarks.version < excluded.version
"""

PARK = """
insert into parked (consumer, topic, partition, record_offset, topic_id, source, subject, stream_id, event_type, record,
  reason, attempts, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (consumer, topic_id, partition, record_offset) do nothing
"""
