"""The whole service on a real PostgreSQL, its topic looped back in memory: from a dropout to bytes that only the recipient reads."""

import asyncio
import hashlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import asyncpg
import httpx
import orjson
import pytest
from fastapi import FastAPI
from joserfc import jwe
from joserfc.jwk import ECKey

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
from contracts.intake import DropoutDetected, DropoutWithdrawn, Flags
from contracts.personal import Contact, Guardian, Guardians, Identity
from transmission.app import build
from transmission.sending import Sender

pytestmark = pytest.mark.stack

NOW = datetime(2026, 2, 1, 8, tzinfo=UTC)
TOPICS = ("raccroche.intake", "raccroche.transmission")
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
    """Believes a token that says `role` or `role organisation`."""

    def verify(self, token: str) -> Caller:
        role, _, organisation = token.partition("/")
        return Caller(actor=f"actor-{token}", role=role, organisation=organisation or None)


@dataclass(kw_only=True)
class House:
    """One transmission service, with what surrounds it played by the test."""

    parts: Parts
    sender: Sender
    basics: Basics
    admin: asyncpg.Connection
    relaying: asyncpg.Connection
    relay: Relay
    web: httpx.AsyncClient
    dsn: str
    keys_dsn: str
    voice: Loopback = field(default_factory=lambda: Loopback(topic="raccroche.transmission"))
    heard: int = 0
    said: int = 0

    async def hear_intake(self, *events: Event) -> None:
        await self._consumer().hear([self._intake(event) for event in events])

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

    def _intake(self, event: Event) -> RawRecord:
        self.said += 1
        person = UUID(event.subject)
        version = 1 if isinstance(event, DropoutDetected) else 2
        request = Request[None](command=None, command_id=person, actor="/raccroche/intake", correlation_id=person)
        stored = EventStore(source="/raccroche/intake", clock=self.basics.clock).record(event, version, request)
        headers = to_headers(orjson.loads(stored.attributes), sequence=self.said, chain="00" * 32, traceparent=None, tracestate=None)
        return RawRecord(
            topic="raccroche.intake", partition=0, offset=self.said - 1, key=event.subject.encode(), value=stored.body,
            headers=tuple(headers),
        )  # fmt: skip


@pytest.fixture
async def house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    dsns = await fresh_database(Database(name="transmission", migrations=(chassis_migrations(), MIGRATIONS)))
    keys = await fresh_database(Database(name="keyring", migrations=(keyring_migrations(),), login_roles=("app",)))
    clock = FixedClock(NOW)
    async with (
        asyncpg.create_pool(dsns["app"], min_size=1, max_size=6) as app,
        asyncpg.create_pool(dsns["consumer"], min_size=1, max_size=6) as consumer,
        asyncpg.create_pool(keys["app"], min_size=1, max_size=3) as keyring,
    ):
        basics = Basics(
            clock=clock, app=app, consumer=consumer, store=EventStore(source="/raccroche/transmission", clock=clock),
            wake=lambda: None, keyring=Keyring(keyring, {name: {1: bytes(32)} for name in CLASSES}), settings=SETTINGS,
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
                parts=parts, sender=_sender(parts), basics=basics, admin=admin, relaying=relaying, web=client,
                dsn=dsns["app"], keys_dsn=keys["app"],
                relay=Relay(dsn="unused", topic="raccroche.transmission", bootstrap="unused", refill=False),
            )  # fmt: skip
        await admin.close()
        await relaying.close()


def _sender(parts: Parts) -> Sender:
    """The sender whose endless run is the service's first worker."""
    worker, _ = parts.workers
    sender = worker.__self__  # type: ignore[attr-defined]  # a bound method
    assert isinstance(sender, Sender)
    return sender


KEYS = {name: ECKey.generate_key("P-256") for name in ("psad-35", "ml-35")}


async def designate(house: House, to: str, recipient_class: str, *, valid_to: datetime | None = None) -> UUID:
    designation_id = uuid5(UUID(int=0), to)
    body = {
        "departement": "35", "recipient_id": to, "recipient_class": recipient_class, "designated_by": "region-bretagne",
        "valid_from": "2026-01-01T00:00:00Z", "valid_to": valid_to and valid_to.isoformat(),
        "public_key": orjson.dumps(KEYS[to].as_dict(private=False)).decode(),
    }  # fmt: skip
    answer = await house.ask("PUT", f"/designations/{designation_id}", "ops", body)
    assert answer.status_code == 201, answer.text
    return designation_id


async def both(house: House) -> None:
    await designate(house, "psad-35", "designated_body")
    await designate(house, "ml-35", "mission_locale")


async def dropouts(house: House, count: int, flags: Flags | None = None) -> list[DropoutDetected]:
    """Young persons of 17 whose data is sealed as intake seals it."""
    keyring = house.basics.keyring
    assert keyring is not None
    persons = [uuid4() for _ in range(count)]
    await keyring.ensure(persons)
    keys = await keyring.keys(persons)
    return [
        DropoutDetected(
            person_id=person, detection_id=uuid5(person, "detection"), rule="siei", rule_version=1, facts=(), coverage={"csv": 1},
            flags=flags or Flags(l313_7=True, obligation_formation=True), reference_date=date(2026, 1, 31), age=17,
            majority_month="2026-09", departement="35", last_uai="0350001A", last_formation="bac pro", exit_date=date(2026, 1, 10),
            identity=keys[person].seal(Identity(ine=None, family_name=f"Ferrand{n}", first_names=("Maël",), birth_date=date(2008, 9, 1))),
            contact=keys[person].seal(Contact(phones=("+33600000001",))),
            guardians=keys[person].seal(Guardians(guardians=(Guardian(family_name="Ferrand"),))),
        )
        for n, person in enumerate(persons)
    ]  # fmt: skip


def opened(delivery: dict[str, str], recipient: str) -> dict[str, object]:
    plain = jwe.decrypt_compact(delivery["body"], KEYS[recipient], algorithms=["ECDH-ES", "A256GCM"]).plaintext
    return dict(orjson.loads(plain or b"{}"))


async def test_each_recipient_owed_fetches_what_only_it_can_read_and_acknowledges_it(house: House) -> None:
    await both(house)
    await house.hear_intake(*await dropouts(house, 3))
    await house.settle()
    for recipient in ("psad-35", "ml-35"):
        token = f"recipient/{recipient}"
        deliveries = (await house.got("/deliveries?limit=10", token))["deliveries"]
        assert {hashlib.sha256(one["body"].encode()).hexdigest() == one["encrypted_sha256"] for one in deliveries} == {True}
        letters = [opened(one, recipient) for one in deliveries]
        assert sorted(str(dict(one["identity"])["family_name"]) for one in letters) == ["Ferrand0", "Ferrand1", "Ferrand2"]  # type: ignore[call-overload]  # an object of JSON
        legal = {"identity", "contact", "guardians", "last_uai", "last_formation", "exit_date", "flags"}
        assert [set(one) for one in letters] == [legal] * 3
        ids = [one["transmission_id"] for one in deliveries]
        answer = await house.ask("POST", "/deliveries/acknowledge", token, {"transmission_ids": ids})
        assert (answer.status_code, sorted(answer.json()["acknowledged"])) == (200, sorted(ids))
        assert (await house.got("/deliveries", token))["deliveries"] == []
    await house.settle()
    assert await house.admin.fetchval("select count(*) from deliveries") == 0
    assert await house.figures() == {
        "due": 6, "sent": 6, "acknowledged": 6, "refused": 0, "recalled": 0, "unroutable": 0,
        "by_recipient": {"ml-35": 3, "psad-35": 3},
    }  # fmt: skip


async def test_the_hash_on_record_is_that_of_the_bytes_handed_over_and_the_sending_names_its_cause(house: House) -> None:
    await both(house)
    await house.hear_intake(*await dropouts(house, 1))
    await house.settle()
    rows = await house.admin.fetch(
        """select convert_from(s.body, 'utf8')::json->>'encrypted_sha256' as said, encode(sha256(d.body), 'hex') as kept, c.type
        from events s join deliveries d on d.transmission_id = (convert_from(s.body, 'utf8')::json->>'transmission_id')::uuid
        join events c on c.event_id = s.causation_id where s.type like '%CoordinatesTransmitted%'"""
    )
    assert len(rows) == 2
    assert all(row["said"] == row["kept"] and "TransmissionDue" in row["type"] for row in rows)


async def test_two_senders_at_once_and_again_send_each_transmission_once(house: House) -> None:
    await both(house)
    await house.hear_intake(*await dropouts(house, 30))
    await house.settle(sending=False)
    await asyncio.gather(*(house.sender.send_due() for _ in range(4)))
    assert await house.sender.send_due() == 0
    await house.settle()
    assert (await house.types())["CoordinatesTransmitted"] == 60
    assert await house.admin.fetchval("select count(*) from deliveries") == 60


@pytest.mark.parametrize(("point", "sent_before_death"), [("transmission_before_send_commit", 0), ("transmission_after_send_commit", 20)])
async def test_a_sender_that_is_killed_loses_nothing_and_sends_nothing_twice(house: House, point: str, sent_before_death: int) -> None:
    await both(house)
    await house.hear_intake(*await dropouts(house, 10))
    await house.settle(sending=False)
    script = str(Path(__file__).parent / "killed_sender.py")
    killed = await asyncio.create_subprocess_exec(sys.executable, script, house.dsn, house.keys_dsn, point)
    assert await killed.wait() == -signal.SIGKILL
    assert (await house.types()).get("CoordinatesTransmitted", 0) == sent_before_death
    await house.settle()
    rows = await house.admin.fetch(MATCHED)
    assert (await house.types())["CoordinatesTransmitted"] == len(rows) == 20


MATCHED = """
select from events s join deliveries d on d.transmission_id = (convert_from(s.body, 'utf8')::json->>'transmission_id')::uuid
where s.type like '%CoordinatesTransmitted%' and convert_from(s.body, 'utf8')::json->>'encrypted_sha256' = encode(sha256(d.body), 'hex')
"""


async def test_a_recipient_sees_and_answers_its_own_only(house: House) -> None:
    await both(house)
    await house.hear_intake(*await dropouts(house, 1, Flags(l313_7=False, obligation_formation=True)))
    await house.settle()
    assert (await house.got("/deliveries", "recipient/psad-35"))["deliveries"] == []
    (delivery,) = (await house.got("/deliveries", "recipient/ml-35"))["deliveries"]
    ids = [delivery["transmission_id"]]
    answer = await house.ask("POST", "/deliveries/acknowledge", "recipient/psad-35", {"transmission_ids": ids})
    assert answer.json() == {"acknowledged": [], "refused": {ids[0]: "no such transmission was sent to this recipient"}}
    assert len((await house.got("/deliveries", "recipient/ml-35"))["deliveries"]) == 1
    assert (await house.ask("GET", "/deliveries", "adviser")).status_code == 403


async def test_nothing_is_sent_to_who_is_no_longer_designated_when_sending(house: House) -> None:
    designation_id = await designate(house, "ml-35", "mission_locale")
    await house.hear_intake(*await dropouts(house, 1, Flags(l313_7=False, obligation_formation=True)))
    await house.settle(sending=False)
    ended = {"departement": "35", "ended_at": (NOW + timedelta(hours=1)).isoformat()}
    assert (await house.ask("POST", f"/designations/{designation_id}/end", "ops", ended)).status_code == 201
    assert isinstance(house.basics.clock, FixedClock)
    house.basics.clock.at = NOW + timedelta(hours=1)
    await house.settle()
    assert (await house.types()).get("CoordinatesTransmitted", 0) == 0
    reason = await house.admin.fetchval("select convert_from(body, 'utf8')::json->>'reason' from events where type like '%Refused%'")
    assert reason == "designation_ended"
    assert await house.admin.fetchval("select count(*) from deliveries") == 0


async def test_who_was_told_is_told_again_when_the_dropout_is_withdrawn_and_unread_bytes_go(house: House) -> None:
    await both(house)
    (dropout,) = await dropouts(house, 1)
    await house.hear_intake(dropout)
    await house.settle()
    ids = {one["transmission_id"] for name in KEYS for one in (await house.got("/deliveries", f"recipient/{name}"))["deliveries"]}
    await house.hear_intake(
        DropoutWithdrawn(person_id=dropout.person_id, detection_id=dropout.detection_id, reason="enrolment_found", facts=())
    )
    await house.settle()
    recalls = [one for name in KEYS for one in (await house.got("/recalls", f"recipient/{name}"))["recalls"]]
    assert {(one["transmission_id"], one["reason"]) for one in recalls} == {(one, "enrolment_found") for one in ids}
    assert (await house.got("/deliveries", "recipient/ml-35"))["deliveries"] == []
    await house.sender.drop_recalled()
    assert await house.admin.fetchval("select count(*) from deliveries") == 0
    seen = recalls[0]["transmission_id"]
    assert (await house.got(f"/recalls?after={seen}", "recipient/psad-35"))["recalls"] == []


async def test_what_is_withdrawn_before_it_is_sent_never_leaves(house: House) -> None:
    await both(house)
    (dropout,) = await dropouts(house, 1)
    await house.hear_intake(dropout)
    await house.settle(sending=False)
    await house.hear_intake(
        DropoutWithdrawn(person_id=dropout.person_id, detection_id=dropout.detection_id, reason="diploma_found", facts=())
    )
    await house.settle()
    assert await house.types() == {"RecipientDesignated": 2, "TransmissionDue": 2, "TransmissionRefused": 2}
    assert await house.admin.fetchval("select count(*) from deliveries") == 0


async def test_a_person_whose_keys_are_gone_holds_up_nobody_else(house: House) -> None:
    await both(house)
    gone, there = await dropouts(house, 2)
    keyring = house.basics.keyring
    assert keyring is not None
    await keyring.destroy([gone.person_id])
    await house.hear_intake(gone, there)
    await house.settle()
    assert (await house.types())["CoordinatesTransmitted"] == 2
    assert await house.parts.pending(house.admin) == 2


async def test_a_refused_delivery_is_gone_and_counted(house: House) -> None:
    await designate(house, "ml-35", "mission_locale")
    await house.hear_intake(*await dropouts(house, 1, Flags(l313_7=False, obligation_formation=True)))
    await house.settle()
    (delivery,) = (await house.got("/deliveries", "recipient/ml-35"))["deliveries"]
    body = {"transmission_id": delivery["transmission_id"], "reason": "unreadable"}
    assert (await house.ask("POST", "/deliveries/refuse", "recipient/ml-35", body)).status_code == 200
    assert await house.admin.fetchval("select count(*) from deliveries") == 0
    answer = await house.ask("POST", "/deliveries/acknowledge", "recipient/ml-35", {"transmission_ids": [delivery["transmission_id"]]})
    assert answer.json()["refused"] == {delivery["transmission_id"]: "this transmission was refused by its recipient"}
    await house.settle()
    figures = await house.figures()
    assert (figures["sent"], figures["refused"]) == (1, 1)
