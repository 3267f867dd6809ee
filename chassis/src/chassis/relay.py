"""The relay: one per service, it gives each event its place and chain, copies the stored bytes to Kafka, empties the outbox.

Order of acts (GUARANTEES 2): sequence and chain in a committed transaction, send, all acknowledged, then delete. A crash
between any two repeats a send and loses nothing. Two relays alive at once can only repeat what was said.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import asyncpg
from opentelemetry import trace

from chassis import speech
from chassis.failpoints import failpoint
from chassis.logs import get_logger
from chassis.outbox import Entry, Outbox
from chassis.telemetry import links_from
from chassis.topics import BrokerIdentity, identity_of

BATCH = 1_500
POLL_SECONDS = 0.05
LITTLE, GATHER_SECONDS = 100, 0.005
"""After a batch smaller than this the next one is let gather for so long: a batch of one costs nearly what one of a hundred does."""
STANDBY_SECONDS = 1.0
ACK_SECONDS = 3.0
"""A producer that waits longer is let go with all that it holds. It would go on trying whoever answers at the broker's address, and a new
cluster at that address must hear its topic's beginning first; none is up within this time."""

log = get_logger(__name__)
tracer = trace.get_tracer(__name__)


class StrangeBroker(Exception):
    """The topic is not the one written so far: another cluster or a topic made anew. Somebody must decide before anything is said."""


class Voice[Ready](Protocol):
    """Says entries in their order: makes them ready, which nobody hears, and hands over what is ready.

    What comes back of `say` ends when all are acknowledged, and raises when one is not.
    """

    async def prepare(self, entries: Sequence[Entry]) -> Ready: ...

    async def say(self, ready: Ready) -> asyncio.Future[None]: ...


class Rows(Protocol):
    """The outbox: chassis.outbox in earnest, a table in memory in the simulation."""

    async def leftovers(self, limit: int) -> list[Entry]: ...

    async def waiting(self, besides: Sequence[int], limit: int) -> list[Entry]: ...

    async def place(self, entries: Sequence[Entry]) -> None: ...

    async def said(self, outbox_ids: Sequence[int]) -> None: ...


@dataclass(frozen=True)
class Saying:
    """A batch handed over and not yet acknowledged."""

    outbox_ids: tuple[int, ...]
    acknowledged: asyncio.Future[None]


@dataclass(kw_only=True)
class Relay:
    """Runs for the life of its service. `alive`: it holds the lock, or stands by for it; `wake` is set by commits."""

    dsn: str
    topic: str
    bootstrap: str
    refill: bool
    broker: BrokerIdentity = field(default_factory=lambda: BrokerIdentity(cluster_id="", topic_ids={}))
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    alive: bool = False

    async def run(self) -> None:
        """Relay until cancelled; on trouble with broker or database start again from the lock.

        Raises:
            StrangeBroker: the broker is not the one that heard the past, and refilling was not allowed.
        """
        pause = 0.2
        while True:
            try:
                await self._hold_office()
                pause = 0.2
            except StrangeBroker:
                raise
            except Exception as trouble:  # noqa: BLE001 -- whatever it was, the answer is the same: let go of everything, begin again
                self.alive = False
                log.warning("relay starts again", reason=type(trouble).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _hold_office(self) -> None:
        connection = await asyncpg.connect(self.dsn, command_timeout=30)
        try:
            outbox = Outbox(connection=connection)
            while not await outbox.lock():
                self.alive = True
                await asyncio.sleep(STANDBY_SECONDS)
            await self._same_as_before()
            voice = await speech.opened(self.bootstrap, self.topic)
            try:
                await self.meet(outbox, voice)
                self.alive = True
                await self.relay(outbox, voice)
            finally:
                self.alive = False
                await speech.closed(voice)
        finally:
            connection.terminate()

    async def _same_as_before(self) -> None:
        """Whoever stood by or had to begin again may find another broker than the one that this process met at its start.

        Raises:
            StrangeBroker: it does; the next start decides. KafkaException, TopicMissing: ask again.
        """
        here = await identity_of(self.bootstrap, [self.topic])
        if (here.cluster_id, here.topic_ids[self.topic]) != (self.broker.cluster_id, self.broker.topic_ids[self.topic]):
            raise StrangeBroker(f"topic {self.topic} became another one while this service ran")

    async def meet[Ready](self, outbox: Outbox, voice: Voice[Ready]) -> None:
        """Is this the broker that heard the past? If not: refill it where allowed.

        Raises:
            StrangeBroker: it is not, and refilling was not allowed.
        """
        known = await outbox.known_topic(self.topic)
        here = (self.broker.cluster_id, self.broker.topic_ids[self.topic])
        if known is not None and known != here:
            if not self.refill:
                raise StrangeBroker(
                    f"topic {self.topic} belongs to another cluster or was made anew; "
                    f"nothing is sent until somebody decides: raccroche ops republish {self.topic.rpartition('.')[2]} --plan"
                )
            count = await self.republish(outbox, voice)
            log.warning("topic refilled from the store", topic=self.topic, records=count)
        await outbox.met(self.topic, *here)

    async def republish[Ready](self, outbox: Outbox, voice: Voice[Ready]) -> int:
        """Say everything again with the stored places and chains; the caller holds the lock."""
        count, after = 0, 0
        while entries := await outbox.history(after, BATCH):
            await _acknowledged(await voice.say(await voice.prepare(entries)))
            count, after = count + len(entries), entries[-1].sequence
        return count

    async def relay[Ready](self, outbox: Rows, voice: Voice[Ready]) -> None:
        """Say what an earlier relay left, then what comes, for ever; the next batch is fetched while the last is acknowledged."""
        while leftovers := await outbox.leftovers(BATCH):
            await self.finish(outbox, await self._say(voice, leftovers, await voice.prepare(_public(leftovers))))
        saying: Saying | None = None
        try:
            while True:
                self.wake.clear()
                saying = await self.turn(outbox, voice, saying)
                if saying is None:
                    await _woken(self.wake)
                elif len(saying.outbox_ids) < LITTLE:
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            if saying is not None:
                saying.acknowledged.cancel()

    async def turn[Ready](self, outbox: Rows, voice: Voice[Ready], before: Saying | None) -> Saying | None:
        """Make the next batch ready, see the one before to its end, hand the next one over; what is now being said, if anything.

        Nothing is handed over behind a batch that is not acknowledged: the broker may refuse it and take the one behind.
        """
        entries = await outbox.waiting(before.outbox_ids if before else (), BATCH)
        ready = [await self._placed(outbox, voice, entries)] if entries else []
        if before is not None:
            await self.finish(outbox, before)
        return await self._say(voice, entries, ready[0]) if ready else None

    @staticmethod
    async def _placed[Ready](outbox: Rows, voice: Voice[Ready], entries: Sequence[Entry]) -> Ready:
        """Encoded while the database commits their places; what was encoded is thrown away if it does not."""
        failpoint("relay_after_select")
        _, ready = await asyncio.gather(outbox.place(entries), voice.prepare(_public(entries)))
        failpoint("relay_after_chain_commit")
        return ready

    async def _say[Ready](self, voice: Voice[Ready], entries: Sequence[Entry], ready: Ready) -> Saying:
        with tracer.start_as_current_span(
            f"publish {self.topic}",
            kind=trace.SpanKind.PRODUCER,
            links=links_from([(entry.traceparent, entry.tracestate) for entry in entries]),
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.destination.name": self.topic,
                "messaging.batch.message_count": len(entries),
            },
        ):
            acknowledged = await voice.say(ready)
        return Saying(tuple(entry.outbox_id for entry in entries), acknowledged)

    @staticmethod
    async def finish(outbox: Rows, saying: Saying) -> None:
        await _acknowledged(saying.acknowledged)
        failpoint("relay_after_acks")
        await outbox.said(saying.outbox_ids)


async def _acknowledged(saying: asyncio.Future[None]) -> None:
    await asyncio.wait_for(saying, ACK_SECONDS)


def _public(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if not entry.private]


async def _woken(wake: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(wake.wait(), POLL_SECONDS)
    except TimeoutError:
        return
