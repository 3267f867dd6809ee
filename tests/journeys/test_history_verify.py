"""Whoever edits the past as a superuser is found: a body, a type, a time in a speaker's store, or anything in history's copy."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from chassis.consumer import Consumer
from chassis.decider import Request
from chassis.event_store import EventStore
from chassis.heard import RawRecord
from chassis.outbox import Outbox
from chassis.provision import AUDITOR, Database, chassis_migrations, dsn_of
from chassis.relay import Relay
from chassis.subscription import Subscription
from chassis.testing import FixedClock, Loopback
from chassis.topics import BrokerIdentity
from contracts.offers import SeatsChanged
from history.witness import keep
from raccroche.copies import verify_speakers
from raccroche.verification import Verdict

pytestmark = pytest.mark.stack

EVENTS = 12
TOPIC = "raccroche.offers"
CLOCK = FixedClock(datetime(2026, 2, 1, 8, tzinfo=UTC))
HISTORY = Path(__file__).parents[2] / "services" / "history" / "migrations"

type FreshDatabase = Callable[[Database], Awaitable[dict[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Copies:
    """One speaker's store and history, with a superuser in each, and the auditor who looks."""

    store: asyncpg.Connection
    history: asyncpg.Connection
    store_as_auditor: str
    history_as_auditor: str

    async def verdict(self) -> Verdict:
        (verdict,) = await verify_speakers({"offers": self.store_as_auditor}, self.history_as_auditor, patience=0)
        return verdict

    async def faults(self) -> set[tuple[str, int | None, str]]:
        return {(fault.copy, fault.sequence, fault.what) for fault in (await self.verdict()).faults}


@pytest.fixture
async def copies(fresh_database: FreshDatabase) -> AsyncIterator[Copies]:
    offers = await fresh_database(Database(name="offers", migrations=(chassis_migrations(),)))
    history = await fresh_database(Database(name="history", migrations=(chassis_migrations(), HISTORY)))
    await _say(offers)
    await _hear(history, await _relayed(offers))
    store, heard = await asyncpg.connect(offers["admin"]), await asyncpg.connect(history["admin"])
    yield Copies(store=store, history=heard, store_as_auditor=auditors(offers), history_as_auditor=auditors(history))
    await store.close()
    await heard.close()


def auditors(dsns: dict[str, str]) -> str:
    """The auditor is one role for the whole server; its password there is the one that `fresh_database` gives to every role."""
    return dsn_of(dsns["admin"], database=dsns["name"], user=AUDITOR, password=urlsplit(dsns["app"]).password)


async def _say(dsns: dict[str, str]) -> None:
    store = EventStore(source="/raccroche/offers", clock=CLOCK)
    connection = await asyncpg.connect(dsns["app"])
    for held in range(1, EVENTS + 1):
        event = SeatsChanged(offer_id=f"specimen-{held % 3}", held=held, free=40 - held, because="referral_made")
        request = Request[None](command=None, command_id=uuid4(), actor="someone", correlation_id=uuid4())
        await store.append(connection, [store.record(event, (held + 2) // 3, request)], [])
    await connection.close()


async def _relayed(dsns: dict[str, str]) -> list[RawRecord]:
    voice, relay = Loopback(topic=TOPIC), Relay(dsn="unused", topic=TOPIC, bootstrap="unused", refill=False)
    connection = await asyncpg.connect(dsns["relay"])
    outbox = Outbox(connection=connection)
    while saying := await relay.turn(outbox, voice, None):
        await relay.finish(outbox, saying)
    await connection.close()
    return voice.records


async def _hear(dsns: dict[str, str], records: Sequence[RawRecord]) -> None:
    subscription = Subscription(consumer="history", actor="/raccroche/history", speakers=("offers",), witnesses=(keep,))
    async with asyncpg.create_pool(dsns["consumer"], min_size=1, max_size=2) as pool:
        consumer = Consumer(
            subscription=subscription, pool=pool, broker_identity=BrokerIdentity(cluster_id="c", topic_ids={TOPIC: "t"}),
            clock=CLOCK, refill=False, committed=lambda: None,
        )  # fmt: skip
        await consumer.hear(records)


async def event_at(copies: Copies, sequence: int) -> str:
    return str(await copies.store.fetchval("select event_id from relay_log where sequence = $1", sequence))


async def test_an_untouched_store_passes(copies: Copies) -> None:
    verdict = await copies.verdict()
    head = await copies.store.fetchval("select encode(chain, 'hex') from relay_log order by sequence desc limit 1")
    assert str(verdict) == f"/raccroche/offers: {EVENTS} events, chain verified, head {head}"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("body = convert_to(replace(convert_from(body, 'utf8'), 'referral_made', 'referral_lost'), 'utf8')", "body"),
        ("type = 'fr.raccroche.offers.OfferWithdrawn.v1'", "type"),
        ("happened_at = happened_at - interval '1 day'", "time"),
        ("recorded_at = recorded_at + interval '1 microsecond'", "recordedtime"),
        ("actor = 'nobody'", "actor"),
    ],
)
async def test_an_edit_in_a_speakers_store_is_named(copies: Copies, change: str, what: str) -> None:
    event_id = await event_at(copies, 5)
    await copies.store.execute(f"update events set {change} where event_id = $1", event_id)
    verdict = await copies.verdict()
    found = {(fault.copy, fault.sequence, str(fault.event_id), fault.what) for fault in verdict.faults}
    assert ("store", 5, event_id, what) in found
    assert {fault.sequence for fault in verdict.faults} == {5}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("body = '{}'", "body"),
        ("type = 'fr.raccroche.offers.OfferWithdrawn.v1'", "type"),
        ("happened_at = happened_at - interval '1 day'", "time"),
        ("chain = sha256('')", "chain"),
    ],
)
async def test_an_edit_in_historys_copy_is_named(copies: Copies, change: str, what: str) -> None:
    await copies.history.execute(f"update heard set {change} where sequence = 7")
    faults = await copies.faults()
    assert ("history", 7, what) in faults
    assert {sequence for _, sequence, _ in faults} == {7}


async def test_a_type_changed_with_its_attributes_and_leaf_breaks_the_chain_and_the_copies_disagree(copies: Copies) -> None:
    event_id = await event_at(copies, 5)
    await copies.store.execute(
        """update events set type = replace(type, 'SeatsChanged', 'SeatsTaken'),
          attributes = convert_to(replace(convert_from(attributes, 'utf8'), 'SeatsChanged', 'SeatsTaken'), 'utf8'),
          leaf = sha256(convert_to(replace(convert_from(attributes, 'utf8'), 'SeatsChanged', 'SeatsTaken'), 'utf8'))
        where event_id = $1""",
        event_id,
    )
    assert {("store", 5, "chain"), ("both", 5, "type"), ("both", 5, "dataschema")} <= await copies.faults()


async def test_an_event_deleted_from_a_store_is_named_by_history(copies: Copies) -> None:
    event_id = await event_at(copies, 5)
    await copies.store.execute("delete from events where event_id = $1", event_id)
    verdict = await copies.verdict()
    assert ("both", 5, event_id, "not in the store") in {
        (fault.copy, fault.sequence, str(fault.event_id), fault.what) for fault in verdict.faults
    }


async def test_the_head_cut_off_history_is_found(copies: Copies) -> None:
    await copies.history.execute("delete from heard where sequence = $1", EVENTS)
    assert await copies.faults() == {("both", EVENTS, "not in history")}


async def test_the_head_cut_off_a_store_is_found(copies: Copies) -> None:
    last = await event_at(copies, EVENTS)
    await copies.store.execute("delete from relay_log where event_id = $1", last)
    await copies.store.execute("delete from events where event_id = $1", last)
    assert await copies.faults() == {("both", EVENTS, "not in the store")}


async def test_two_events_that_changed_places_are_named(copies: Copies) -> None:
    second, third = await event_at(copies, 2), await event_at(copies, 3)
    await copies.store.execute("update relay_log set sequence = 1000 where event_id = $1", second)
    await copies.store.execute("update relay_log set sequence = 2 where event_id = $1", third)
    await copies.store.execute("update relay_log set sequence = 3 where event_id = $1", second)
    faults = await copies.faults()
    assert {("store", 2, "chain"), ("store", 3, "chain"), ("both", 2, "id"), ("both", 3, "id")} <= faults


async def test_the_auditor_may_read_and_nothing_else(copies: Copies) -> None:
    auditor = await asyncpg.connect(copies.store_as_auditor)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await auditor.execute("update events set actor = 'nobody'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await auditor.fetch("select fingerprint from commands")
    await auditor.close()
