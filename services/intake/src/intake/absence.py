"""A complete list is read to its end: whom the establishment's list before told, and this one does not, is seen to have left."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from uuid import UUID, uuid4, uuid5

import asyncpg

from chassis.decider import Trace
from chassis.event_store import Connection
from chassis.paris import age_on
from chassis.timers import Timer, set_timers
from intake import batch, persons, roster
from intake.batch import Absence, Desk, request_of, settled
from intake.domain.absence import (
    ABSENCE_V1,
    AbsenceRule,
    DoubtAbsences,
    MissEtablissements,
    Named,
    Place,
    may_double,
    meant_by,
    named_of,
    nearest,
    outcome_of,
)
from intake.formats.cells import Cells
from intake.identity import Register
from intake.lists import Job
from intake.record import Record
from intake.roster import Standing
from intake.sorting import Prepared, Sorter, hmac_of

AT_ONCE = 200


async def compare(desk: Desk, connection: Connection, job: Job, trace: Trace, *, rule: AbsenceRule = ABSENCE_V1) -> None:
    """Say, establishment by establishment, who is missing, and let go of whoever stands on this list now. Done again it does nothing."""
    if not roster.is_complete(job):
        return
    async with connection.transaction():
        rows = await connection.fetch(UNCOMPARED, job.list_id, roster.NOBODY)
        for row in rows:
            await _compare_one(desk, connection, job, row["uai"], row["unnamed"], rule, trace)
        if rows:
            await _miss(desk, connection, job, trace)
            await set_timers(connection, [_end_of(job, desk.clock.now() + rule.kept, trace)])


async def _compare_one(desk: Desk, connection: Connection, job: Job, uai: str, unnamed: int, rule: AbsenceRule, trace: Trace) -> None:
    place = (job.list_id, job.format, uai, job.reference_date)
    if await connection.fetchval(OVERTAKEN, *place[1:]):
        await connection.execute(NOTE, job.list_id, uai, None, None, None, "overtaken")
        return
    earlier = int(await connection.fetchval(EARLIER, *place))
    rows = {_place(row): row for row in await connection.fetch(MISSING, *place)}
    standing = await roster.opened(desk.keyring, list(rows.values()))
    alike = await _alike(desk, connection, job, uai, standing, rows)
    missing = {one.place for one in standing if not alike[one.place] and not _is_doubtful(rows[one.place], job)}
    outcome = outcome_of(earlier=earlier, missing=len(missing), unnamed=unnamed, rule=rule)
    doubtful = [one.place for one in standing if one.place not in missing]
    await roster.doubt(connection, job.list_id, {one: alike[one] for one in doubtful if rows[one]["asked_in"] is None})
    if outcome == "concluded":
        await connection.execute(ABSENT, job.list_id, *_columns(sorted(missing)))
        await _ask(desk, connection, job, uai, [one for one in doubtful if rows[one]["doubted_before"] or rows[one]["corrected"]], trace)
    if outcome == "too_many_missing":
        again = sorted(one for one in missing if rows[one]["missed_before"])
        await roster.doubt(connection, job.list_id, {one: set() for one in again})
        await _ask(desk, connection, job, uai, again, trace)
    await _let_go(connection, await connection.fetch(SUPERSEDED, *place[:3]))
    await connection.execute(NOTE, job.list_id, uai, earlier, len(missing), len(doubtful), outcome)


def _is_doubtful(row: asyncpg.Record, job: Job) -> bool:
    """Some line of this list may mean them, or an accepted one of a list before: then the next one's silence proves nothing either.

    Or only a list that a later one of the same day corrected told them: perhaps they never were there.
    """
    return bool(row["doubted_before"] or row["corrected"] or row["asked_in"] or row["doubted_in"] == job.list_id)


async def _alike(
    desk: Desk, connection: Connection, job: Job, uai: str, standing: Sequence[Standing], rows: Mapping[Place, asyncpg.Record]
) -> defaultdict[Place, set[int]]:
    """Of those whom no line tells: by which accepted lines each may be meant all the same.

    Whoever was not told when they were may be one of them whose name or birth date was mended; others, one who was told twice.
    """
    alike = defaultdict[Place, set[int]](set)
    if not standing:
        return alike
    last, names = max(one.reference_date for one in standing), _named(standing)
    others = await connection.fetch(NOT_TOLD_THEN, job.list_id, uai, last)
    told_before = {row["line"]: row["told_before"] for row in others}
    newer = await roster.opened(desk.keyring, others)
    lines = _named(newer)
    for line, name, places in zip(newer, lines, meant_by(lines, names), strict=True):
        before = told_before[line.line]
        possible = {place for place in places if before is None or before < standing[place].reference_date}
        for place in nearest(name, possible, names):
            alike[standing[place].place].add(line.line)
    marks = sorted({mark for row in rows.values() for mark in row["marks"]})
    known = await roster.opened(desk.keyring, await connection.fetch(KNOWN, job.list_id, uai, marks))
    for line, name in zip(known, _named(known), strict=True):
        for one, theirs in zip(standing, names, strict=True):
            if may_double(name, theirs):
                alike[one.place].add(line.line)
    return alike


async def _ask(desk: Desk, connection: Connection, job: Job, uai: str, places: Sequence[Place], trace: Trace) -> None:
    """From this list on a human must say whether they left."""
    if not places:
        return
    await connection.execute(ASKED, job.list_id, *_columns(places))
    command = DoubtAbsences(list_id=job.list_id, absences=tuple(places))
    settled(await desk.list_handler.handle_in(connection, [request_of(job, f"doubted {uai}", command, trace)]))


async def _miss(desk: Desk, connection: Connection, job: Job, trace: Trace) -> None:
    """Establishments whose sender went on to others without them are noticed, once, though nobody is said to have left them."""
    missed = [row["uai"] for row in await connection.fetch(MISSED, job.list_id, job.sender, job.reference_date, roster.NOBODY)]
    if missed:
        command = MissEtablissements(list_id=job.list_id, uais=tuple(sorted(missed)))
        settled(await desk.list_handler.handle_in(connection, [request_of(job, "missed", command, trace)]))


def _place(row: asyncpg.Record) -> Place:
    return row["list_id"], row["line"]


def _columns(places: Sequence[Place]) -> tuple[list[UUID], list[int]]:
    return [list_id for list_id, _ in places], [line for _, line in places]


def _named(standing: Sequence[Standing]) -> list[Named]:
    return [named_of(one.record.identity) for one in standing]


async def tell_some(desk: Desk, connection: Connection, job: Job, trace: Trace) -> int:
    """Some of the missing become people who left, and stand on no list any more; how many, 0 when all are told.

    Raises:
        chassis.event_store.Conflict: roll back and come again.
    """
    async with connection.transaction():
        rows = await connection.fetch(UNTOLD, job.list_id, AT_ONCE)
        standing = await roster.opened(desk.keyring, rows)
        gone = [replace(one, record=_left(one.record, job)) for one in standing]
        tokens = [desk.digests.tokens(one.record.identity) for one in gone]
        register = await persons.register_of(connection, tokens)
        undecided: list[Standing] = []
        for (list_id, last_seen), theirs in groupby(gone, key=lambda one: (one.list_id, one.reference_date)):
            absence = Absence(list_id=list_id, last_seen=last_seen)
            undecided += await _tell(desk, connection, job, list(theirs), register, absence, trace)
        await connection.execute(UNDECIDED, [one.list_id for one in undecided], [one.line for one in undecided])
        await _let_go(
            connection, await connection.fetch(TOLD, job.list_id, [row["list_id"] for row in rows], [row["line"] for row in rows])
        )
        return len(rows)


async def tell_reviewed(desk: Desk, connection: Connection, job: Job, place: Place, trace: Trace) -> bool:
    """In the transaction in which a human says that this one left: it is told. False if the rule of identity cannot say who it is.

    Raises:
        chassis.event_store.Conflict: roll back and come again.
    """
    await connection.execute(ABSENT, job.list_id, *_columns([place]))
    await tell_some(desk, connection, job, trace)
    return not await connection.fetchval(STANDS, *place)


async def _tell(
    desk: Desk, connection: Connection, job: Job, gone: Sequence[Standing], register: Register, absence: Absence, trace: Trace
) -> list[Standing]:
    """Say who left; who, by the rule of identity, is for a human to say. These stay, and are missing from the next list too."""
    sorter = Sorter(list_id=job.list_id, reference_date=job.reference_date, register=register, told={}, new_person=uuid4)
    found = sorter.sort([_prepared(desk, one) for one in gone])
    await persons.keep(connection, [(one.person_id, one.tokens) for one in found.leavers])
    await batch.say_facts(desk, connection, job, found, register, trace, absence=absence)
    await persons.touch(connection, job.list_id, found.touched)
    return [one for one in gone if one.line in found.refused]


def _left(record: Record, job: Job) -> Record:
    """The last record as that of somebody who left: on the day that it told, else on the first day on which the absence was seen."""
    told = record.exit_date is not None and record.exit_date <= job.reference_date
    return replace(
        record, kind="leaver", exit_date=record.exit_date if told else job.reference_date, motive=None,
        age=age_on(record.identity.birth_date, job.reference_date),
    )  # fmt: skip


def _prepared(desk: Desk, one: Standing) -> Prepared:
    raw = Cells(line=one.line, kind="leaver", uai=one.record.uai)
    tokens = desk.digests.tokens(one.record.identity)
    return Prepared(raw=raw, line=one.record, tokens=tokens, hmac=hmac_of(one.record, desk.digests))


async def _let_go(connection: Connection, deleted: Sequence[asyncpg.Record]) -> None:
    await roster.let_go(connection, [row["list_id"] for row in deleted])


def _end_of(job: Job, at: datetime, trace: Trace) -> Timer:
    return Timer(timer_id=uuid5(job.list_id, roster.TIMER), due_at=at, kind=roster.TIMER, subject=str(job.list_id), body=b"{}", trace=trace)


UNCOMPARED = """
select c.uai, c.unnamed + coalesce((select unnamed from complete_list where list_id = $1 and uai = $2), 0) as unnamed
from complete_list c where c.list_id = $1 and c.uai <> $2 and c.outcome is null order by c.uai
"""
OVERTAKEN = """
select exists (select from complete_list where format = $1 and uai = $2 and reference_date > $3 and outcome is not null)
"""
EARLIER = """
select count(*) from roster r join lists l using (list_id)
where r.format = $2 and r.uai = $3 and r.reference_date < $4 and r.list_id <> $1 and l.closed_at is not null and r.asked_in is null
"""
MISSING = """
select r.list_id, r.line, r.reference_date, r.sealed, r.marks, r.doubted_in, r.asked_in, r.asked_in is null and exists (
  select from absence_doubt d where (d.list_id, d.line) = (r.list_id, r.line) and d.alike_list <> $1
) as doubted_before, exists (
  select from complete_list c where (c.format, c.uai, c.outcome) = (r.format, r.uai, 'too_many_missing')
    and c.reference_date > r.reference_date and c.reference_date < $4
) as missed_before, r.asked_in is null and exists (
  select from complete_list c join lists n using (list_id)
  where (c.format, c.uai, c.reference_date) = (r.format, r.uai, r.reference_date)
    and c.outcome is not null and n.received_at > l.received_at
) as corrected from roster r join lists l using (list_id)
where r.format = $2 and r.uai = $3 and r.reference_date < $4 and r.list_id <> $1 and l.closed_at is not null
  and r.seen_in is distinct from $1 order by r.list_id, r.line
"""
NOT_TOLD_THEN = """
select list_id, line, reference_date, sealed, told_before from roster
where list_id = $1 and uai = $2 and (told_before is null or told_before < $3)
"""
KNOWN = """
select list_id, line, reference_date, sealed from roster where list_id = $1 and uai = $2 and told_before is not null
  and exists (select from unnest(marks) as m (mark) where m.mark in (select unnest($3::bytea[])))
"""
ASKED = "update roster set asked_in = $1 where (list_id, line) in (select * from unnest($2::uuid[], $3::int[]))"
MISSED = """
update complete_list c set missed_in = $1 from lists l
where l.list_id = c.list_id and l.sender = $2 and c.missed_in is null and c.uai <> $4
  and c.format = (select format from lists where list_id = $1)
  and exists (select from roster r where r.list_id = c.list_id and r.uai = c.uai)
  and not exists (select from complete_list n where n.format = c.format and n.uai = c.uai and n.reference_date > c.reference_date)
  and exists (
    select from complete_list here
    join complete_list before on before.format = here.format and before.uai = here.uai and before.list_id <> here.list_id
    join lists b on b.list_id = before.list_id and b.sender = $2
    where here.list_id = $1 and before.reference_date > c.reference_date and before.reference_date < $3
  )
returning c.uai
"""
ABSENT = "update roster set absent_from = $1 where (list_id, line) in (select * from unnest($2::uuid[], $3::int[]))"
SUPERSEDED = "delete from roster where seen_in = $1 and format = $2 and uai = $3 returning list_id"
NOTE = "update complete_list set earlier = $3, missing = $4, doubtful = $5, outcome = $6 where list_id = $1 and uai = $2"
STANDS = "select exists (select from roster where list_id = $1 and line = $2)"
UNTOLD = "select list_id, line, reference_date, sealed from roster where absent_from = $1 order by list_id, line limit $2 for update"
UNDECIDED = "update roster set absent_from = null where (list_id, line) in (select * from unnest($1::uuid[], $2::int[]))"
TOLD = """
delete from roster where absent_from = $1 and (list_id, line) in (select * from unnest($2::uuid[], $3::int[])) returning list_id
"""
