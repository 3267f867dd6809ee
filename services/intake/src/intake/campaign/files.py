"""The files of campaigns: where each lies, by which day it must be gone, and its deletion while it is what it was when it was matched."""

import asyncio
import socket
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import asyncpg

from chassis.clock import Clock
from chassis.event_store import Connection
from chassis.failpoints import failpoint
from chassis.paris import legal_date
from intake.campaign.fingerprints import Fingerprint, fingerprint_of
from intake.identity import Digests

type State = Literal["deleted", "gone", "changed", "elsewhere", "unreadable"]
"""Deleted by us; not there, and not by us; other bytes than were matched; on another machine; not to be read or deleted."""


@dataclass(frozen=True, kw_only=True)
class CampaignFile:
    """One file of a run. kind: that of a snapshot, or `reviews`. host: the machine whose path it is."""

    campaign: UUID
    kind: str
    host: str
    path: str
    size: int
    delete_on: date
    deleted_at: datetime | None = None

    def overdue(self, today: date) -> bool:
        """On its day it must be gone already."""
        return self.deleted_at is None and self.delete_on <= today


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What became of one file that was due."""

    file: CampaignFile
    state: State


async def keep(connection: Connection, campaign: UUID, kind: str, path: Path, fingerprint: Fingerprint, delete_on: date) -> None:
    """That this file lies here until that day. Told again, the later word holds: the file is there."""
    place = str(await asyncio.to_thread(path.resolve))
    await connection.execute(KEEP, campaign, kind, socket.gethostname(), place, fingerprint.size, fingerprint.digest, delete_on)


async def all_files(connection: Connection) -> list[CampaignFile]:
    """Those that are due first."""
    return [_file(row) for row in await connection.fetch(ALL)]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Deletes what is due. gone: campaigns of which missing files are known to be gone. changed: of which files with other bytes go too."""

    pool: asyncpg.Pool
    digests: Digests
    clock: Clock
    gone: Collection[UUID] = ()
    changed: Collection[UUID] = ()

    async def run(self) -> list[Swept]:
        """Everything whose day has come."""
        rows = await self.pool.fetch(DUE, legal_date(self.clock.now()))
        return [Swept(file=_file(row), state=await self._one(row)) for row in rows]

    async def at_once(self, campaign: UUID, kinds: Iterable[str]) -> list[Swept]:
        """These of one campaign, whatever their day is."""
        rows = await self.pool.fetch(OF_CAMPAIGN, campaign, list(kinds))
        return [Swept(file=_file(row), state=await self._one(row)) for row in rows]

    async def _one(self, row: asyncpg.Record) -> State:
        if row["host"] != socket.gethostname():
            return "elsewhere"
        path = Path(row["path"])
        try:
            return await self._here(row, path, await asyncio.to_thread(_found, path, row["digest"], self.digests))
        except OSError:
            return "unreadable"

    async def _here(self, row: asyncpg.Record, path: Path, found: Literal["same", "gone", "changed"]) -> State:
        """What is begun is said before it is done, so that after a death a missing file is known to be our work."""
        if found == "gone" and not row["begun"] and row["list_id"] not in self.gone:
            return "gone"
        if found == "changed" and row["list_id"] not in self.changed:
            return "changed"
        if found != "gone":
            await self.pool.execute(BEGIN, row["host"], row["path"], row["digest"])
            failpoint("campaign_file_before_unlink")
            await asyncio.to_thread(path.unlink)
            failpoint("campaign_file_unlinked")
        await self.pool.execute(DELETED, row["host"], row["path"], row["digest"], self.clock.now())
        return "deleted"


def _found(path: Path, digest: bytes, digests: Digests) -> Literal["same", "gone", "changed"]:
    """A link in its place is something else. Raises OSError."""
    if not path.exists(follow_symlinks=False):
        return "gone"
    same = path.is_file() and not path.is_symlink() and fingerprint_of(path, digests).digest == digest
    return "same" if same else "changed"


def _file(row: asyncpg.Record) -> CampaignFile:
    return CampaignFile(
        campaign=row["list_id"], kind=row["kind"], host=row["host"], path=row["path"], size=row["size"], delete_on=row["delete_on"],
        deleted_at=row["deleted_at"],
    )  # fmt: skip


def left(swept: Sequence[Swept]) -> list[Swept]:
    """Those that somebody must look at."""
    return [one for one in swept if one.state != "deleted"]


COLUMNS = "list_id, kind, host, path, size, digest, delete_on, begun, deleted_at"
KEEP = """
insert into campaign_file (list_id, kind, host, path, size, digest, delete_on) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (list_id, kind, host, path) do update
set size = excluded.size, digest = excluded.digest, delete_on = excluded.delete_on, begun = false, deleted_at = null
"""
ALL = f"select {COLUMNS} from campaign_file order by deleted_at is not null, delete_on, list_id, kind, path"
DUE = f"select {COLUMNS} from campaign_file where deleted_at is null and delete_on <= $1 order by delete_on, list_id, kind, path"
OF_CAMPAIGN = f"""
select {COLUMNS} from campaign_file where deleted_at is null and list_id = $1 and kind = any($2::text[]) order by kind, path
"""
SAME_FILE = "where host = $1 and path = $2 and digest = $3 and deleted_at is null"
BEGIN = f"update campaign_file set begun = true {SAME_FILE}"
DELETED = f"update campaign_file set deleted_at = $4 {SAME_FILE}"
