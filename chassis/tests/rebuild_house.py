"""A consumer with everything that a consumer can have, over topics of its own on the real broker: what a rebuild is tried on."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faststream.kafka import KafkaBroker
from specimens import CLOCK, NOON, SEATS, HoldSeat, accepted, id_of, opened, said, seats

from chassis.consumer import Consumer
from chassis.decider import Trace
from chassis.event_store import Connection, EventStore
from chassis.handler import Handler
from chassis.heard import Heard, RawRecord
from chassis.one_subject import OneSubject
from chassis.projection import Projection
from chassis.reading import reading
from chassis.rebuild import Rebuild
from chassis.subscription import Subscription
from chassis.timers import Timer
from chassis.topics import BrokerIdentity, ensure_topics, identity_of, partitions_of
from contracts.catalogue import Topic
from contracts.event import Event
from contracts.followup import CaseOpened
from contracts.offers import ReferralAccepted, SeatsChanged

TABLES = """
set role {0}_owner;
create table counted (offer_id text primary key, times integer not null, held integer not null check (held > -2), note text default 'x');
alter table counted set (autovacuum_vacuum_threshold = 77);
create index counted_held on counted (held, offer_id) where times > 0;
create unique index counted_note on counted (offer_id, coalesce(note, ''));
create table accepted (referral_id text primary key);
create table seen (event_id uuid primary key);
grant select, insert, update, delete on counted, accepted to {0}_consumer;
grant select, insert on seen to {0}_consumer;
grant select on counted, accepted, seen, timers to {0}_app;
grant update (held) on counted to {0}_app;
reset role;
"""

KEPT_APART = ("events", "outbox", "commands", "timers", "seen")
"""What an effect other than a row would change."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    offer_id: str
    times: int
    held: int


@dataclass(frozen=True, kw_only=True)
class Accepted:
    referral_id: str


@dataclass(kw_only=True)
class RebuildHouse:
    """Fails at what `fails` says, as code with a bug does."""

    dsns: dict[str, str]
    bootstrap: str
    pool: asyncpg.Pool
    admin: asyncpg.Connection
    broker: BrokerIdentity
    places: list[tuple[str, int]]
    fails: set[tuple[str, int]] = field(default_factory=set)

    def subscription(self) -> Subscription:
        def count(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
            event = heard.event
            if (event.offer_id, event.held) in self.fails:
                raise ZeroDivisionError("the handler's bug")
            return Counted(offer_id=event.offer_id, times=(row.times if row else 0) + 1, held=event.held)

        counted = Projection(
            table="counted", row=Counted, key_column="offer_id", hears=(SeatsChanged,), key=lambda event: event.offer_id, apply=count
        )
        kept = Projection(
            table="accepted", row=Accepted, key_column="referral_id", hears=(ReferralAccepted,),
            key=lambda event: str(event.referral_id), apply=lambda row, heard: Accepted(referral_id=str(heard.event.referral_id)),
        )  # fmt: skip
        echo = Handler(decider=SEATS, store=EventStore(source="/raccroche/specimen", clock=CLOCK), pool=self.pool, timers=_timer)
        return Subscription(
            consumer="specimen", actor="/raccroche/specimen", speakers=("offers", "followup"), projections=(counted, kept),
            policies={SeatsChanged: (lambda event: [HoldSeat(offer_id=f"echo of {event.offer_id}")],)}, handlers={HoldSeat: echo},
            needs={ReferralAccepted: CaseOpened}, witnesses=(_see,),
        )  # fmt: skip

    def consumer(self) -> Consumer:
        return Consumer(
            subscription=self.subscription(), pool=self.pool, broker_identity=self.broker, clock=CLOCK, refill=False,
            committed=lambda: None,
        )  # fmt: skip

    def rebuild(self, table: str = "counted", **more: Any) -> Rebuild:
        live = self.subscription()
        (projection,) = [one for one in live.projections if one.table == table]
        return Rebuild(
            live=live, projection=projection, pool=self.pool, bootstrap=self.bootstrap, broker=self.broker, places=self.places,
            clock=CLOCK, **more,
        )  # fmt: skip

    def one_subject(self, table: str = "counted") -> OneSubject:
        whole = self.rebuild(table)
        return OneSubject(
            live=whole.live, projection=whole.projection, pool=self.pool, bootstrap=self.bootstrap, broker=self.broker,
            places=self.places, clock=CLOCK,
        )  # fmt: skip

    async def say(self, records: Sequence[RawRecord]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all", enable_idempotence=True) as producer:
            topics = dict(zip(("offers", "followup"), sorted({topic for topic, _ in self.places}, reverse=True), strict=True))
            sent = [
                await producer.send(topics[one.topic.rpartition(".")[2]], value=one.value, key=one.key, headers=list(one.headers))
                for one in records
            ]
            await asyncio.gather(*sent)

    async def hear(self) -> None:
        """The live consumer hears all that was said."""
        consumer, ends = self.consumer(), await self.ends()
        async with reading(self.bootstrap) as client:
            async for _, shares in client.between(await consumer._marks(), ends):
                await consumer.hear([record for share in shares for record in share])

    async def ends(self) -> dict[tuple[str, int], int]:
        async with reading(self.bootstrap) as client:
            asking: AIOKafkaConsumer = client.client
            ends = await asking.end_offsets([TopicPartition(*place) for place in self.places])
        return {(place.topic, place.partition): end for place, end in ends.items()}

    @asynccontextmanager
    async def living(self):
        """The live consumer as it runs in a service."""
        consumer = self.consumer()
        broker = KafkaBroker(self.bootstrap, allow_auto_create_topics=False, graceful_timeout=15.0, logger=None)
        consumer.subscribe(broker)
        await broker.start()
        try:
            yield consumer
        finally:
            await broker.stop()

    async def rows(self, table: str = "counted") -> dict[str, tuple[int, int]]:
        return {row[0]: tuple(row)[1:] for row in await self.admin.fetch(f"select * from {table}")}

    async def digests(self, tables: Sequence[str]) -> dict[str, object]:
        return {name: await self.admin.fetchval(f"select md5(string_agg(t::text, ',' order by t::text)) from {name} t") for name in tables}

    async def left_over(self) -> list[str]:
        """What a rebuild that has ended may not leave."""
        kept = ("marks", "watermarks", "waiting", "known_subjects", "parked")
        found = [name for name in kept if await self.admin.fetchval(f"select exists (select 1 from {name} where consumer like '%~%')")]
        return found + [row["relname"] for row in await self.admin.fetch(IN_REBUILD)]


async def _see(connection: Connection, heard: Sequence[Heard[Event]], _: object) -> None:
    ids = [one.envelope.attributes.id for one in heard]
    await connection.execute("insert into seen select * from unnest($1::uuid[]) on conflict do nothing", ids)


def _timer(event: SeatsChanged, recording: Any) -> list[Timer]:
    return [Timer(timer_id=recording.event_id, due_at=NOON + timedelta(days=1), kind="k", subject=event.subject, body=b"{}", trace=Trace())]


def changes(offers: Sequence[str], so_many: int, start: int = 1) -> list[RawRecord]:
    """Each offer's seats changed so often, in turns."""
    pairs = [(n, offer) for n in range(start, start + so_many) for offer in offers]
    return [said(seats(n, offer), version=n, offset=place) for place, (n, offer) in enumerate(pairs)]


def case(number: int) -> list[RawRecord]:
    """A referral that is accepted before its case is heard to be open."""
    person, case_id = id_of(f"person {number}"), id_of(f"case {number}")
    referral = accepted().model_copy(update={"referral_id": id_of(f"referral {number}"), "person_id": person, "case_id": case_id})
    case = opened().model_copy(update={"person_id": person, "case_id": case_id})
    return [said(referral, version=1, offset=0), said(case, version=1, offset=0)]


_numbers = itertools.count()


@asynccontextmanager
async def rebuild_house(dsns: dict[str, str], bootstrap: str, topic_of: Any):
    admin = await asyncpg.connect(dsns["admin"])
    await admin.execute(TABLES.format(dsns["name"]))
    topics = [topic_of("offers"), topic_of("followup")]
    await ensure_topics(bootstrap, [Topic(name=name, speaker="offers", partitions=3) for name in topics])
    pool = await asyncpg.create_pool(dsns["consumer"], min_size=2, max_size=8)
    try:
        yield RebuildHouse(
            dsns=dsns, bootstrap=bootstrap, pool=pool, admin=admin, broker=await identity_of(bootstrap, topics),
            places=await partitions_of(bootstrap, topics),
        )  # fmt: skip
    finally:
        pool.terminate()
        await admin.close()


def fresh_topics() -> Any:
    """A name for each speaker's topic that nobody else uses."""
    mark = f"{next(_numbers)}{uuid4().hex[:8]}"
    return lambda speaker: f"specimen.{mark}.{speaker}"


def as_it_is(subscription: Subscription, projection: Projection[Any], *, table: str) -> Subscription:
    """A subscription that is not closed: all that the live one has, into another table."""
    return replace(subscription, consumer=f"{subscription.consumer}~{projection.table}", projections=(replace(projection, table=table),))


IN_REBUILD = "select relname from pg_class where relnamespace in ('rebuild'::regnamespace, 'retired'::regnamespace)"
