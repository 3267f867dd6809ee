"""The entrance for whoever says what became of a doubted absence: which wait, by their lines; left, or stayed under other names."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from chassis.callers import Caller, require
from chassis.decider import asked
from chassis.event_store import Connection
from chassis.http import IdempotencyKey, current_trace, route_of
from chassis.problems import Problem
from intake import absence, closing, lists, roster
from intake.batch import Desk
from intake.cleaning import uai_prefix_of
from intake.detections import sight
from intake.domain.absence import ReviewAbsence
from intake.domain.detection import Rule
from intake.reviewing import Limit, LineNumber

Judge = Annotated[Caller, Depends(require("sender", "adviser", "ops"))]
NO_ABSENCE = Problem(404, "Not found", "There is no such absence within your sight.", "NO_ABSENCE")
NOT_STANDING = Problem(409, "Nothing to say", "A later list tells this young person again, or the time for it is over.", "NOT_STANDING")
WHO = Problem(409, "Who is it?", "The INE is another known person's: that must be mended first.", "IDENTITY_CONFLICT")


@dataclass(frozen=True, kw_only=True)
class DoubtDesk:
    """What the routes need. rule: by which is decided upon whoever left."""

    pool: asyncpg.Pool
    desk: Desk
    rule: Rule


def doubted_routes(doubts: DoubtDesk) -> APIRouter:
    router = APIRouter()

    @router.get("/absences")
    async def absences(caller: Judge, limit: Limit = 200) -> dict[str, object]:
        """Those that a human must judge, by lines that whoever sent the lists has at hand: nothing that names anybody."""
        rows = await doubts.pool.fetch(WAITING, *_sight(caller), limit)
        return {"absences": [{**dict(row), "alike": orjson.loads(row["alike"])} for row in rows]}

    @router.post("/absences/{list_id}/{told_by}/{line}/left")
    async def left(list_id: UUID, told_by: UUID, line: LineNumber, request: Request, caller: Judge, key: IdempotencyKey) -> Response:
        return await _review(doubts, ReviewAbsence(list_id=list_id, told_by=told_by, line=line, left=True), request, caller, key)

    @router.post("/absences/{list_id}/{told_by}/{line}/stayed")
    async def stayed(list_id: UUID, told_by: UUID, line: LineNumber, request: Request, caller: Judge, key: IdempotencyKey) -> Response:
        return await _review(doubts, ReviewAbsence(list_id=list_id, told_by=told_by, line=line, left=False), request, caller, key)

    return router


async def _review(doubts: DoubtDesk, command: ReviewAbsence, request: Request, caller: Caller, key: UUID) -> Response:
    """What a human says, with all that follows from it, in one transaction.

    Raises:
        Problem: 404 out of sight; 409 with the domain's reason, where nobody waits any more, or the rule of identity cannot say who it is.
    """
    if not await doubts.pool.fetchval(IN_SIGHT, *_sight(caller), command.list_id, command.told_by, command.line):
        raise NO_ABSENCE
    wish = asked(command, key=key, actor=caller.actor, route=route_of(request), body=await request.body(), trace=current_trace())

    async def also(connection: Connection) -> None:
        if not await connection.fetchval(STANDS, command.list_id, command.told_by, command.line):
            raise NOT_STANDING
        if not command.left:
            await connection.execute(FORGET, command.told_by, command.line)
            await roster.let_go(connection, [command.told_by])
            return
        job = await lists.job_of(connection, command.list_id, closed=True)
        if job is None or not await absence.tell_reviewed(doubts.desk, connection, job, (command.told_by, command.line), wish.trace):
            raise WHO
        await closing.decide_rest(doubts.desk, connection, job, doubts.rule, wish.trace, run=wish.command_id)

    outcome = await doubts.desk.list_handler.handle_with(wish, also)
    if outcome.status == "refused":
        raise Problem(409, "Refused", outcome.reason or "", "REFUSED")
    return Response(outcome.answer, media_type="application/json")


def _sight(caller: Caller) -> tuple[list[str] | None, str | None]:
    """The beginnings of the UAI, and the establishment, that the caller may see."""
    departements, uai = sight(caller)
    return None if departements is None else [uai_prefix_of(one) for one in departements], uai


WAITING = """
select r.asked_in as list_id, r.list_id as told_by, r.line, r.uai, r.reference_date as last_seen, a.reference_date as absent_on, (
  select coalesce(
    jsonb_agg(jsonb_build_object('list_id', d.alike_list, 'line', d.alike_line) order by l.received_at, d.alike_list, d.alike_line), '[]'
  )
  from absence_doubt d join lists l on l.list_id = d.alike_list where d.list_id = r.list_id and d.line = r.line
) as alike
from roster r join lists a on a.list_id = r.asked_in
where ($1::text[] is null or left(r.uai, 3) = any($1)) and ($2::text is null or $2 in (r.uai, a.sender))
order by a.reference_date, r.asked_in, r.list_id, r.line limit $3
"""
IN_SIGHT = """
select exists (
  select from lists a join (
    select r.uai from roster r where r.asked_in = $3 and r.list_id = $4 and r.line = $5
    union all
    select c.uai from complete_list c where c.list_id = $3
      and not exists (select from roster r where r.asked_in = $3 and r.list_id = $4 and r.line = $5)
  ) told on true
  where a.list_id = $3 and ($1::text[] is null or left(told.uai, 3) = any($1)) and ($2::text is null or $2 in (told.uai, a.sender))
)
"""
"""By the line's own establishment; of a line that waits no more nothing says it, so by those of the list: it cannot be judged anyhow."""
STANDS = "select true from roster where asked_in = $1 and list_id = $2 and line = $3 for update"
FORGET = "delete from roster where list_id = $1 and line = $2"
