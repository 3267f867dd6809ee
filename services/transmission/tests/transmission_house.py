"""Transmission on a real database, its topic looped back in memory, what surrounds it played by the test: for those marked `stack`."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
from fastapi import FastAPI

from chassis.callers import Caller
from chassis.consumer import Consumer
from chassis.decider import Request
from chassis.event_store import EventStore
from chassis.heard import RawRecord
from chassis.keyring import Keyring
from chassis.outbox import Outbox
from chassis.problems import install
from chassis.provision import Database, chassis_migrations, keyring_migrations
from chassis.relay import Relay
from chassis.service import Basics, Parts
from chassis.settings import settings_from
from chassis.testing import FixedClock, Loopback
from chassis.topics import BrokerIdentity
from contracts.envelope import to_headers
from contracts.event import Event
from transmission.app import build
from transmission.returning import Returning
from transmission.sending import Sender

NOW = datetime(2026, 2, 1, 8, tzinfo=UTC)
TOPICS = ("raccroche.intake", "raccroche.followup", "raccroche.offers", "raccroche.transmission")
BROKER = BrokerIdentity(cluster_id="c", topic_ids=dict.fromkeys(TOPICS, "t"))
CLASSES = ("identity", "contact", "guardians")
MIGRATIONS = Path(__file__).parent.parent / "migrations"
type FreshDatabase = Callable[[Database], Awaitable[dict[str, str]]]

SETTINGS = settings_from(
    dict.fromkeys(
        ("APP_DSN", "CONSUMER_DSN", "RELAY_DSN", "KAFKA_BOOTSTRAP_SERVERS", "TOKENS_JWKS_FILE", "TOKENS_ISSUER", "TOKENS_AUDIENCE"),
        "unused",
    )
    | {"HTTP_PORT": "1"}
)


class Believing:
    """Believes a token that says `role`, or `role/organisation`, which stands for an establishment as well."""

    def verify(self, token: str) -> Caller:
        role, _, organisation = token.partition("/")
        return Caller(actor=f"actor-{token}", role=role, organisation=organisation or None, uai=organisation or None)


@dataclass(kw_only=True)
class House:
    """One transmission service, with what surrounds it played by the test."""

    parts: Parts
    sender: Sender
    returning: Returning
    clock: FixedClock
    keyring: Keyring
    basics: Basics
    admin: asyncpg.Connection
    relaying: asyncpg.Connection
    relay: Relay
    web: httpx.AsyncClient
    dsn: str
    keys_dsn: str
    voice: Loopback = field(default_factory=lambda: Loopback(topic="raccroche.transmission"))
    heard: int = 0
    said: Counter[str] = field(default_factory=Counter)

    async def hear(self, *events: Event) -> None:
        """As their speakers said them: now, one after the other."""
        await self._consumer().hear([self._record(event) for event in events])

    async def settle(self, *, sending: bool = True) -> None:
        """Relay, hear and send until there is nothing more to do."""
        busy = True
        while busy:
            outbox = Outbox(connection=self.relaying)
            busy = (saying := await self.relay.turn(outbox, self.voice, None)) is not None
            if saying is not None:
                await self.relay.finish(outbox, saying)
            fresh, self.heard = self.voice.records[self.heard :], len(self.voice.records)
            if fresh:
                await self._consumer().hear(fresh)
            busy = bool(sending and await self.sender.send_due()) or busy

    async def ask(self, method: str, path: str, token: str, body: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
        return await self.web.request(method, path, json=body, headers=headers)

    async def got(self, path: str, token: str) -> dict[str, list[dict[str, str]]]:
        answer = await self.ask("GET", path, token)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def figures(self) -> dict[str, object]:
        return dict((await self.ask("GET", "/figures", "ops")).json())

    async def types(self) -> dict[str, int]:
        rows = await self.admin.fetch("select split_part(type, '.', 4) as name, count(*) as n from events group by 1")
        return {row["name"]: row["n"] for row in rows}

    def _consumer(self) -> Consumer:
        return Consumer(
            subscription=self.parts.subscription, pool=self.basics.consumer, broker_identity=BROKER, clock=self.basics.clock,
            refill=False, committed=lambda: None,
        )  # fmt: skip

    def _record(self, event: Event) -> RawRecord:
        source, topic, stream = f"/raccroche/{event.speaker}", f"raccroche.{event.speaker}", f"{event.speaker} {event.stream}"
        self.said.update((topic, stream))
        cause = UUID(int=0)
        request = Request[None](command=None, command_id=cause, actor=source, correlation_id=cause)
        stored = EventStore(source=source, clock=self.clock).record(event, self.said[stream], request)
        headers = to_headers(orjson.loads(stored.attributes), sequence=self.said[topic], chain="00" * 32, traceparent=None, tracestate=None)
        return RawRecord(
            topic=topic, partition=0, offset=self.said[topic] - 1, key=event.subject.encode(), value=stored.body, headers=tuple(headers)
        )


@asynccontextmanager
async def transmission_house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    dsns = await fresh_database(Database(name="transmission", migrations=(chassis_migrations(), MIGRATIONS)))
    keys = await fresh_database(Database(name="keyring", migrations=(keyring_migrations(),), login_roles=("app",)))
    clock = FixedClock(NOW)
    async with (
        asyncpg.create_pool(dsns["app"], min_size=1, max_size=6) as app,
        asyncpg.create_pool(dsns["consumer"], min_size=1, max_size=6) as consumer,
        asyncpg.create_pool(keys["app"], min_size=1, max_size=3) as keyring,
    ):
        keys_held = Keyring(keyring, {name: {1: bytes(32)} for name in CLASSES})
        basics = Basics(
            clock=clock, app=app, consumer=consumer, store=EventStore(source="/raccroche/transmission", clock=clock),
            wake=lambda: None, keyring=keys_held, settings=SETTINGS,
        )  # fmt: skip
        parts = build(basics)
        web = FastAPI()
        install(web)
        web.state.verifier = Believing()
        for router in parts.routers:
            web.include_router(router)
        admin, relaying = await asyncpg.connect(dsns["admin"]), await asyncpg.connect(dsns["relay"])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=web), base_url="http://transmission") as client:
            yield House(
                parts=parts, sender=_worker(parts, Sender), returning=_worker(parts, Returning), clock=clock,
                keyring=keys_held, basics=basics, admin=admin, relaying=relaying, web=client,
                dsn=dsns["app"], keys_dsn=keys["app"],
                relay=Relay(dsn="unused", topic="raccroche.transmission", bootstrap="unused", refill=False),
            )  # fmt: skip
        await admin.close()
        await relaying.close()


def _worker[W](parts: Parts, kind: type[W]) -> W:
    """The one whose endless run is a worker of the service."""
    (worker,) = [one.__self__ for one in parts.workers if isinstance(getattr(one, "__self__", None), kind)]  # type: ignore[attr-defined]  # a bound method
    assert isinstance(worker, kind)
    return worker
