"""The relay: one per service, it gives each event its place and chain, copies the stored bytes to Kafka, empties the outbox.

Order of acts (GUARANTEES 2): sequence and chain in a committed transaction, send, all acknowledged, then delete. A crash
between any two repeats a send and loses nothing. Two relays alive at once can only repeat what was said.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer
from opentelemetry import trace

from chassis.chain import GENESIS, link
from chassis.failpoints import failpoint
from chassis.logs import get_logger
from chassis.telemetry import links_from
from chassis.topics import BrokerIdentity
from contracts.envelope import to_headers

BATCH = 500
POLL_SECONDS = 0.05
STANDBY_SECONDS = 1.0
LOCK_KEY = 0x72_65_6C_61_79  # "relay"

log = get_logger(__name__)
tracer = trace.get_tracer(__name__)


class StrangeBroker(Exception):
    """The topic is not the one written so far: another cluster or a topic made anew. Somebody must decide before anything is said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One event on its way out."""

    outbox_id: int | None
    event_id: object
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
            while not await connection.fetchval("select pg_try_advisory_lock($1)", LOCK_KEY):
                self.alive = True
                await asyncio.sleep(STANDBY_SECONDS)
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap, acks="all", enable_idempotence=True, linger_ms=2,
                max_batch_size=256 * 1024, request_timeout_ms=20_000, compression_type=None,
            )  # fmt: skip
            await producer.start()
            try:
                await self._meet(connection, producer)
                await self._publish(connection, producer, await self._fetch(connection, LEFTOVERS))
                self.alive = True
                while True:
                    self.wake.clear()
                    if not await self.step(connection, producer):
                        await _woken(self.wake)
            finally:
                self.alive = False
                await producer.stop()
        finally:
            connection.terminate()

    async def _meet(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> None:
        """Is this the broker that heard the past? If not: refill it where allowed, else stop."""
        known = await connection.fetchrow(KNOWN_TOPIC, self.topic)
        here = (self.broker.cluster_id, self.broker.topic_ids[self.topic])
        if known is not None and (known["cluster_id"], known["topic_id"]) != here:
            if not self.refill:
                raise StrangeBroker(
                    f"topic {self.topic} belongs to another cluster or was made anew; "
                    "nothing is sent until somebody decides (ops republish)"
                )
            count = await self.republish(connection, producer)
            log.warning("topic refilled from the store", topic=self.topic, records=count)
        await connection.execute(MET, self.topic, *here)

    async def republish(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> int:
        """Say everything again with the stored places and chains; the caller holds the lock."""
        count, after = 0, 0
        while entries := [_entry(row) for row in await connection.fetch(SAID, after, BATCH)]:
            await self._send(producer, entries)
            count, after = count + len(entries), entries[-1].sequence or 0
        return count

    async def step(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> bool:
        """Relay one batch; whether there was anything."""
        entries = await self._fetch(connection, WAITING)
        if not entries:
            return False
        failpoint("relay_after_select")
        placed = await self._place(connection, entries)
        failpoint("relay_after_chain_commit")
        await self._publish(connection, producer, placed)
        return True

    async def _place(self, connection: asyncpg.Connection, entries: Sequence[Entry]) -> list[Entry]:
        """Give places and chain in a transaction of their own, so that a place once given never changes."""
        async with connection.transaction():
            heads = {row["private"]: (row["sequence"], row["chain"]) for row in await connection.fetch(HEADS)}
            placed = []
            for entry in entries:
                last, previous = heads.get(entry.private, (0, GENESIS))
                chain = link(previous, last + 1, entry.leaf)
                heads[entry.private] = (last + 1, chain)
                placed.append(_at(entry, last + 1, chain))
            rows = [(entry.private, entry.sequence, entry.event_id, entry.chain) for entry in placed]
            await connection.execute(PLACE, *[list(column) for column in zip(*rows, strict=True)])
        return placed

    async def _publish(self, connection: asyncpg.Connection, producer: AIOKafkaProducer, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        contexts = [(entry.traceparent, entry.tracestate) for entry in entries]
        with tracer.start_as_current_span(
            f"publish {self.topic}",
            kind=trace.SpanKind.PRODUCER,
            links=links_from(contexts),
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.destination.name": self.topic,
                "messaging.batch.message_count": len(entries),
            },
        ):
            await self._send(producer, [entry for entry in entries if not entry.private])
        failpoint("relay_after_acks")
        await connection.execute(SENT, [entry.outbox_id for entry in entries])

    async def _send(self, producer: AIOKafkaProducer, entries: Sequence[Entry]) -> None:
        pending = []
        for entry in entries:
            assert entry.sequence is not None  # _place or relay_log gave both
            assert entry.chain is not None
            headers = to_headers(
                orjson.loads(entry.attributes),
                sequence=entry.sequence, chain=entry.chain.hex(),
                traceparent=entry.traceparent, tracestate=entry.tracestate,
            )  # fmt: skip
            pending.append(
                await producer.send(
                    self.topic, value=entry.body, key=entry.subject.encode(), headers=headers,
                    timestamp_ms=int(entry.recorded_at.astimezone(UTC).timestamp() * 1000),
                )
            )  # fmt: skip
        for acknowledged in pending:
            await acknowledged
            failpoint("relay_after_first_ack")

    @staticmethod
    async def _fetch(connection: asyncpg.Connection, query: str) -> list[Entry]:
        return [_entry(row) for row in await connection.fetch(query, BATCH if query is WAITING else 1_000_000)]


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(**dict(row))


def _at(entry: Entry, sequence: int, chain: bytes) -> Entry:
    return Entry(
        outbox_id=entry.outbox_id, event_id=entry.event_id, private=entry.private, sequence=sequence, chain=chain,
        subject=entry.subject, recorded_at=entry.recorded_at, attributes=entry.attributes, leaf=entry.leaf,
        body=entry.body, traceparent=entry.traceparent, tracestate=entry.tracestate,
    )  # fmt: skip


async def _woken(wake: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(wake.wait(), POLL_SECONDS)
    except TimeoutError:
        return


_EVENT = "e.event_id, e.private, e.subject, e.recorded_at, e.attributes, e.leaf, e.body, e.traceparent, e.tracestate"

LEFTOVERS = f"""
select o.id as outbox_id, r.sequence, r.chain, {_EVENT}
from outbox o join relay_log r using (event_id) join events e using (event_id) order by r.private, r.sequence limit $1
"""

WAITING = f"""
select o.id as outbox_id, null::bigint as sequence, null::bytea as chain, {_EVENT}
from outbox o join events e using (event_id) order by o.id limit $1
"""

SAID = f"""
select null::bigint as outbox_id, r.sequence, r.chain, {_EVENT}
from relay_log r join events e using (event_id) where not r.private and r.sequence > $1 order by r.sequence limit $2
"""

HEADS = "select distinct on (private) private, sequence, chain from relay_log order by private, sequence desc"

PLACE = """
insert into relay_log (private, sequence, event_id, chain)
select private, sequence, event_id, chain from unnest($1::bool[], $2::bigint[], $3::uuid[], $4::bytea[])
  as placed (private, sequence, event_id, chain)
"""

SENT = "delete from outbox where id = any($1::bigint[])"

KNOWN_TOPIC = "select cluster_id, topic_id from relay_topic where topic = $1"

MET = """
insert into relay_topic (topic, cluster_id, topic_id) values ($1, $2, $3)
on conflict (topic) do update set cluster_id = excluded.cluster_id, topic_id = excluded.topic_id
"""
