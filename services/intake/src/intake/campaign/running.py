"""One campaign from its files to its last detection; killed anywhere and begun again, it ends with the same facts, each once."""

import asyncio
import hmac
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid5

import asyncpg
import duckdb
import orjson

from chassis.clock import Clock
from chassis.decider import NO_TRACE, Request
from chassis.event_store import Conflict
from chassis.failpoints import failpoint
from chassis.handler import Handler
from contracts.intake import CampaignClosed, CampaignEvent, CampaignOpened, SnapshotFile
from intake import lists
from intake.batch import ACTOR, Desk, prepare, settled
from intake.campaign import keeping
from intake.campaign.deciding import Deciding, cells_of
from intake.campaign.keeping import Standing
from intake.campaign.matching import Funnel, Match, Row
from intake.campaign.snapshots import Kind, Snapshot
from intake.domain.campaign import CampaignCommand, CampaignState, CloseCampaign, OpenCampaign
from intake.domain.detection import Rule
from intake.lists import Job
from intake.sorting import Prepared

CAMPAIGNS = UUID("5d9f3a54-6a0f-5d0e-8f5e-1c3a0d2b7e44")
AT_ONCE = 2000
ATTEMPTS = 5
CHUNK = 1 << 20
REVIEWS = "list"
"""The class of data under which lines for a human are sealed, as those of a list."""

type Told = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What DuckDB may use. folder: where it may write what does not fit, in a private folder that is removed."""

    folder: Path
    memory: str = "2GB"
    threads: int = 2


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a campaign came to. repeated: it was closed before, and this run did nothing. seconds: by step."""

    campaign_id: UUID
    repeated: bool
    leavers: int
    held: int
    rejected: int
    detected: int
    funnel: Funnel | None
    files: tuple[SnapshotFile, ...]
    seconds: Mapping[str, float]

    def document(self) -> dict[str, object]:
        files = [one.model_dump() for one in self.files]
        return {**asdict(self), "campaign_id": str(self.campaign_id), "files": files, "seconds": dict(self.seconds)}


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """The files and the day, and everything that working on them needs."""

    snapshots: Mapping[Kind, Snapshot]
    reference: date
    sender: str
    rule: Rule
    desk: Desk
    pool: asyncpg.Pool
    handler: Handler[CampaignCommand, CampaignState, CampaignEvent]
    limits: Limits
    told: Told
    at_once: int = AT_ONCE

    @property
    def clock(self) -> Clock:
        return self.desk.clock

    async def run(self) -> Result:
        """Raises: SnapshotRefused, TooManyUnreadable, duckdb.Error: the files; ProgressLost: another run is at work."""
        for snapshot in self.snapshots.values():
            snapshot.check()
        seconds: dict[str, float] = {}
        with timed(seconds, "fingerprints"):
            prints = {kind: await asyncio.to_thread(self._fingerprint, one) for kind, one in self.snapshots.items()}
        said = f"{self.reference} {self.rule.name} {self.rule.version} " + " ".join(
            f"{kind} {prints[kind].hex()}" for kind in sorted(prints)
        )
        campaign_id = uuid5(CAMPAIGNS, said)
        async with self.pool.acquire() as connection, keeping.alone(connection, campaign_id):
            await keeping.forget_reviews(connection, self.clock.now())
            before = await keeping.standing(connection, campaign_id)
            if before and before.closed_at:
                return self._result(campaign_id, before, None, (), seconds, repeated=True)
            return await self._go_on(campaign_id, before, prints, seconds)

    async def _go_on(self, campaign_id: UUID, before: Standing | None, prints: Mapping[Kind, bytes], seconds: dict[str, float]) -> Result:
        """Match, open if it was not yet, decide from where it stands, close."""
        with private(self.limits.folder / f"campaign-{campaign_id}") as folder, duckdb.connect() as duck:
            duck.execute(LIMITS.format(memory=self.limits.memory, threads=self.limits.threads, folder=str(folder).replace("'", "''")))
            match = Match(connection=duck, snapshots=self.snapshots, reference=self.reference, rule=self.rule)
            with timed(seconds, "match"):
                funnel, lines = await asyncio.to_thread(match.run)
            failpoint("campaign_matched")
            files = tuple(
                SnapshotFile(kind=kind, lines=lines[kind], size=one.path.stat().st_size, hmac_sha256=prints[kind].hex())
                for kind, one in self.snapshots.items()
            )
            with timed(seconds, "open"):
                standing = before or await self._open(campaign_id, funnel, files, match)
            with timed(seconds, "decide"):
                await self._decide(campaign_id, standing, match)
        with timed(seconds, "close"):
            standing = await self._close(campaign_id)
        return self._result(campaign_id, standing, funnel, files, seconds, repeated=False)

    def _fingerprint(self, snapshot: Snapshot) -> bytes:
        """Keyed: of people whom nobody looks for no digest remains that could be tried out."""
        made = hmac.new(self.desk.digests.key, b"campaign file\x00", "sha256")
        with snapshot.path.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                made.update(chunk)
        return made.digest()

    async def _open(self, campaign_id: UUID, funnel: Funnel, files: tuple[SnapshotFile, ...], match: Match) -> Standing:
        """Say what was matched and keep the lines for a human, in one transaction."""
        sealed = await self._sealed(campaign_id, match)
        opened = CampaignOpened(
            campaign_id=campaign_id, sender=self.sender, reference_date=self.reference, rule=self.rule.name,
            rule_version=self.rule.version, files=files, **asdict(funnel),
        )  # fmt: skip
        leavers = match.leaver_lines()
        async with self.pool.acquire() as connection, connection.transaction():
            (outcome,) = await self.handler.handle_in(connection, [self._request(campaign_id, "open", OpenCampaign(fact=opened))])
            event = UUID(orjson.loads(outcome.answer)["events"][0]["id"])
            now = self.clock.now()
            await keeping.opened(connection, campaign_id, event=event, reference_date=self.reference, leavers=leavers, at=now)
            await keeping.keep_reviews(connection, campaign_id, sealed, now)
            failpoint("campaign_opening")
        failpoint("campaign_opened")
        return Standing(opened_event=event, leavers=leavers, last_line=0, held=0, rejected=0, detected=0, closed_at=None)

    async def _sealed(self, campaign_id: UUID, match: Match) -> list[tuple[str, bytes]]:
        await self.desk.keyring.ensure([campaign_id], (REVIEWS,))
        keys = (await self.desk.keyring.keys([campaign_id]))[campaign_id]
        return [(reason, keys.seal_bytes(REVIEWS, "line", orjson.dumps(cells))) for reason, *cells in match.reviews()]

    async def _decide(self, campaign_id: UUID, standing: Standing, match: Match) -> None:
        """Batch after batch from where the campaign stands; while one is committed the next is made ready."""
        async with self.pool.acquire() as connection:
            known = await lists.coverage(connection, campaign_id)
        job = Job(
            list_id=campaign_id, sender=self.sender, format="csv", reference_date=self.reference, size=0, last_line=standing.last_line,
            received_event=standing.opened_event, correlation_id=campaign_id, trace=NO_TRACE,
        )  # fmt: skip
        deciding = Deciding(desk=self.desk, job=job, rule=self.rule, coverage={**known, "campaign": len(self.snapshots)})
        batches = cut(match.leavers(), self.at_once, after=standing.last_line)
        ready = await asyncio.to_thread(self._prepared, batches, job)
        after = standing.last_line
        while ready:
            coming = asyncio.create_task(asyncio.to_thread(self._prepared, batches, job))
            to = ready[-1].raw.line
            await self._take(deciding, ready, after=after, to=to)
            self.handler.committed()
            failpoint("campaign_taken")
            self.told(to, standing.leavers)
            after, ready = to, await coming

    def _prepared(self, batches: "Iterator[list[tuple[int, Row]]]", job: Job) -> list[Prepared]:
        return prepare([cells_of(line, row) for line, row in next(batches, [])], job, self.desk.digests)

    async def _take(self, deciding: Deciding, ready: Sequence[Prepared], *, after: int, to: int) -> None:
        """Again when somebody else, a list perhaps, wrote to one of these persons first."""
        for attempt in range(ATTEMPTS):
            try:
                async with self.pool.acquire() as connection:
                    await deciding.take(connection, ready, after=after, to=to)
                return
            except (Conflict, asyncpg.DeadlockDetectedError):
                if attempt == ATTEMPTS - 1:
                    raise

    async def _close(self, campaign_id: UUID) -> Standing:
        async with self.pool.acquire() as connection, connection.transaction():
            standing = await keeping.standing(connection, campaign_id)
            if standing is None or standing.last_line != standing.leavers:
                raise keeping.ProgressLost("another run of this campaign is at work")
            closed = CampaignClosed(
                campaign_id=campaign_id, leavers=standing.leavers, held=standing.held, rejected=standing.rejected,
                detected=standing.detected,
            )  # fmt: skip
            settled(await self.handler.handle_in(connection, [self._request(campaign_id, "close", CloseCampaign(fact=closed))]))
            await keeping.close(connection, campaign_id, self.clock.now())
            failpoint("campaign_closing")
        self.handler.committed()
        return standing

    @staticmethod
    def _request(campaign_id: UUID, name: str, command: CampaignCommand) -> Request[CampaignCommand]:
        return Request(command=command, command_id=uuid5(campaign_id, name), actor=ACTOR, correlation_id=campaign_id, route="campaign")

    @staticmethod
    def _result(
        campaign_id: UUID,
        standing: Standing,
        funnel: Funnel | None,
        files: tuple[SnapshotFile, ...],
        seconds: Mapping[str, float],
        *,
        repeated: bool,
    ) -> Result:
        return Result(
            campaign_id=campaign_id, repeated=repeated, leavers=standing.leavers, held=standing.held, rejected=standing.rejected,
            detected=standing.detected, funnel=funnel, files=files, seconds=seconds,
        )  # fmt: skip


def cut(rows: Iterator[Row], size: int, *, after: int) -> Iterator[list[tuple[int, Row]]]:
    """Batches of numbered lines, those up to `after` left out; one person's lines stay in one batch."""
    batch: list[tuple[int, Row]] = []
    for line, row in enumerate(rows, start=1):
        if line <= after:
            continue
        if len(batch) >= size and _who(batch[-1][1]) != _who(row):
            yield batch
            batch = []
        batch.append((line, row))
    if batch:
        yield batch


def _who(row: Row) -> tuple[str, str, str]:
    return row[1] or row[2], row[3], row[4]


@contextmanager
def private(folder: Path) -> Iterator[Path]:
    """A folder that only we can read, gone afterwards; what a killed run left of it goes first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    began = perf_counter()
    yield
    seconds[step] = round(perf_counter() - began, 2)


LIMITS = """
set threads = {threads}; set memory_limit = '{memory}'; set temp_directory = '{folder}'; set preserve_insertion_order = false;
set enable_progress_bar = false;
"""
