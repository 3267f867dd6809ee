"""A complete list is read to its end: whom the establishment's list before told, and this one does not, is seen to have left."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from uuid import uuid4, uuid5

import asyncpg

from chassis.decider import Trace
from chassis.event_store import Connection
from chassis.paris import age_on
from chassis.timers import Timer, set_timers
from intake import batch, persons, roster
from intake.batch import Absence, Desk
from intake.domain.absence import ABSENCE_V1, AbsenceRule, Named, meant_by, named_of, outcome_of
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
            await _compare_one(desk, connection, job, row["uai"], row["unnamed"], rule)
        if rows:
            await set_timers(connection, [_end_of(job, desk.clock.now() + rule.kept, trace)])


async def _compare_one(desk: Desk, connection: Connection, job: Job, uai: str, unnamed: int, rule: AbsenceRule) -> None:
    place = (job.list_id, job.format, uai, job.reference_date)
    if await connection.fetchval(OVERTAKEN, *place[1:]):
        await connection.execute(NOTE, job.list_id, uai, None, None, "overtaken")
        return
    earlier = int(await connection.fetchval(EARLIER, *place))
    missing = await _missing(desk, connection, job, uai)
    outcome = outcome_of(earlier=earlier, missing=len(missing), unnamed=unnamed, rule=rule)
    if outcome == "concluded":
        await connection.execute(ABSENT, job.list_id, [one.list_id for one in missing], [one.line for one in missing])
    await _let_go(connection, await connection.fetch(SUPERSEDED, *place[:3]))
    await connection.execute(NOTE, job.list_id, uai, earlier, len(missing), outcome)


async def _missing(desk: Desk, connection: Connection, job: Job, uai: str) -> list[Standing]:
    """Those whom no line tells, nor may mean: a newcomer may be one of them whose name or birth date was mended."""
    rows = await connection.fetch(MISSING, job.list_id, job.format, uai, job.reference_date)
    if not rows:
        return []
    missing = await roster.opened(desk.keyring, rows)
    newcomers = await roster.opened(desk.keyring, await connection.fetch(NEWCOMERS, job.list_id, uai))
    doubtful = set[int]().union(*meant_by(_named(newcomers), _named(missing)))
    await roster.see(connection, job.list_id, [one for place, one in enumerate(missing) if place in doubtful])
    return [one for place, one in enumerate(missing) if place not in doubtful]


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
where r.format = $2 and r.uai = $3 and r.reference_date < $4 and r.list_id <> $1 and l.closed_at is not null
"""
MISSING = """
select r.list_id, r.line, r.reference_date, r.sealed from roster r join lists l using (list_id)
where r.format = $2 and r.uai = $3 and r.reference_date < $4 and r.list_id <> $1 and l.closed_at is not null
  and r.seen_in is distinct from $1 order by r.list_id, r.line
"""
NEWCOMERS = "select list_id, line, reference_date, sealed from roster where list_id = $1 and uai = $2 and newcomer"
ABSENT = "update roster set absent_from = $1 where (list_id, line) in (select * from unnest($2::uuid[], $3::int[]))"
SUPERSEDED = "delete from roster where seen_in = $1 and format = $2 and uai = $3 returning list_id"
NOTE = "update complete_list set earlier = $3, missing = $4, outcome = $5 where list_id = $1 and uai = $2"
UNTOLD = "select list_id, line, reference_date, sealed from roster where absent_from = $1 order by list_id, line limit $2"
UNDECIDED = "update roster set absent_from = null where (list_id, line) in (select * from unnest($1::uuid[], $2::int[]))"
TOLD = """
delete from roster where absent_from = $1 and (list_id, line) in (select * from unnest($2::uuid[], $3::int[])) returning list_id
"""
