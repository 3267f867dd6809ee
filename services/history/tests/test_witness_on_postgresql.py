"""History on a real PostgreSQL: every byte kept once, other bytes under a known place kept beside it, a story told of it."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest
from fastapi import FastAPI

from chassis.callers import Caller
from chassis.chain import GENESIS, digest_of, leaf_of, link
from chassis.consumer import Consumer
from chassis.decider import Request
from chassis.event_store import EventStore
from chassis.heard import RawRecord
from chassis.problems import install
from chassis.provision import Database, chassis_migrations
from chassis.service import Basics, Parts
from chassis.settings import settings_from
from chassis.testing import FixedClock
from chassis.topics import BrokerIdentity
from contracts.catalogue import TOPICS
from contracts.envelope import to_headers
from contracts.event import Event
from contracts.intake import DiplomaSeen, DropoutWithdrawn
from contracts.transmission import TransmissionAcknowledged
from history.app import build

pytestmark = pytest.mark.stack

NOW = datetime(2026, 2, 1, 8, tzinfo=UTC)
CLOCK = FixedClock(NOW)
MIGRATIONS = Path(__file__).parent.parent / "migrations"
BROKER = BrokerIdentity(cluster_id="c", topic_ids={topic.name: "t" for topic in TOPICS})
PERSON, DETECTION = UUID(int=41), UUID(int=42)
NAMES = ("APP_DSN", "CONSUMER_DSN", "RELAY_DSN", "KAFKA_BOOTSTRAP_SERVERS", "TOKENS_JWKS_FILE", "TOKENS_ISSUER", "TOKENS_AUDIENCE")
type FreshDatabase = Callable[[Database], Awaitable[dict[str, str]]]

SETTINGS = settings_from(dict.fromkeys(NAMES, "unused") | {"HTTP_PORT": "1"})


class Believing:
    """Believes a token that says the role."""

    def verify(self, token: str) -> Caller:
        return Caller(actor="someone", role=token)


@dataclass
class Speaker:
    """Says events as a relay would: in order, chained, each at the next offset."""

    name: str
    chain: bytes = GENESIS
    records: list[RawRecord] = field(default_factory=list)
    ids: list[UUID] = field(default_factory=list)

    def says(self, event: Event, *, version: int = 1, because: UUID | None = None) -> RawRecord:
        request = Request[None](command=None, command_id=PERSON, actor="someone", correlation_id=PERSON, causation_id=because)
        stored = EventStore(source=f"/raccroche/{self.name}", clock=CLOCK).record(event, version, request)
        sequence = len(self.records) + 1
        self.chain = link(self.chain, sequence, leaf_of(stored.attributes))
        headers = to_headers(orjson.loads(stored.attributes), sequence=sequence, chain=self.chain.hex(), traceparent=None, tracestate=None)
        self.ids.append(stored.event_id)
        self.records.append(
            RawRecord(
                topic=f"raccroche.{self.name}", partition=0, offset=sequence - 1, key=event.subject.encode(),
                value=stored.body, headers=tuple(headers),
            )
        )  # fmt: skip
        return self.records[-1]


@dataclass(kw_only=True)
class House:
    parts: Parts
    basics: Basics
    web: httpx.AsyncClient

    async def hear(self, records: Sequence[RawRecord]) -> None:
        consumer = Consumer(
            subscription=self.parts.subscription, pool=self.basics.consumer, broker_identity=BROKER, clock=CLOCK, refill=True,
            committed=lambda: None,
        )  # fmt: skip
        await consumer.hear(records)

    async def asked(self, path: str, role: str = "analyst") -> httpx.Response:
        return await self.web.get(path, headers={"Authorization": f"Bearer {role}"})

    async def count(self, table: str) -> int:
        return int(await self.basics.app.fetchval(f"select count(*) from {table}"))


@pytest.fixture
async def house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    dsns = await fresh_database(Database(name="history", migrations=(chassis_migrations(), MIGRATIONS)))
    async with (
        asyncpg.create_pool(dsns["app"], min_size=1, max_size=3) as app,
        asyncpg.create_pool(dsns["consumer"], min_size=1, max_size=3) as consumer,
    ):
        basics = Basics(
            clock=CLOCK, app=app, consumer=consumer, store=EventStore(source="/raccroche/history", clock=CLOCK),
            wake=lambda: None, keyring=None, settings=SETTINGS,
        )  # fmt: skip
        parts = build(basics)
        web = FastAPI()
        install(web)
        web.state.verifier = Believing()
        for router in parts.routers:
            web.include_router(router)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=web), base_url="http://history") as client:
            yield House(parts=parts, basics=basics, web=client)


def diploma(n: int) -> DiplomaSeen:
    return DiplomaSeen(person_id=PERSON, list_id=UUID(int=50 + n), line=n, diploma="02")


def later(record: RawRecord, offset: int) -> RawRecord:
    return dataclasses.replace(record, offset=offset)


def forged(record: RawRecord, body: bytes, offset: int) -> RawRecord:
    """The same place with other bytes, each header right for them."""
    headers = tuple((name, digest_of(body).encode() if name == "ce_digest" else value) for name, value in record.headers)
    return dataclasses.replace(record, value=body, headers=headers, offset=offset)


def three() -> Speaker:
    intake = Speaker("intake")
    for n in (1, 2, 3):
        intake.says(diploma(n), version=n)
    return intake


async def test_what_is_heard_is_kept_as_the_bytes_that_were_stored(house: House) -> None:
    intake = three()
    await house.hear(intake.records)
    rows = await house.basics.app.fetch("select sequence, attributes, body, chain, digest from heard order by sequence")
    chain = GENESIS
    for row, record in zip(rows, intake.records, strict=True):
        chain = link(chain, row["sequence"], leaf_of(row["attributes"]))
        assert (row["body"], row["chain"], row["digest"]) == (record.value, chain, digest_of(record.value or b""))


async def test_a_refilled_topic_changes_nothing(house: House) -> None:
    intake = three()
    await house.hear(intake.records)
    await house.hear([later(record, 3 + n) for n, record in enumerate(intake.records)])
    assert (await house.count("heard"), await house.count("conflicts"), await house.count("parked")) == (3, 0, 0)


async def test_other_bytes_under_a_known_place_are_kept_beside_the_first_and_stop_nothing(house: House) -> None:
    intake = three()
    await house.hear(intake.records)
    body = diploma(2).model_copy(update={"diploma": "15"}).to_bytes()
    await house.hear([forged(intake.records[1], body, 3), forged(intake.records[1], body, 4)])
    assert (await house.count("heard"), await house.count("conflicts"), await house.count("parked")) == (3, 1, 0)
    assert await house.basics.app.fetchval("select body from heard where sequence = 2") == intake.records[1].value
    assert await house.basics.app.fetchval("select body from conflicts") == body
    assert (await house.asked("/figures")).json()["conflicts"] == 1


async def test_a_conflict_inside_one_batch_is_seen_too(house: House) -> None:
    intake = three()
    body = diploma(2).model_copy(update={"diploma": "15"}).to_bytes()
    await house.hear([*intake.records, forged(intake.records[1], body, 3)])
    assert (await house.count("heard"), await house.count("conflicts")) == (3, 1)


async def test_a_chain_that_is_no_chain_is_set_aside(house: House) -> None:
    record = three().records[0]
    headers = tuple((name, b"zz" if name == "ce_chain" else value) for name, value in record.headers)
    await house.hear([dataclasses.replace(record, headers=headers)])
    assert (await house.count("heard"), await house.count("parked")) == (0, 1)


async def test_a_story_crosses_speakers_and_names_the_cause(house: House) -> None:
    intake, transmission = Speaker("intake"), Speaker("transmission")
    intake.says(diploma(1))
    intake.says(DropoutWithdrawn(person_id=PERSON, detection_id=DETECTION, reason="diploma_found", facts=()), version=2)
    transmission.says(
        TransmissionAcknowledged(person_id=PERSON, detection_id=DETECTION, transmission_id=UUID(int=43), recipient_id="ml-35"),
        because=intake.ids[1],
    )
    await house.hear([*intake.records, *transmission.records])
    answer = await house.asked(f"/persons/{PERSON}/story")
    events = answer.json()["events"]
    assert [event["type"].split(".")[-2] for event in events] == ["DiplomaSeen", "DropoutWithdrawn", "TransmissionAcknowledged"]
    assert events[2]["cause"] == {"type": "fr.raccroche.intake.DropoutWithdrawn.v1", "id": str(intake.ids[1])}
    assert (await house.asked("/figures")).json() == {
        "events": {"/raccroche/intake": 2, "/raccroche/transmission": 1},
        "by_type": {
            "fr.raccroche.intake.DiplomaSeen.v1": 1, "fr.raccroche.intake.DropoutWithdrawn.v1": 1,
            "fr.raccroche.transmission.TransmissionAcknowledged.v1": 1,
        },
        "conflicts": 0, "persons": 1,
    }  # fmt: skip


async def test_of_whom_nothing_was_heard_there_is_no_story(house: House) -> None:
    assert (await house.asked(f"/persons/{PERSON}/story")).status_code == 404


async def test_an_adviser_is_told_no_story(house: House) -> None:
    assert (await house.asked(f"/persons/{PERSON}/story", role="adviser")).status_code == 403
