"""The worker that tells establishments, once a period, what became of those who left: reads, seals, commits file and event together.

The file's id is the id of the command that sends it: after a crash, or with two workers, the first commit wins. It asks the
clock and no timer, so that a service which slept over the end of a month tells that month when it wakes.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import asyncpg

from chassis.clock import Clock
from chassis.decider import Outcome, Request
from chassis.event_store import Connection
from chassis.failpoints import failpoint
from chassis.handler import Handler, TryAgain
from chassis.keyring import Keyring
from chassis.logs import get_logger
from chassis.trouble import INFRASTRUCTURE
from contracts.transmission import ReturnInformationSent
from transmission.domain.destinations import Former, lines_of
from transmission.domain.periods import end_of, last_ended
from transmission.domain.returns import ReturnRule, Returns, SendReturn, cells_of, return_id_of, still_named
from transmission.return_file import csv_of

ACTOR = "/raccroche/transmission"
AT_ONCE = 100
IDLE_SECONDS = 5.0  # a month is in no hurry, and a look reads an index of all detections
TROUBLE_SECONDS = 2.0

KEY_CLASS, KEY_FIELD = "identity", "return_file"
"""A file says of whom something is known by a line only, and is guarded as what names somebody; the key is the file's own."""

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReadyFile:
    """One file, sealed, and the request that sends it."""

    request: Request[SendReturn]
    sealed: bytes

    @property
    def uai(self) -> str:
        return self.request.command.uai


@dataclass(frozen=True, kw_only=True)
class Returning:
    """Sends what is due for the last period that ended."""

    pool: asyncpg.Pool
    handler: Handler[SendReturn, Returns, ReturnInformationSent]
    keyring: Keyring
    clock: Clock
    rule: ReturnRule

    async def run(self) -> None:
        """For ever; what a database or a busy stream interrupts is begun again, since nothing was half done."""
        while True:
            try:
                handled = await self.send_due()
            except (TryAgain, *INFRASTRUCTURE) as trouble:
                log.warning("return information waits", reason=type(trouble).__name__)
                await asyncio.sleep(TROUBLE_SECONDS)
            else:
                if not handled:
                    await asyncio.sleep(IDLE_SECONDS)

    async def send_due(self) -> int:
        """Look at one batch of establishments; how many were looked at, whether there was something to tell or not."""
        now = self.clock.now()
        period = last_ended(now, self.rule.ready_after)
        due = [row["uai"] for row in await self.pool.fetch(DUE, end_of(period), period, AT_ONCE)]
        if not due:
            return 0
        files = await self._files(due, period, now)
        failpoint("transmission_before_return_commit")
        outcomes = await self.handler.handle_all_with([one.request for one in files], _Files(files).keep)
        failpoint("transmission_after_return_commit")
        sent = [one.uai for one, outcome in zip(files, outcomes, strict=True) if _was_sent(outcome)]
        await self._forget_before(period, sent)
        return len(files)

    async def still_due(self, connection: Connection) -> int:
        """How many establishments the last period has not been told to yet."""
        period = last_ended(self.clock.now(), self.rule.ready_after)
        return int(await connection.fetchval(STILL_DUE, end_of(period), period))

    async def _forget_before(self, period: str, uais: Sequence[str]) -> None:
        """No copy of an earlier file can be opened any more; of all of them, since a death may have come between two months' steps."""
        earlier = await self.pool.fetch(EARLIER, uais, period)
        await self.keyring.destroy([return_id_of(row["uai"], row["period"]) for row in earlier])

    async def _files(self, uais: Sequence[str], period: str, now: datetime) -> list[ReadyFile]:
        until = end_of(period)
        formers: dict[str, list[Former]] = defaultdict(list)
        rows = await self.pool.fetch(FORMER, uais, until)
        erased = await self.keyring.erased([row["person_id"] for row in rows])
        for row in rows:
            if row["person_id"] not in erased:
                formers[row["uai"]].append(_former(row))
        owners = [return_id_of(uai, period) for uai in uais]
        await self.keyring.ensure(owners, [KEY_CLASS])
        keys = await self.keyring.keys(owners)
        files = []
        for uai, owner in zip(uais, owners, strict=True):
            lines = still_named(lines_of(formers[uai], until), until, self.rule)
            sealed = keys[owner].seal_bytes(KEY_CLASS, KEY_FIELD, csv_of(lines))
            command = SendReturn(
                uai=uai, period=period, at=now, rule=self.rule.name, lines=len(lines),
                cells=cells_of(lines, self.rule), sealed_sha256=sha256(sealed).hexdigest(),
            )  # fmt: skip
            files.append(ReadyFile(request=_asked(command, owner), sealed=sealed))
        return files


def _former(row: asyncpg.Record) -> Former:
    return Former(
        detection_id=row["detection_id"], person_id=row["person_id"], list_id=row["list_id"], line=row["line"],
        detected_at=row["detected_at"], withdrawn_at=row["withdrawn_at"], withdrawn_for=row["withdrawn_for"],
        steps=tuple(zip(row["reached"], row["reached_at"], row["kinds"], strict=True)) if row["reached"] else (),
    )  # fmt: skip


def _asked(command: SendReturn, return_id: UUID) -> Request[SendReturn]:
    return Request(command=command, command_id=return_id, actor=ACTOR, correlation_id=return_id, route="worker SendReturn")


@dataclass(frozen=True)
class _Files:
    """The bytes of those that were sent, in the transaction of their event; of the others, that they were looked at."""

    files: Sequence[ReadyFile]

    async def keep(self, connection: Connection, outcomes: Sequence[Outcome]) -> None:
        for one, outcome in zip(self.files, outcomes, strict=True):
            period = one.request.command.period
            if outcome.repeated:
                continue
            if _was_sent(outcome):
                await connection.execute(KEEP, one.uai, period, one.sealed)
            else:
                await connection.execute(CONSIDERED, one.uai, period)


def _was_sent(outcome: Outcome) -> bool:
    return ReturnInformationSent.wire_type().encode() in outcome.answer


WAITING = """
from (select uai from origins where detected_at < $1 group by uai) known left join return_files f using (uai)
where f.considered is null or f.considered < $2
"""

DUE = f"select uai {WAITING} order by uai limit $3"

STILL_DUE = f"select count(*) {WAITING}"

EARLIER = "select uai, period from returns where uai = any($1::text[]) and period < $2"

FORMER = """
select o.detection_id, o.person_id, o.uai, o.detected_at, o.withdrawn_at, o.withdrawn_for, x.list_id, x.line,
  d.reached, d.reached_at,
  array(select k.kind from unnest(d.offers) with ordinality as of_step (offer_id, place)
    left join offer_kinds k on k.offer_id = of_step.offer_id order by of_step.place) as kinds
from origins o
join lateral (
  select e.list_id, e.line from exits e join sent_lists l on l.list_id = e.list_id and l.sender in (o.uai, 'campaign')
  where e.person_id = o.person_id and e.uai = o.uai and e.exit_date = o.exit_date and e.seen_at < $2
  order by l.sender = o.uai desc, e.seen_at desc, e.list_id, e.line limit 1  -- a list of its own is known to it best
) x on true
left join destinations d on d.detection_id = o.detection_id
where o.uai = any($1::text[]) and o.detected_at < $2
"""

KEEP = """
insert into return_files (uai, considered, period, sealed) values ($1, $2, $2, $3)
on conflict (uai) do update set considered = excluded.considered, period = excluded.period, sealed = excluded.sealed
"""

CONSIDERED = """
insert into return_files (uai, considered) values ($1, $2) on conflict (uai) do update set considered = excluded.considered
"""
