"""Where a body lies: in encrypted parts, which come one by one, are read as one file, and go when the list closes.

A part is 1 MiB of the body (the last one what remains), sealed under the list's key with its number in the AAD, so that parts
can be neither swapped nor taken into another list.
"""

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import BinaryIO
from uuid import UUID

import asyncpg

from chassis.event_store import Connection
from chassis.keyring import Keys
from contracts.intake import ListFormat

PART_BYTES = 1 << 20
PARTS_AT_HAND = 4
PART_SECONDS = 60.0
RESUMABLE = timedelta(hours=24)
"""How long an upload that was cut may be taken up again."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A body that is coming. size: what lies here. total: its whole size, where it is known. declared: see the migration."""

    list_id: UUID
    sender: str
    format: ListFormat
    reference_date: date
    declared: bytes | None
    holder: UUID
    size: int = 0
    total: int | None = None

    @property
    def resume_at(self) -> int:
        """From which byte its sender goes on: after the whole parts; where those are all, before the last, so that something is left."""
        whole = self.size - self.size % PART_BYTES
        return whole if whole != self.total else max(whole - PART_BYTES, 0)


class TakenOver(Exception):
    """Another request writes this body now, or has finished it."""


async def found(connection: Connection, list_id: UUID) -> Upload | None:
    row = await connection.fetchrow(FIND, list_id)
    return Upload(**dict(row)) if row else None


async def begin(connection: Connection, upload: Upload, *, at: datetime) -> None:
    """This request writes from here on; of what came before it only the whole parts up to `upload.size` stay.

    Raises:
        TakenOver: meanwhile the body became a list, or those parts went; nothing was changed.
    """
    whole = upload.size // PART_BYTES
    async with connection.transaction():
        await connection.execute(
            BEGIN, upload.list_id, upload.sender, upload.format, upload.reference_date, upload.declared, upload.holder, upload.size,
            upload.total, at,
        )  # fmt: skip
        # a statement of its own, which sees what was committed while the one above waited for the row
        if not await connection.fetchval(STILL_COMING, upload.list_id, upload.holder, whole):
            raise TakenOver
        await connection.execute(DROP_FROM, upload.list_id, whole)


async def keep(connection: Connection, upload: Upload, keys: Keys, clear: bytes, digest: bytes, at: datetime) -> None:
    """Keep the next part.

    Raises:
        TakenOver: another request holds the upload; nothing was kept.
    """
    number = upload.size // PART_BYTES
    sealed = await asyncio.to_thread(keys.seal_bytes, "list", _field(number), clear)
    kept = await connection.execute(KEEP, upload.list_id, upload.holder, upload.size, len(clear), at, number, sealed, digest)
    if kept != "INSERT 0 1":
        raise TakenOver


async def digests_of(connection: Connection, list_id: UUID) -> tuple[list[bytes], str]:
    """The keyed digests of the clear parts, and the SHA-256 over those of the encrypted ones (hexadecimal), both in order."""
    rows = await connection.fetch(DIGESTS, list_id)
    return [row["digest"] for row in rows], sha256(b"".join(row["sealed_digest"] for row in rows)).hexdigest()


async def finish(connection: Connection, upload: Upload) -> None:
    """The upload has become a list; its parts stay.

    Raises:
        TakenOver: roll back.
    """
    if await connection.execute(FINISH, upload.list_id, upload.holder) != "DELETE 1":
        raise TakenOver


async def give_up(connection: Connection, upload: Upload) -> None:
    """Nothing of this body remains, unless another request writes it now."""
    async with connection.transaction():
        if await connection.execute(FINISH, upload.list_id, upload.holder) == "DELETE 1":
            await drop(connection, upload.list_id)


async def drop(connection: Connection, list_id: UUID) -> None:
    await connection.execute(DROP_FROM, list_id, 0)


async def forget_abandoned(connection: Connection, now: datetime) -> None:
    """Bodies that were cut and not taken up again in time go."""
    await connection.execute(FORGET, now - RESUMABLE)


def opened(pool: asyncpg.Pool, keys: Keys, list_id: UUID, size: int) -> BinaryIO:
    """The body as a seekable file of clear bytes, a few parts of it in memory; to be read in a thread, never in the loop's own."""
    loop = asyncio.get_running_loop()

    def part(number: int) -> bytes:
        sealed = asyncio.run_coroutine_threadsafe(pool.fetchval(PART, list_id, number), loop).result(PART_SECONDS)
        if sealed is None:
            raise TakenOver
        return keys.open_bytes("list", _field(number), sealed)

    return io.BufferedReader(PartsFile(size, lru_cache(PARTS_AT_HAND)(part)))


class PartsFile(io.RawIOBase):
    """Bytes that lie in parts of equal length, as one file. part: the clear bytes of a part by its number."""

    def __init__(self, size: int, part: Callable[[int], bytes]) -> None:
        super().__init__()
        self._size, self._part, self._at = size, part, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError("a file begins at 0")
        self._at = origin + offset
        return self._at

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # typeshed's Buffer has no length
        if self._at >= self._size:
            return 0
        number, start = divmod(self._at, PART_BYTES)
        piece = self._part(number)[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def _field(number: int) -> str:
    return f"part {number}"


FIND = "select list_id, sender, format, reference_date, declared, holder, size, total from list_upload where list_id = $1"
BEGIN = """
insert into list_upload (list_id, sender, format, reference_date, declared, holder, size, total, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (list_id) do update set format = excluded.format, reference_date = excluded.reference_date, declared = excluded.declared,
  holder = excluded.holder, size = excluded.size, total = excluded.total, at = excluded.at
where list_upload.sender = excluded.sender
"""
STILL_COMING = """
select not exists (select from lists where list_id = $1)
  and exists (select from list_upload where list_id = $1 and holder = $2)
  and (select count(*) from list_part where list_id = $1 and number < $3) = $3
"""
KEEP = """
with held as (
  update list_upload set size = size + $4, at = $5 where list_id = $1 and holder = $2 and size = $3 returning list_id
)
insert into list_part (list_id, number, sealed, digest) select list_id, $6, $7, $8 from held
"""
DIGESTS = "select digest, sha256(sealed) as sealed_digest from list_part where list_id = $1 order by number"
PART = "select sealed from list_part where list_id = $1 and number = $2"
FINISH = "delete from list_upload where list_id = $1 and holder = $2"
DROP_FROM = "delete from list_part where list_id = $1 and number >= $2"
FORGET = """
with abandoned as (delete from list_upload where at < $1 returning list_id)
delete from list_part where list_id in (select list_id from abandoned)
"""
