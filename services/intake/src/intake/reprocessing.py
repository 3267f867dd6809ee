"""Kept lines are decided again by today's rules: the difference is shown first, and written only when asked for.

Rejected and held lines are kept for 30 days and may become anything. An accepted leaver is read again from the `ExitSeen`; where
today's rules would not take the line, that is shown and nothing is taken back here: a fact that was said is for whoever may withdraw it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never
from uuid import UUID, uuid4, uuid5

import asyncpg
import orjson

from chassis.decider import Request, Trace
from chassis.event_store import Conflict, Connection
from chassis.handler import StreamBusy
from chassis.keyring import Erased, Keys
from contracts.catalogue import decode
from contracts.intake import ExitSeen, Finding
from contracts.personal import Contact, Guardians, Identity
from intake import batch, closing, lists, persons, snapshots
from intake.batch import CELLS, Desk
from intake.domain.detection import Rule
from intake.domain.list_commands import ListCommand, Reconsidered, ReconsiderLines
from intake.formats import ADAPTERS
from intake.formats.cells import Cells, GuardianCells
from intake.identity import Register
from intake.lists import VERDICTS, Job, LineVerdict
from intake.record import Held, Line, NotKept, Record, Rejected
from intake.rules import Verdict
from intake.sorting import Sorted, Sorter
from intake.validation import validated

ATTEMPTS = 12
AT_ONCE = 200


class NotClosed(Exception):
    """No list that is read to its end has this id."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One line upon which today's rules decide otherwise. applies: whether `apply` writes it."""

    line: int
    was: Verdict
    was_rules: tuple[str, ...]
    verdict: Verdict
    findings: tuple[Finding, ...]
    applies: bool


@dataclass(frozen=True, kw_only=True)
class Reprocessed:
    """What a list's kept lines are today. gone: lines of which nothing is kept any more, or that never could be cut into cells."""

    considered: int
    gone: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The refused lines of a list, sorted anew; written only by `_write`."""

    register: Register
    found: Sorted
    reprocessed: Reprocessed


@dataclass(frozen=True, kw_only=True)
class Reprocessing:
    """Decides again."""

    pool: asyncpg.Pool
    desk: Desk
    rule: Rule

    async def plan(self, list_id: UUID) -> Reprocessed:
        """The difference; nothing is written.

        Raises:
            NotClosed.
        """
        async with self.pool.acquire() as connection, connection.transaction(readonly=True):
            job = await _job(connection, list_id)
            refused = (await self._look(connection, job)).reprocessed
            accepted = await self._accepted(connection, job)
        differences = sorted((*refused.differences, *accepted.differences), key=_place)
        return Reprocessed(
            considered=refused.considered + accepted.considered, gone=refused.gone + accepted.gone, differences=tuple(differences)
        )

    async def apply(self, list_id: UUID, *, run: UUID, actor: str, trace: Trace) -> Reprocessed:
        """Write what applies, in one transaction, and say what it was; done again it finds nothing to do.

        Raises:
            NotClosed. chassis.handler.StreamBusy: others kept writing first; nothing was written.
        """
        for _ in range(ATTEMPTS):
            try:
                async with self.pool.acquire() as connection, connection.transaction():
                    await connection.execute(LOCK, list_id)
                    job = await _job(connection, list_id)
                    look = await self._look(connection, job)
                    await self._write(connection, job, look, run=run, actor=actor, trace=trace)
            except (Conflict, asyncpg.DeadlockDetectedError):
                continue
            self.desk.list_handler.committed()
            return look.reprocessed
        raise StreamBusy("others kept writing first")

    async def _look(self, connection: Connection, job: Job) -> _Look:
        rows = await connection.fetch(REFUSED, job.list_id)
        keys = (await self.desk.keyring.keys([job.list_id]))[job.list_id]
        cells = [kept for row in rows if (kept := cells_of(row["sealed_line"], keys)) is not None]
        prepared = batch.prepare(cells, job, self.desk.digests, self.desk.directory)
        register = await persons.register_of(connection, [one.tokens for one in prepared if one.tokens is not None])
        still = {row["line"] for row in await connection.fetch(STILL_KEPT, job.list_id)}  # whoever was erased meanwhile took theirs along
        prepared = [one for one in prepared if one.raw.line in still]
        told = await lists.lists_with(connection, [one.hmac for one in prepared if one.hmac is not None])
        sorter = Sorter(list_id=job.list_id, reference_date=job.reference_date, register=register, told=told, new_person=uuid4)
        found = sorter.sort(prepared)
        differences = tuple(_differences({row["line"]: row for row in rows}, found.verdicts))
        return _Look(
            register=register, found=found,
            reprocessed=Reprocessed(considered=len(prepared), gone=len(rows) - len(prepared), differences=differences),
        )  # fmt: skip

    async def _write(self, connection: Connection, job: Job, look: _Look, *, run: UUID, actor: str, trace: Trace) -> None:
        """Facts of the lines that are taken now, what became of each line, and the decisions about their people."""
        differences, found = look.reprocessed.differences, look.found
        if not differences:
            return
        await persons.keep(connection, [(one.person_id, one.tokens) for one in found.people])
        await snapshots.keep(connection, found.snapshots)
        await batch.say_facts(self.desk, connection, job, found, look.register, trace)
        lines = tuple(Reconsidered(line=one.line, was=one.was, verdict=one.verdict, findings=one.findings) for one in differences)
        said: Request[ListCommand] = Request(
            command=ReconsiderLines(list_id=job.list_id, lines=lines), command_id=uuid5(run, "reconsidered"), actor=actor,
            correlation_id=job.correlation_id, causation_id=job.received_event, route="reprocessing", trace=trace,
        )  # fmt: skip
        batch.settled(await self.desk.list_handler.handle_in(connection, [said]))
        await self._keep_verdicts(connection, job, look)
        await persons.touch(connection, job.list_id, found.touched)
        await closing.decide_rest(self.desk, connection, job, self.rule, trace, run=run)

    async def _keep_verdicts(self, connection: Connection, job: Job, look: _Look) -> None:
        """What is still refused stays sealed until its 30 days are over; the rest is in the facts now, or was never to be kept."""
        today = {one.line: one for one in look.found.verdicts}
        moved: Counter[Verdict] = Counter()
        for one in look.reprocessed.differences:
            fields, rules = [f.field for f in one.findings], [f.rule for f in one.findings]
            still, found = one.verdict in {"rejected", "held"}, today[one.line]
            await connection.execute(
                VERDICT, job.list_id, one.line, one.verdict, fields, rules, found.hmac, still, found.departement, found.people
            )
            moved[one.was] -= 1
            moved[one.verdict] += 1
        await connection.execute(lists.MOVED, job.list_id, *(moved[verdict] for verdict in VERDICTS))

    async def _accepted(self, connection: Connection, job: Job) -> Reprocessed:
        """Accepted leavers, read again from what was said of them; of an accepted enrolment no more than digests may be left."""
        rows = await connection.fetch(ACCEPTED, job.list_id)
        considered = 0
        differences: list[Difference] = []
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            today = await self._today(connection, job, [row["line"] for row in some])
            considered += len(today)
            differences += [one for row in some if row["line"] in today and (one := _worse(row, today[row["line"]])) is not None]
        return Reprocessed(considered=considered, gone=len(rows) - considered, differences=tuple(differences))

    async def _today(self, connection: Connection, job: Job, lines: Sequence[int]) -> dict[int, Line]:
        """What today's rules say of these lines, for those that are somebody's exit and not erased."""
        said = await connection.fetch(ANSWERS, [uuid5(job.list_id, f"exit {line}") for line in lines])
        ids = [UUID(event["id"]) for row in said for event in orjson.loads(row["answer"])["events"]]
        rows = await connection.fetch(EVENTS, ids)
        exits = [event for row in rows if isinstance(event := decode(row["type"], row["body"]), ExitSeen)]
        keys = await self.desk.keyring.keys([one.person_id for one in exits])
        adapter = replace(ADAPTERS[job.format], date_of=date.fromisoformat)
        found: dict[int, Line] = {}
        for one in exits:
            try:
                found[one.line] = validated(_cells_of(one, keys[one.person_id]), adapter, job.reference_date, self.desk.directory)
            except Erased:
                continue
        return found


async def _job(connection: Connection, list_id: UUID) -> Job:
    job = await lists.job_of(connection, list_id, closed=True)
    if job is None:
        raise NotClosed
    return job


def _place(one: Difference) -> int:
    return one.line


def cells_of(sealed: bytes | None, keys: Keys) -> Cells | None:
    """The kept cells of a refused line; none if nothing is kept, or it could not be cut into cells."""
    if sealed is None:
        return None
    try:
        clear = keys.open_bytes("list", "line", sealed)
    except Erased:
        return None
    return CELLS.validate_json(clear) if "kind" in orjson.loads(clear) else None


def _differences(before: Mapping[int, asyncpg.Record], today: Sequence[LineVerdict]) -> Iterator[Difference]:
    for one in today:
        was, was_rules = before[one.line]["verdict"], tuple(before[one.line]["rules"])
        if (one.verdict, tuple(finding.rule for finding in one.findings)) != (was, was_rules):
            yield Difference(line=one.line, was=was, was_rules=was_rules, verdict=one.verdict, findings=one.findings, applies=True)


def _worse(row: asyncpg.Record, today: Line) -> Difference | None:
    """Of an accepted line only what is worse today: a remark about what was not kept cannot be made again."""
    was, was_rules = row["verdict"], tuple(row["rules"])
    match today:
        case Rejected(findings=findings):
            return Difference(line=row["line"], was=was, was_rules=was_rules, verdict="rejected", findings=findings, applies=False)
        case Held(findings=findings):
            return Difference(line=row["line"], was=was, was_rules=was_rules, verdict="held", findings=findings, applies=False)
        case NotKept():
            return Difference(line=row["line"], was=was, was_rules=was_rules, verdict="not_kept", findings=(), applies=False)
        case Record():
            return None
        case _:
            assert_never(today)


def _cells_of(seen: ExitSeen, keys: Keys) -> Cells:
    """What was said of a leaver, as cells; dates as ISO 8601."""
    identity = keys.open(seen.identity, Identity)
    contact = keys.open(seen.contact, Contact) if seen.contact else Contact()
    guardians = keys.open(seen.guardians, Guardians).guardians if seen.guardians else ()
    address = contact.address
    return Cells(
        line=seen.line, kind="leaver", uai=seen.uai, ine=identity.ine or "", family_name=identity.family_name,
        usage_name=identity.usage_name or "", first_names=identity.first_names, birth_date=identity.birth_date.isoformat(),
        birth_commune=identity.birth_commune or "", sex=identity.sex or "", phones=contact.phones, email=contact.email or "",
        address=address.lines if address else (), postcode=(address.postcode if address else None) or "",
        commune=(address.commune if address else None) or "",
        guardians=tuple(
            GuardianCells(
                family_name=one.family_name, first_name=one.first_name or "", phones=one.phones, email=one.email or "",
                priority="" if one.priority is None else str(one.priority),
            )
            for one in guardians
        ),
        formation=seen.formation or "", entry_date=seen.entry_date.isoformat() if seen.entry_date else "",
        exit_date=seen.exit_date.isoformat(), motive=seen.motive or "",
    )  # fmt: skip


LOCK = "select from lists where list_id = $1 for update"
REFUSED = """
select line, verdict, rules, sealed_line from line_verdict where list_id = $1 and verdict in ('rejected', 'held') order by line
"""
STILL_KEPT = "select line from line_verdict where list_id = $1 and verdict in ('rejected', 'held') and sealed_line is not null"
ACCEPTED = """
select line, verdict, rules from line_verdict where list_id = $1 and verdict in ('accepted', 'accepted_with_remarks') order by line
"""
ANSWERS = "select answer from commands where command_id = any($1::uuid[])"
EVENTS = "select type, body from events where event_id = any($1::uuid[])"
VERDICT = """
update line_verdict set verdict = $3, fields = $4, rules = $5, hmac = $6, sealed_line = case when $7 then sealed_line end,
  departement = coalesce($8, departement), people = $9
where list_id = $1 and line = $2
"""
