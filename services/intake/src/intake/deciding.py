"""A human says whose a held line is: the line is then worked as if it had been accepted, or goes; all of it in one transaction."""

from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import asyncpg

from chassis.decider import Outcome, Request
from chassis.event_store import Conflict, Connection
from chassis.handler import Handler, StreamBusy
from contracts.intake import Finding, ListEvent
from intake import batch, closing, lists, persons, snapshots
from intake.batch import Desk
from intake.domain.detection import Rule
from intake.domain.held_line import DecideHeldLine, HeldLines
from intake.formats.cells import Cells
from intake.identity import Known, Nobody, Register
from intake.lists import VERDICTS, Job, LineVerdict
from intake.lookalikes import as_seen
from intake.record import Record
from intake.reprocessing import cells_of
from intake.sorting import Prepared, Sorted, Sorter

ATTEMPTS = 12
READ_AS_SEEN = "NAME_READ_AS_SEEN"
type LineHandler = Handler[DecideHeldLine, HeldLines, ListEvent]


class NoSuchLine(Exception):
    """The list has no such line."""


class NotKept(Exception):
    """Nobody decided in time: of the line only its verdict is left."""


class CannotBeTaken(Exception):
    """By today's rules the line is no record, whoever it is about."""


class PersonErased(Exception):
    """The person who is named was erased."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A held line as it would be taken: its record, if it is one."""

    job: Job
    cells: Cells
    prepared: Prepared


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """What follows from a line that is somebody's."""

    register: Register
    prepared: Prepared
    found: Sorted
    verdict: LineVerdict


@dataclass(frozen=True, kw_only=True)
class LineDecisions:
    """Decides upon held lines."""

    pool: asyncpg.Pool
    desk: Desk
    lines: LineHandler
    rule: Rule

    async def opened(self, list_id: UUID, line: int) -> Opened:
        """The line, for somebody who may read it.

        Raises:
            NoSuchLine: or its list is not read to its end. NotKept: decided upon, or expired.
        """
        async with self.pool.acquire() as connection:
            row = await self._row(connection, list_id, line)
            job = await lists.job_of(connection, list_id, closed=True)
            if job is None:
                raise NoSuchLine
            if row["verdict"] != "held":
                raise NotKept
            return await self._open(job, row)

    async def decide(self, request: Request[DecideHeldLine]) -> Outcome:
        """Decide, with everything that follows; the command's verdict and findings are filled in here.

        Raises:
            NoSuchLine, NotKept, CannotBeTaken, PersonErased: nothing was written. chassis.handler.KeyReused. StreamBusy.
        """
        for _ in range(ATTEMPTS):
            try:
                async with self.pool.acquire() as connection, connection.transaction():
                    outcome = await self._decide(connection, request)
            except (Conflict, asyncpg.DeadlockDetectedError):
                continue
            self.desk.list_handler.committed()
            return outcome
        raise StreamBusy("others kept writing first")

    async def _decide(self, connection: Connection, request: Request[DecideHeldLine]) -> Outcome:
        command = request.command
        await connection.execute(LOCK, command.list_id)
        row = await self._row(connection, command.list_id, command.line)
        job = await lists.job_of(connection, command.list_id, closed=True)
        if job is None or row["verdict"] != "held":  # too early or too late: the domain says what that means
            return (await self.lines.handle_in(connection, [request]))[0]
        opened = await self._open(job, row)
        taken = None if command.decision == "discarded" else await self._take(connection, opened, command)
        verdict = taken.verdict if taken else discarded(command)
        asked = replace(request, command=replace(command, verdict=verdict.verdict, findings=verdict.findings))
        (outcome,) = await self.lines.handle_in(connection, [asked])
        if outcome.status == "done" and not outcome.repeated:
            if taken:
                await self._say(connection, job, taken, request)
            await self._keep_verdict(connection, job, verdict)
        return outcome

    @staticmethod
    async def _row(connection: Connection, list_id: UUID, line: int) -> asyncpg.Record:
        row = await connection.fetchrow(LINE, list_id, line)
        if row is None:
            raise NoSuchLine
        return row

    async def _open(self, job: Job, row: asyncpg.Record) -> Opened:
        keys = (await self.desk.keyring.keys([job.list_id]))[job.list_id]
        cells = cells_of(row["sealed_line"], keys)
        if cells is None:
            raise NotKept
        (prepared,) = batch.prepare([as_seen(cells)], job, self.desk.digests, self.desk.directory)
        return Opened(job=job, cells=cells, prepared=prepared)

    async def _take(self, connection: Connection, opened: Opened, command: DecideHeldLine) -> _Taken:
        """Sort the line as if it stood alone and its person were known; that other lists told it too tells nothing of whose it is."""
        prepared = _remarked(opened)
        if prepared.tokens is None or prepared.hmac is None:
            raise CannotBeTaken
        if command.person_id is not None and await self.desk.keyring.erased([command.person_id]):
            raise PersonErased
        register = await persons.register_of(connection, [prepared.tokens])
        told = await lists.lists_with(connection, [prepared.hmac])
        sorter = Sorter(
            list_id=opened.job.list_id,
            reference_date=opened.job.reference_date,
            register=register,
            told={hmac: here & {opened.job.list_id} for hmac, here in told.items()},
            new_person=uuid4,
            decided={command.line: Known(command.person_id) if command.person_id else Nobody()},
        )
        found = sorter.sort([prepared])
        return _Taken(register=register, prepared=prepared, found=found, verdict=found.verdicts[0])

    async def _say(self, connection: Connection, job: Job, taken: _Taken, request: Request[DecideHeldLine]) -> None:
        """The facts, whose it is from now on, and the decision about the person."""
        found = taken.found
        await persons.keep(connection, [(one.person_id, one.tokens) for one in found.people])
        for one in found.people:
            await persons.keep_word(connection, one.person_id, taken.prepared.tokens)
        await snapshots.keep(connection, found.snapshots)
        await batch.say_facts(self.desk, connection, job, found, taken.register, request.trace)
        await persons.touch(connection, job.list_id, found.touched)
        await closing.decide_rest(self.desk, connection, job, self.rule, request.trace, run=request.command_id)

    async def _keep_verdict(self, connection: Connection, job: Job, verdict: LineVerdict) -> None:
        """What the line is now, and the list's totals with it; the kept line goes."""
        fields, rules = [one.field for one in verdict.findings], [one.rule for one in verdict.findings]
        await connection.execute(VERDICT, job.list_id, verdict.line, verdict.verdict, fields, rules, verdict.hmac)
        moved = [(one == verdict.verdict) - (one == "held") for one in VERDICTS]
        await connection.execute(lists.MOVED, job.list_id, *moved)


def discarded(command: DecideHeldLine) -> LineVerdict:
    """Its sender reads why, as of any rejected line."""
    return LineVerdict(
        line=command.line, verdict="rejected", findings=(Finding(field="ligne", rule=f"DISCARDED_{command.reason.upper()}"),)
    )


def _remarked(opened: Opened) -> Prepared:
    """A name that was read as it is seen is told to its sender."""
    record = opened.prepared.line
    if not isinstance(record, Record) or opened.cells == opened.prepared.raw:
        return opened.prepared
    remark = Finding(field="nom", rule=READ_AS_SEEN)
    return replace(opened.prepared, line=replace(record, remarks=(*record.remarks, remark)))


LOCK = "select from lists where list_id = $1 for update"
LINE = "select verdict, sealed_line from line_verdict where list_id = $1 and line = $2 for update"
VERDICT = """
update line_verdict set verdict = $3, fields = $4, rules = $5, hmac = $6, sealed_line = null, people = null
where list_id = $1 and line = $2
"""
