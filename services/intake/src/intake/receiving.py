"""A list comes in: read up to its limit, inspected, encrypted under its own key, and kept with the fact that it came."""

import asyncio
import io
from collections.abc import AsyncIterable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from uuid import UUID, uuid5

import asyncpg

from chassis.clock import Clock
from chassis.decider import Outcome, Request, Trace
from chassis.event_store import Connection
from chassis.handler import Handler
from chassis.keyring import Keyring
from contracts.intake import ListEvent, ListFormat
from intake import lists
from intake.domain.list import ListCommand, ReceiveList, SentList
from intake.formats.cells import ListRefused
from intake.identity import Digests
from intake.inspection import inspect

BODY_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What an establishment sends, and who asks for it."""

    list_id: UUID
    sender: str
    format: ListFormat
    reference_date: date
    body: bytes
    actor: str
    trace: Trace

    def __repr__(self) -> str:
        return f"Sending(list_id={self.list_id})"


async def body_of(chunks: AsyncIterable[bytes]) -> bytes:
    """The whole body, counted as it comes: no header is believed.

    Raises:
        ListRefused: TOO_LARGE.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > BODY_LIMIT:
            raise ListRefused("TOO_LARGE")
    return bytes(body)


@dataclass(frozen=True, kw_only=True)
class Reception:
    """Takes lists in. arrived: tells the reader."""

    pool: asyncpg.Pool
    handler: Handler[ListCommand, SentList, ListEvent]
    keyring: Keyring
    digests: Digests
    clock: Clock
    arrived: asyncio.Event

    async def receive(self, sending: Sending) -> Outcome:
        """Take a list; the same id with the same content again is the same sending.

        Raises:
            ListRefused: see `inspect`. chassis.handler.KeyReused: the id is that of another content. TryAgain.
        """
        await asyncio.to_thread(inspect, io.BytesIO(sending.body), sending.format, sending.sender)
        await self.keyring.ensure([sending.list_id], ["list"])
        keys = (await self.keyring.keys([sending.list_id]))[sending.list_id]
        sealed = await asyncio.to_thread(keys.seal_bytes, "list", "body", sending.body)

        async def keep(connection: Connection) -> None:
            await lists.keep_received(
                connection, list_id=sending.list_id, sender=sending.sender, list_format=sending.format,
                reference_date=sending.reference_date, sealed_body=sealed, at=self.clock.now(),
            )  # fmt: skip

        outcome = await self.handler.handle_with(self._request(sending, sealed), keep)
        self.arrived.set()
        return outcome

    async def refuse(self, list_id: UUID, sender: str, refused: ListRefused) -> None:
        async with self.pool.acquire() as connection:
            await lists.keep_refused(connection, list_id=list_id, sender=sender, rule=refused.rule, at=self.clock.now())

    def _request(self, sending: Sending, sealed: bytes) -> Request[ListCommand]:
        """The fingerprint is keyed: no digest of personal data without a key (DESIGN 7)."""
        said = (sending.sender, sending.format, sending.reference_date.isoformat())
        command_id = uuid5(sending.list_id, "receive")
        return Request(
            command=ReceiveList(
                list_id=sending.list_id, sender=sending.sender, format=sending.format,
                reference_date=sending.reference_date, sealed_sha256=sha256(sealed).hexdigest(),
            ),
            command_id=command_id,
            actor=sending.actor,
            correlation_id=command_id,
            route="PUT /lists",
            fingerprint=self.digests.of("body", *(part.encode() for part in said), sending.body),
            trace=sending.trace,
        )  # fmt: skip
