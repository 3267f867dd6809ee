"""The worker that sends what is due: opens, encrypts, and commits hash and bytes together, a batch per transaction.

A transmission's id is the id of the command that sends it: after a crash, or with two workers, the first commit wins and
every later attempt finds the answer given, although each encryption yields other bytes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

import asyncpg
import orjson

from chassis.clock import Clock
from chassis.decider import Outcome, Request, Trace
from chassis.event_store import Connection
from chassis.failpoints import failpoint
from chassis.handler import Handler, TryAgain
from chassis.keyring import Erased, Keyring, Keys, NotOpenable
from chassis.logs import get_logger
from chassis.trouble import INFRASTRUCTURE
from contracts.fields import Sealed
from contracts.intake import Flags
from contracts.personal import Contact, Guardians, Identity
from contracts.transmission import CoordinatesTransmitted
from transmission.domain.decisions import Ledger, LedgerEvent
from transmission.domain.transmissions import SendCoordinates, TransmissionCommand
from transmission.letters import Coordinates, encrypted, hash_of, letter, public_key_from

ACTOR = "/raccroche/transmission"
AT_ONCE = 200
IDLE_SECONDS = 0.1
TROUBLE_SECONDS = 1.0

log = get_logger(__name__)
key_of = lru_cache(maxsize=256)(public_key_from)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One sending, ready: who asks and the bytes."""

    request: Request[TransmissionCommand]
    recipient_id: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Sends what the ledger shows as due.

    unopenable: transmissions that this process could not open; they stay due (and seen in /lag) without holding up others.
    """

    pool: asyncpg.Pool
    handler: Handler[TransmissionCommand, Ledger, LedgerEvent]
    keyring: Keyring
    clock: Clock
    unopenable: set[UUID] = field(default_factory=set)

    async def run(self) -> None:
        """For ever; what a database or a busy stream interrupts is begun again, since nothing was half done."""
        while True:
            try:
                handled = await self.send_due()
                await self.drop_recalled()
            except (TryAgain, *INFRASTRUCTURE) as trouble:
                log.warning("sending waits", reason=type(trouble).__name__)
                await asyncio.sleep(TROUBLE_SECONDS)
            else:
                if not handled:
                    await asyncio.sleep(IDLE_SECONDS)

    async def send_due(self) -> int:
        """Send one batch; how many were handled, whether sent or refused."""
        rows = await self.pool.fetch(DUE, AT_ONCE, list(self.unopenable))
        if not rows:
            return 0
        keys = await self.keyring.keys([row["person_id"] for row in rows])
        prepared = await asyncio.to_thread(self._prepare, rows, keys)
        failpoint("transmission_before_send_commit")
        await self.handler.handle_all_with([one.request for one in prepared], _Deliveries(prepared).keep)
        failpoint("transmission_after_send_commit")
        return len(prepared)

    async def drop_recalled(self) -> None:
        """Nobody needs to fetch what was recalled before it was fetched."""
        await self.pool.execute(DROP_RECALLED)

    def _prepare(self, rows: Sequence[asyncpg.Record], keys: Mapping[UUID, Keys]) -> list[Prepared]:
        at = self.clock.now()
        prepared = []
        for row in rows:
            try:
                body = encrypted(letter(_opened(row, keys[row["person_id"]]), row["fields"]), key_of(row["public_key"]))
            except (Erased, NotOpenable) as trouble:
                self.unopenable.add(row["transmission_id"])
                log.error("a transmission cannot be opened", transmission_id=str(row["transmission_id"]), reason=type(trouble).__name__)
                continue
            command = SendCoordinates(
                person_id=row["person_id"], detection_id=row["detection_id"], transmission_id=row["transmission_id"],
                departement=row["departement"], encrypted_sha256=hash_of(body), at=at,
            )  # fmt: skip
            prepared.append(Prepared(request=_asked(row, command), recipient_id=row["recipient_id"], body=body))
        return prepared


def _asked(row: asyncpg.Record, command: SendCoordinates) -> Request[TransmissionCommand]:
    return Request(
        command=command,
        command_id=command.transmission_id,
        actor=ACTOR,
        correlation_id=row["correlation_id"],
        causation_id=row["cause"],
        route="worker SendCoordinates",
        trace=Trace(traceparent=row["traceparent"]),
    )


def _opened(row: asyncpg.Record, keys: Keys) -> Coordinates:
    """Only what is owed is opened."""
    owed = row["fields"]
    return Coordinates(
        identity=keys.open(Sealed(row["identity"]), Identity),
        contact=keys.open(Sealed(row["contact"]), Contact) if "contact" in owed else None,
        guardians=keys.open(Sealed(row["guardians"]), Guardians) if "guardians" in owed else None,
        last_uai=row["last_uai"],
        last_formation=row["last_formation"],
        exit_date=row["exit_date"],
        flags=Flags(l313_7=row["l313_7"], obligation_formation=row["obligation_formation"]),
    )


@dataclass(frozen=True)
class _Deliveries:
    """The bytes of those that were decided to be sent, in the transaction of that decision."""

    prepared: Sequence[Prepared]

    async def keep(self, connection: Connection, outcomes: Sequence[Outcome]) -> None:
        sent = [one for one, outcome in zip(self.prepared, outcomes, strict=True) if not outcome.repeated and _was_sent(outcome)]
        rows = [(one.request.command_id, one.recipient_id, hash_of(one.body), one.body) for one in sent]
        await connection.executemany(DELIVER, rows)


def _was_sent(outcome: Outcome) -> bool:
    events = orjson.loads(outcome.answer).get("events", ())
    return any(event["type"] == CoordinatesTransmitted.wire_type() for event in events)


async def still_due(connection: Connection) -> int:
    """How many sendings are not handled yet."""
    return int(await connection.fetchval(STILL_DUE))


DUE = """
select t.transmission_id, t.person_id, t.detection_id, t.recipient_id, t.fields, t.cause, t.correlation_id, t.traceparent,
  c.identity, c.contact, c.guardians, c.last_uai, c.last_formation, c.exit_date, c.l313_7, c.obligation_formation,
  d.departement, d.public_key
from transmissions t
join coordinates c on c.detection_id = t.detection_id
join designations d on d.designation_id = t.designation_id
where t.status = 'due' and t.transmission_id <> all($2::uuid[])
  and not exists (select from commands done where done.command_id = t.transmission_id)
order by t.due_at, t.transmission_id limit $1
"""

STILL_DUE = """
select count(*) from transmissions t
where t.status = 'due' and not exists (select from commands done where done.command_id = t.transmission_id)
"""

DELIVER = "insert into deliveries (transmission_id, recipient_id, encrypted_sha256, body) values ($1, $2, $3, $4)"

DROP_RECALLED = """
delete from deliveries using transmissions t
where t.transmission_id = deliveries.transmission_id and t.recalled_at is not null
"""
