"""One campaign: files are matched, the leavers become a list, the list is read like any other. Killed anywhere, it is run again.

Its id derives from keyed digests of the files, so the same files are the same campaign: what was committed is not done again.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import asyncpg

from chassis.decider import NO_TRACE, Request
from chassis.event_store import Connection
from chassis.failpoints import failpoint
from chassis.progress import Progress
from contracts.catalogue import decode
from contracts.intake import CampaignMatched, DropoutDetected, SnapshotKind, SnapshotManifest
from intake import lists, parts
from intake.batch import Desk
from intake.campaign import reviews
from intake.campaign.admitting import Accepted
from intake.campaign.crossing import Crossed, Limits, cross
from intake.campaign.files import keep
from intake.campaign.fingerprints import Fingerprint, fingerprint_of
from intake.campaign.refusals import refused
from intake.campaign.snapshots import Snapshot
from intake.domain.list_commands import KeepMatch
from intake.parts import PART_BYTES, Upload
from intake.reader import Reader

FORMAT = SENDER = "campaign"
NAMESPACE = UUID("5d1e0f0a-95d5-5d0c-9a7e-3f6a2b8c4d11")
LOOK_SECONDS = 0.5


type Fingerprints = Mapping[SnapshotKind, Fingerprint]


class LeaversUnreadable(Exception):
    """The leavers were kept, and the reader of lists cannot read them: a fault of ours, not of the files."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a campaign says at its end; nobody's name is in it.

    resumed: the match was committed by an earlier run. detections: those made by this campaign, and how many bear each flag.
    seconds: by step; what was done before takes none.
    """

    campaign: UUID
    resumed: bool
    matched: CampaignMatched
    verdicts: Mapping[str, int]
    detections: int
    l313_7: int
    obligation_formation: int
    seconds: Mapping[str, float]


@dataclass(kw_only=True)
class Steps:
    """Says on standard error that a step begins, and how long each took."""

    took: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        print(f"{name}…", file=sys.stderr, flush=True)
        yield
        self.took[name] = round(time.monotonic() - began, 2)


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """What is needed to run one. delete_on: by when its files must be gone. reviews: where to write the lines that a human must look at.

    accepted: what whoever runs it answers for.
    """

    pool: asyncpg.Pool
    desk: Desk
    reader: Reader
    snapshots: Mapping[SnapshotKind, Snapshot]
    reference: date
    limits: Limits
    actor: str
    delete_on: date
    reviews: Path | None = None
    accepted: Accepted = field(default_factory=Accepted)

    async def run(self) -> Found:
        """From files to the last decision, or from wherever a run before this one came to.

        Raises:
            intake.campaign.snapshots.SnapshotRefused, intake.campaign.admitting.CampaignRefused: nothing is written.
            intake.parts.TakenOver: the same campaign runs elsewhere.
            LeaversUnreadable: everything up to the list of leavers is kept, of the list nothing more will be read.
        """
        steps = Steps()
        with steps.step("fingerprints"):
            fingerprints = await asyncio.to_thread(self._fingerprints)
        campaign = self._id(fingerprints)
        async with self.pool.acquire() as connection:
            resumed = await lists.kept(connection, campaign) is not None
        crossed = None
        if not resumed or self.reviews is not None:
            with steps.step("cross-match"):
                crossed = await asyncio.to_thread(self._cross, fingerprints)
        if crossed is not None and not resumed:
            failpoint("campaign_matched")
            with steps.step("leavers kept"):
                await self._keep(campaign, fingerprints, crossed)
            failpoint("campaign_kept")
        else:
            async with self.pool.acquire() as connection, connection.transaction():
                await self._keep_files(connection, campaign, fingerprints, crossed)
        with steps.step("facts and decisions"):
            await self._read(campaign)
        return await self._found(campaign, resumed=resumed, seconds=steps.took)

    def _cross(self, fingerprints: Fingerprints) -> Crossed:
        there, rule = lines_there(self.snapshots, fingerprints), self.reader.rule
        crossed = cross(self.snapshots, there, self.reference, rule, self.limits, self.accepted, reviewed=self.reviews is not None)
        if self.reviews is None:
            return crossed
        rejected = refused(crossed.body, self.reference, self.desk.directory)
        return replace(crossed, reviews=crossed.reviews + reviews.lines_of(rejected))

    def _fingerprints(self) -> Fingerprints:
        if self.reviews is not None:
            reviews.check(self.reviews)
        for snapshot in self.snapshots.values():
            snapshot.check()
        return {kind: fingerprint_of(snapshot.path, self.desk.digests) for kind, snapshot in self.snapshots.items()}

    def _id(self, fingerprints: Fingerprints) -> UUID:
        rule = self.reader.rule
        files = " ".join(f"{kind} {one.digest.hex()}" for kind, one in fingerprints.items())
        return uuid5(NAMESPACE, f"{files} {self.reference} {rule.name} {rule.version}")

    async def _keep(self, campaign: UUID, fingerprints: Fingerprints, crossed: Crossed) -> None:
        """The leavers under the list's own key, part by part; then the list and its first event, together."""
        clock, keyring = self.desk.clock, self.desk.keyring
        await keyring.ensure([campaign], ["list"])
        keys = (await keyring.keys([campaign]))[campaign]
        upload = Upload(
            list_id=campaign, sender=SENDER, format=FORMAT, reference_date=self.reference, declared=None, holder=uuid4(),
            total=len(crossed.body),
        )  # fmt: skip
        async with self.pool.acquire() as connection:
            await parts.begin(connection, upload, at=clock.now())
            for start in range(0, len(crossed.body), PART_BYTES):
                piece = crossed.body[start : start + PART_BYTES]
                await parts.keep(connection, upload, keys, piece, self.desk.digests.of("part", piece), clock.now())
                upload = replace(upload, size=upload.size + len(piece))
        request = self._request(campaign, fingerprints, crossed)

        async def also(connection: Connection) -> None:
            await parts.finish(connection, upload)
            await lists.keep_received(
                connection, list_id=campaign, sender=SENDER, list_format=FORMAT, reference_date=self.reference, size=upload.size,
                fingerprint=request.fingerprint, at=clock.now(),
            )  # fmt: skip
            await self._keep_files(connection, campaign, fingerprints, crossed)

        await self.desk.list_handler.handle_with(request, also)

    async def _keep_files(self, connection: Connection, campaign: UUID, fingerprints: Fingerprints, crossed: Crossed | None) -> None:
        """Where the files lie, and until when: those of everybody, and the one for a human, which is written last of all."""
        for kind, one in fingerprints.items():
            await keep(connection, campaign, kind, self.snapshots[kind].path, one, self.delete_on)
        if self.reviews is not None and crossed is not None:
            await asyncio.to_thread(reviews.write, self.reviews, crossed.reviews)
            written = await asyncio.to_thread(fingerprint_of, self.reviews, self.desk.digests)
            await keep(connection, campaign, "reviews", self.reviews, written, self.delete_on)

    def _request(self, campaign: UUID, fingerprints: Fingerprints, crossed: Crossed) -> Request[KeepMatch]:
        rule, command_id = self.reader.rule, uuid5(campaign, "match")
        manifest = tuple(
            SnapshotManifest(
                kind=kind, lines=crossed.lines[kind].read, unreadable=crossed.lines[kind].unreadable, size=one.size, digest=one.digest.hex()
            )
            for kind, one in fingerprints.items()
        )
        command = KeepMatch(
            list_id=campaign, reference_date=self.reference, rule=rule.name, rule_version=rule.version, snapshots=manifest,
            figures=crossed.figures,
        )  # fmt: skip
        return Request(
            command=command, command_id=command_id, actor=self.actor, correlation_id=command_id, route="campaign",
            fingerprint=self.desk.digests.of("campaign", campaign.bytes), trace=NO_TRACE,
        )  # fmt: skip

    async def _read(self, campaign: UUID) -> None:
        """Here, or by a service that took it up first: until the list is closed.

        Raises:
            LeaversUnreadable: it will not be.
        """
        looking = asyncio.create_task(self._tell(campaign))
        try:
            while not await self.pool.fetchval(CLOSED, campaign):
                if not await self.reader.read_next():
                    await asyncio.sleep(LOOK_SECONDS)
                if campaign in self.reader.unreadable:
                    raise LeaversUnreadable
        finally:
            looking.cancel()

    async def _tell(self, campaign: UUID) -> None:
        """How far the list is: lines first, then decisions."""
        leavers, most = (await self._matched(campaign)).figures.leavers, 0
        progress = Progress(what="lines")
        while True:
            told, touched = await self.pool.fetchrow(STATE, campaign) or (0, 0)
            if told >= leavers and progress.what == "lines":
                progress, most = Progress(what="decisions"), touched
            progress(*((told, leavers) if progress.what == "lines" else (most - touched, most)))
            await asyncio.sleep(LOOK_SECONDS)

    async def _matched(self, campaign: UUID) -> CampaignMatched:
        """What the campaign said first.

        Raises:
            TypeError: this list is no campaign.
        """
        row = await self.pool.fetchrow(MATCHED, f"list-{campaign}")
        event = decode(row["type"], row["body"]) if row else None
        if not isinstance(event, CampaignMatched):
            raise TypeError("this list is no campaign")
        return event

    async def _found(self, campaign: UUID, *, resumed: bool, seconds: Mapping[str, float]) -> Found:
        async with self.pool.acquire() as connection:
            verdicts = await lists.counts_of(connection, campaign)
        detections, l313_7, obligation = await self.pool.fetchrow(MADE, uuid5(campaign, "match"), DropoutDetected.wire_type()) or (0, 0, 0)
        return Found(
            campaign=campaign, resumed=resumed, matched=await self._matched(campaign),
            verdicts={str(name): count for name, count in verdicts.items()}, detections=detections, l313_7=l313_7,
            obligation_formation=obligation, seconds=seconds,
        )  # fmt: skip


def lines_there(snapshots: Mapping[SnapshotKind, Snapshot], fingerprints: Fingerprints) -> dict[SnapshotKind, int]:
    """Of each CSV, without its header."""
    return {kind: fingerprints[kind].lines - 1 for kind, one in snapshots.items() if not one.is_parquet}


CLOSED = "select closed_at is not null from lists where list_id = $1"
STATE = """
select accepted + accepted_with_remarks + rejected + held + not_kept as told,
  (select count(*) from touched t where t.list_id = l.list_id) as touched
from lists l where list_id = $1
"""
MATCHED = "select type, body from events where stream_id = $1 and stream_version = 1"
MADE = """
select count(*) as detections, count(*) filter (where flags->>'l313_7' = 'true') as l313_7,
  count(*) filter (where flags->>'obligation_formation' = 'true') as obligation_formation
from (select convert_from(body, 'utf8')::jsonb->'flags' as flags from events where correlation_id = $1 and type = $2) made
"""
