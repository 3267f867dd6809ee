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
from chassis.ledger import Ledger, Parking, Stream
from chassis.subscription import Subscription
from chassis.telemetry import context_from, current_traceparent
from chassis.topics import BrokerIdentity
from contracts.event import Event

tracer = trace.get_tracer(__name__)


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
    ledger: Ledger
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
        return await self.hear(await self._move_mark(records, broker))

    async def hear(self, fresh: Sequence[RawRecord]) -> int:
        """As `take`, of records whose mark is somebody else's care."""
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

    async def take_again(self, one: Heard[Event]) -> None:
        """Have the effect of one that was set aside: its mark has passed it, and its version counts as heard whatever it was.

        Raises:
            whatever an effect raises: roll back.
        """
        for witness in self.subscription.witnesses:
            await witness(self.connection, [one], self.now)
        await self._prepare([one])
        self.versions[one.stream] = max(self.versions.get(one.stream, 0), one.envelope.attributes.streamversion)
        await self._admit(one)
        await self._have_effects()
        await self._write_watermarks()

    async def _move_mark(self, records: Sequence[RawRecord], broker: BrokerIdentity) -> Sequence[RawRecord]:
        """Compare and move, under the row's lock: what was heard before is left out, what lies beyond is a hole."""
        first, last = records[0], records[-1]
        mark = await self.ledger.lock_mark(self.connection, first.topic, first.partition, broker)
        if mark is None:
            raise RuntimeError("the mark belongs to another topic; reconcile first")
        if first.offset > mark:
            raise HoleInPartition(mark)
        fresh = [record for record in records if record.offset >= mark]
        if fresh:
            await self.ledger.move_mark(self.connection, first.topic, first.partition, last.offset + 1)
        subjects = {subject for record in fresh if (subject := record.subject()) is not None}
        self.aside = await self.ledger.aside(self.connection, list(subjects))
        return fresh

    async def _prepare(self, heard: Sequence[Heard[Event]]) -> None:
        """Read, once for the share, watermarks, facts known and records waiting."""
        self.versions |= await self.ledger.versions(self.connection, [one.stream for one in heard])
        if self.subscription.needs:
            subjects = list({one.subject for one in heard})
            self.known = await self.ledger.known(self.connection, subjects)
            self.queued = await self.ledger.waiting(self.connection, subjects)

    def _is_next(self, one: Heard[Event]) -> bool:
        """By its stream's version: the next one is taken, an old one skipped, a later one is a hole."""
        stream, version = one.stream, one.envelope.attributes.streamversion
        last = self.versions.get(stream, 0)
        if version <= last:
            return False
        if version > last + 1:
            raise HoleInStream(f"{one.envelope.attributes.type}: version {version} after {last}")
        self.versions[stream] = version
        return True

    async def _admit(self, one: Heard[Event]) -> None:
        """Have its effect now, or let it wait for the fact that it needs."""
        if self._must_wait(one):
            await self._look_again(one.subject)
        if self._must_wait(one):
            await self._wait(one)
            return
        self.effects.append(one)
        if type(one.event) in self.subscription.facts:
            await self._learn(one)

    def _must_wait(self, one: Heard[Event]) -> bool:
        """Its fact is missing, or another of the same speaker and subject waits before it."""
        waiting = self.queued.get(one.subject)
        return self._missing(one) or (waiting is not None and any(raw.topic == one.raw.topic for _, raw in waiting))

    async def _look_again(self, subject: str) -> None:
        """Another member may be learning the fact now: whoever comes second of the two sees what the first one wrote."""
        await self.ledger.expect(self.connection, sorted(fact.wire_type() for fact in self.subscription.facts), subject)
        self.known |= await self.ledger.known(self.connection, [subject])
        self.queued[subject] = (await self.ledger.waiting(self.connection, [subject])).get(subject, [])

    def _missing(self, one: Heard[Event]) -> bool:
        fact = self.subscription.needs.get(type(one.event))
        return fact is not None and (fact.wire_type(), one.subject) not in self.known

    async def _wait(self, one: Heard[Event]) -> None:
        fact = self.subscription.needs.get(type(one.event))
        needs = fact.wire_type() if fact else "its turn"
        row = await self.ledger.wait(self.connection, one.source, one.subject, needs, one.raw, self.now)
        self.queued.setdefault(one.subject, []).append((row, one.raw))

    async def _learn(self, one: Heard[Event]) -> None:
        """The fact has come: whoever waited for it has its effect now, in order."""
        self.known.add((one.event.wire_type(), one.subject))
        if await self.ledger.learn(self.connection, one.event.wire_type(), one.subject):
            self.queued |= await self.ledger.waiting(self.connection, [one.subject])
        stay: list[tuple[int, RawRecord]] = []
        for row, raw in self.queued.pop(one.subject, []):
            waited = read(raw)
            if self._missing(waited) or any(other.topic == raw.topic for _, other in stay):
                stay.append((row, raw))
                continue
            await self.ledger.waited(self.connection, row)
            self.effects.append(waited)
        if stay:
            self.queued[one.subject] = stay

    async def _have_effects(self) -> None:
        for projection in self.subscription.projections:
            await projection.fold(self.connection, self.effects)
        failpoint("consumer_mid_batch")
        if not self.subscription.asks:
            return
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
        if self.versions:
            await self.ledger.write_versions(self.connection, self.versions)

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
            heard = await self.ledger.versions(self.connection, [one.stream])
            if version <= max(heard.get(one.stream, 0), self.versions.get(one.stream, 0)):
                return
            self.versions[one.stream] = version
        await self.ledger.park(
            self.connection,
            Parking(raw=raw, source=source, stream=stream, type=kind, reason=reason, attempts=attempts, at=self.now),
        )
