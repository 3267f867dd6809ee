"""Intake on a real database, put together as its app does, without broker: for the tests marked `stack`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
from intake_specimens import REFERENCE, UAI

from chassis.decider import NO_TRACE
from chassis.event_store import EventStore
from chassis.handler import Handler
from chassis.keyring import Keyring
from chassis.provision import Database, chassis_migrations, keyring_migrations
from chassis.testing import FixedClock
from contracts.catalogue import decode
from contracts.event import Event
from contracts.intake import ListFormat
from intake import holding, lists
from intake import sources as expectations
from intake.batch import Desk
from intake.domain.detection import SIEI_V1
from intake.domain.list import LIST
from intake.domain.person import PERSON
from intake.domain.source import SOURCE
from intake.identity import Digests
from intake.reader import Reader
from intake.receiving import Received, Reception, Sending

MIGRATIONS = Path(__file__).parent.parent / "migrations"
CLASSES = ("identity", "contact", "guardians", "notes", "list")
LINES_AT_ONCE = 200
LOOKS, LOOK_SECONDS = 20, 0.1
NOW = datetime(2026, 2, 2, 8, tzinfo=UTC)

type FreshDatabase = Callable[[Database], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, kw_only=True)
class House:
    """One intake: its database, its entrance, its reader."""

    dsns: tuple[str, str]
    pool: asyncpg.Pool
    keyring: Keyring
    reception: Reception
    reader: Reader
    clock: FixedClock
    desk: Desk

    async def send(
        self,
        list_id: UUID,
        body: bytes,
        *,
        list_format: ListFormat = "csv",
        sender: str = UAI,
        reference_date: date = REFERENCE,
        territory: tuple[str, ...] = (),
    ) -> Received:
        sending = Sending(
            list_id=list_id,
            sender=sender,
            format=list_format,
            reference_date=reference_date,
            actor="sender-1",
            trace=NO_TRACE,
            territory=territory,
        )
        return await self.reception.receive(sending, pieces(body))

    async def read_all(self) -> None:
        """All that nobody else reads; the lock of a reader that was just killed stays until the database notices."""
        for _ in range(LOOKS):
            while await self.reader.read_next():
                pass
            if not await lists.pending(self.pool):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def events(self, *kinds: type[Event]) -> list[Event]:
        rows = await self.pool.fetch("select type, body from events order by recorded_at, event_id")
        found = [decode(row["type"], row["body"]) for row in rows]
        return [event for event in found if not kinds or isinstance(event, kinds)]

    async def verdicts(self, list_id: UUID) -> list[tuple[int, str, tuple[str, ...]]]:
        rows = await self.pool.fetch("select line, verdict, rules from line_verdict where list_id = $1 order by line", list_id)
        return [(row["line"], row["verdict"], tuple(row["rules"])) for row in rows]


async def pieces(body: bytes, size: int = 60_000) -> AsyncIterator[bytes]:
    """As a body comes over the network."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


@asynccontextmanager
async def house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    """A house on databases of its own."""
    dsns = await fresh_database(Database(name="intake", migrations=(chassis_migrations(), MIGRATIONS)))
    keyring_dsns = await fresh_database(Database(name="keyring", migrations=(keyring_migrations(),), login_roles=("app",)))
    async with entered(dsns["app"], keyring_dsns["app"]) as opened:
        yield opened


@asynccontextmanager
async def entered(dsn: str, keyring_dsn: str) -> AsyncIterator[House]:
    """A house on databases that are there; its keys are the same for every process of these tests."""
    async with (
        asyncpg.create_pool(dsn, min_size=1, max_size=6) as pool,
        asyncpg.create_pool(keyring_dsn, min_size=1, max_size=4) as keyring_pool,
    ):
        clock = FixedClock(NOW)
        store = EventStore(source="/raccroche/intake", clock=clock)
        keyring = Keyring(keyring_pool, {data_class: {1: bytes(32)} for data_class in CLASSES})
        digests, arrived = Digests(key=bytes(32)), asyncio.Event()
        list_handler = Handler(decider=LIST, store=store, pool=pool, timers=holding.deadlines_of)
        persons = Handler(decider=PERSON, store=store, pool=pool)
        sources = Handler(decider=SOURCE, store=store, pool=pool, timers=expectations.deadlines_of)
        desk = Desk(
            keyring=keyring, digests=digests, clock=clock, person_handler=persons, list_handler=list_handler, source_handler=sources
        )
        yield House(
            dsns=(dsn, keyring_dsn),
            pool=pool,
            keyring=keyring,
            reception=Reception(pool=pool, handler=list_handler, keyring=keyring, digests=digests, clock=clock, arrived=arrived),
            reader=Reader(pool=pool, desk=desk, rule=SIEI_V1, arrived=arrived, committed=lambda: None, lines_at_once=LINES_AT_ONCE),
            clock=clock,
            desk=desk,
        )
