"""A body comes in, in one request or several: part by part under its own key, then inspected as a whole, then it is a list."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid4, uuid5

import asyncpg

from chassis.clock import Clock
from chassis.decider import Request, Trace
from chassis.event_store import Connection
from chassis.handler import Handler, KeyReused
from chassis.keyring import Keyring, Keys
from contracts.intake import ListEvent, ListFormat
from intake import holding, lists, parts
from intake.domain.list import SentList
from intake.domain.list_commands import ListCommand, ReceiveList
from intake.formats import ADAPTERS
from intake.formats.cells import ListRefused
from intake.holding import Arrived, Repeated
from intake.identity import Digests
from intake.inspection import Inspected, inspect
from intake.lists import Kept
from intake.parts import PART_BYTES, Upload


@dataclass(frozen=True, kw_only=True)
class Span:
    """Which bytes of the whole a request brings: from `first` to before `end`, of `total`."""

    first: int
    end: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What an establishment sends, and who asks for it.

    span: none is the whole. declared: by which its sender knows the whole. charset: of a text, as declared.
    territory: the départements for whose establishments it may speak.
    """

    list_id: UUID
    sender: str
    format: ListFormat
    reference_date: date
    actor: str
    trace: Trace
    territory: tuple[str, ...] = ()
    span: Span | None = None
    declared: str | None = None
    charset: str | None = None


@dataclass(frozen=True, kw_only=True)
class Received:
    """How much of a body is here. size: bytes, after which its sender goes on. whole: it is a list. repeated: it was one before."""

    size: int
    whole: bool
    repeated: bool = False


class OtherOffset(Exception):
    """The body cannot be taken up at that byte, or not as that file: `received` says where."""

    def __init__(self, received: int) -> None:
        super().__init__(f"go on from byte {received}")
        self.received = received


class CutShort(Exception):
    """The request ended before the bytes that it announced; whole parts of it are kept."""


@dataclass(frozen=True, kw_only=True)
class Reception:
    """Takes lists in. arrived: tells the reader."""

    pool: asyncpg.Pool
    handler: Handler[ListCommand, SentList, ListEvent]
    keyring: Keyring
    digests: Digests
    clock: Clock
    arrived: asyncio.Event

    async def receive(self, sending: Sending, chunks: AsyncIterable[bytes]) -> Received:
        """Take a body, or some of it; the same id with the same content again is the same sending.

        Raises:
            ListRefused: TOO_LARGE, or see `inspect`; nothing of the body remains. OtherOffset, CutShort.
            intake.parts.TakenOver: another request sends the same list. chassis.handler.KeyReused: the id is another's.
            intake.holding.Repeated: the same list is here under another id. TryAgain.
        """
        if sending.format not in ADAPTERS:
            raise ListRefused("FORMAT_UNKNOWN")
        async with self.pool.acquire() as connection:
            kept, upload = await lists.kept(connection, sending.list_id), await parts.found(connection, sending.list_id)
        if kept is not None:
            return await self._compared(sending, kept, chunks)
        if upload is not None and upload.sender != sending.sender:
            raise KeyReused("the id is that of another sender's upload")
        return await self._taken(sending, await self._begun(sending, upload), chunks)

    async def progress(self, list_id: UUID, sender: str) -> Received | None:
        """How much of this sender's body is here."""
        async with self.pool.acquire() as connection:
            kept, upload = await lists.kept(connection, list_id), await parts.found(connection, list_id)
        if kept is not None and kept.sender == sender:
            return Received(size=kept.size, whole=True)
        if upload is not None and upload.sender == sender:
            return Received(size=upload.resume_at, whole=False)
        return None

    async def refuse(self, list_id: UUID, sender: str, refused: ListRefused) -> None:
        async with self.pool.acquire() as connection:
            await lists.keep_refused(connection, list_id=list_id, sender=sender, rule=refused.rule, at=self.clock.now())

    async def _compared(self, sending: Sending, kept: Kept, chunks: AsyncIterable[bytes]) -> Received:
        """A list that is here already: it comes again, or its id is used for something else."""
        if kept.sender != sending.sender:
            raise KeyReused("the id is that of another sender's list")
        if sending.span is not None and sending.span.first:
            raise OtherOffset(kept.size)
        digests = [self.digests.of("part", clear) async for clear in _cut_into_parts(sending, chunks)]
        if self._fingerprint(sending, digests) != kept.fingerprint:
            raise KeyReused("the id is that of another content")
        return Received(size=kept.size, whole=True, repeated=True)

    async def _begun(self, sending: Sending, before: Upload | None) -> Upload:
        """This request writes from here on, after what came before it, or anew."""
        first = sending.span.first if sending.span else 0
        declared = self.digests.of("declared", sending.declared.encode()) if sending.declared else None
        upload = Upload(
            list_id=sending.list_id, sender=sending.sender, format=sending.format, reference_date=sending.reference_date,
            declared=declared, holder=uuid4(), size=first, total=sending.span.total if sending.span else None,
        )  # fmt: skip
        if first and (before is None or first > before.resume_at or first % PART_BYTES or not _same(before, upload)):
            raise OtherOffset(before.resume_at if before is not None and _same(before, upload) else 0)
        async with self.pool.acquire() as connection:
            await parts.begin(connection, upload, at=self.clock.now())
        return upload

    async def _taken(self, sending: Sending, upload: Upload, chunks: AsyncIterable[bytes]) -> Received:
        await self.keyring.ensure([sending.list_id], ["list"])
        keys = (await self.keyring.keys([sending.list_id]))[sending.list_id]
        try:
            upload = await self._kept(sending, upload, keys, chunks)
            if upload.total is not None and upload.size < upload.total:
                return Received(size=upload.resume_at, whole=False)
            body = parts.opened(self.pool, keys, sending.list_id, upload.size)
            inspected = await asyncio.to_thread(inspect, body, sending.format, sending.sender, sending.territory, sending.charset)
            return await self._become_list(sending, upload, inspected)
        except (ListRefused, Repeated, KeyReused, asyncpg.DiskFullError):
            async with self.pool.acquire() as connection:
                await parts.give_up(connection, upload)
            raise

    async def _kept(self, sending: Sending, upload: Upload, keys: Keys, chunks: AsyncIterable[bytes]) -> Upload:
        """The upload after this request. Part by part, so that a cut loses less than one; a connection is held for no longer."""
        limit = ADAPTERS[sending.format].body_limit
        if (upload.total or 0) > limit:
            raise ListRefused("TOO_LARGE")
        async for clear in _cut_into_parts(sending, chunks):
            if upload.size + len(clear) > limit:
                raise ListRefused("TOO_LARGE")
            digest = self.digests.of("part", clear)
            async with self.pool.acquire() as connection:
                await parts.keep(connection, upload, keys, clear, digest, self.clock.now())
            upload = replace(upload, size=upload.size + len(clear))
        return upload

    async def _become_list(self, sending: Sending, upload: Upload, inspected: Inspected) -> Received:
        async with self.pool.acquire() as connection:
            digests, sealed_sha256 = await parts.digests_of(connection, sending.list_id)
        fingerprint = self._fingerprint(sending, digests)
        await holding.refuse_repeats(self.pool, sending.list_id, fingerprint, self.clock.now())
        request = _request(sending, sealed_sha256, fingerprint)
        arrived = _arrived(sending, inspected, request)

        async def keep(connection: Connection) -> None:
            await parts.finish(connection, upload)
            await lists.keep_received(
                connection, list_id=sending.list_id, sender=sending.sender, list_format=sending.format,
                reference_date=sending.reference_date, size=upload.size, fingerprint=fingerprint, at=self.clock.now(),
                charset=sending.charset,
            )  # fmt: skip
            await holding.arrive(connection, self.handler, arrived, at=self.clock.now())

        try:
            await self.handler.handle_with(request, keep)
        except Repeated:  # sent twice at the same time: what the other sending keeps is committed now
            await holding.refuse_repeats(self.pool, sending.list_id, fingerprint, self.clock.now())
            raise
        self.arrived.set()
        return Received(size=upload.size, whole=True)

    def _fingerprint(self, sending: Sending, digests: Sequence[bytes]) -> bytes:
        """Keyed: no digest of personal data without a key (DESIGN 7)."""
        said = (sending.sender, sending.format, sending.reference_date.isoformat(), *([sending.charset] if sending.charset else []))
        return self.digests.of("body", *(part.encode() for part in said), *digests)


def _same(before: Upload, now: Upload) -> bool:
    """May this request go on with what came before? A total or a digest that was not told then contradicts nothing."""
    told = before.total is None or before.total == now.total
    return told and (before.format, before.reference_date, before.declared) == (now.format, now.reference_date, now.declared)


async def _cut_into_parts(sending: Sending, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Parts of PART_BYTES; what remains is a part only where the body ends with it.

    Raises:
        CutShort: the request brought less than its span says, or more.
    """
    rest, come = bytearray(), 0
    async for chunk in chunks:
        rest += chunk
        come += len(chunk)
        while len(rest) >= PART_BYTES:
            yield bytes(rest[:PART_BYTES])
            del rest[:PART_BYTES]
    if sending.span is not None and come != sending.span.end - sending.span.first:
        raise CutShort
    if rest and (sending.span is None or sending.span.end == sending.span.total):
        yield bytes(rest)


def _request(sending: Sending, sealed_sha256: str, fingerprint: bytes) -> Request[ListCommand]:
    command_id = uuid5(sending.list_id, "receive")
    return Request(
        command=ReceiveList(
            list_id=sending.list_id, sender=sending.sender, format=sending.format, reference_date=sending.reference_date,
            sealed_sha256=sealed_sha256,
        ),
        command_id=command_id,
        actor=sending.actor,
        correlation_id=command_id,
        route="PUT /lists",
        fingerprint=fingerprint,
        trace=sending.trace,
    )  # fmt: skip


def _arrived(sending: Sending, inspected: Inspected, request: Request[ListCommand]) -> Arrived:
    return Arrived(
        list_id=sending.list_id, sender=sending.sender, format=sending.format, reference_date=sending.reference_date,
        inspected=inspected, fingerprint=request.fingerprint, received=request.correlation_id, trace=sending.trace,
    )  # fmt: skip
