"""The entrance for whoever decides upon held lists: which wait and why, read it after all, or refuse it."""

import asyncio
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from chassis.callers import Caller, require
from chassis.clock import Clock
from chassis.decider import asked
from chassis.event_store import Connection
from chassis.handler import Handler
from chassis.http import IdempotencyKey, current_trace, route_of
from chassis.problems import Problem
from contracts.intake import ListEvent
from intake import holding
from intake.domain.list import SentList
from intake.domain.list_commands import ListCommand, RefuseList, ReleaseList
from intake.rules import sentence_of

Ops = Annotated[Caller, Depends(require("ops"))]
Limit = Annotated[int, Query(ge=1, le=500)]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What the routes need. arrived: tells the reader."""

    pool: asyncpg.Pool
    handler: Handler[ListCommand, SentList, ListEvent]
    clock: Clock
    arrived: asyncio.Event


def held_routes(decisions: Decisions) -> APIRouter:
    router = APIRouter()

    @router.get("/held")
    async def held(_: Ops, limit: Limit = 100) -> dict[str, object]:
        rows = await decisions.pool.fetch(WAITING, limit)
        return {"held": [_shown(row) for row in rows]}

    @router.post("/lists/{list_id}/release")
    async def release(list_id: UUID, request: Request, caller: Ops, key: IdempotencyKey) -> Response:
        done = await _decide(decisions, ReleaseList(list_id=list_id), request, caller, key)
        decisions.arrived.set()
        return done

    @router.post("/lists/{list_id}/refuse")
    async def refuse(list_id: UUID, request: Request, caller: Ops, key: IdempotencyKey) -> Response:
        return await _decide(decisions, RefuseList(list_id=list_id, motive="decided"), request, caller, key)

    return router


async def _decide(decisions: Decisions, command: ReleaseList | RefuseList, request: Request, caller: Caller, key: UUID) -> Response:
    """Decide, with the rows that follow from it, in one transaction.

    Raises:
        Problem: 404 for a list that never came, 409 with the domain's reason.
    """
    if not await decisions.pool.fetchval(KNOWN, command.list_id):
        raise Problem(404, "No such list", "no list has this id", None)
    wish = asked(command, key=key, actor=caller.actor, route=route_of(request), body=await request.body(), trace=current_trace())
    settle = holding.released if isinstance(command, ReleaseList) else holding.refused

    async def also(connection: Connection) -> None:
        await settle(connection, command.list_id, decisions.clock)

    outcome = await decisions.handler.handle_with(wish, also)
    if outcome.status == "refused":
        raise Problem(409, "Refused", outcome.reason or "", "REFUSED")
    return Response(outcome.answer, media_type="application/json")


def _shown(row: asyncpg.Record) -> dict[str, object]:
    reasons = [{"rule": rule, "sentence": sentence_of(rule)} for rule in row["reasons"]]
    return {**dict(row), "reasons": reasons, "refused_on": row["held_at"] + holding.UNDECIDED}


KNOWN = "select exists (select from lists where list_id = $1)"

WAITING = """
select h.list_id, s.sender, s.format, s.content, l.reference_date, h.reasons, h.rule_version, s.lines, h.usual, h.newer, h.held_at
from held_list h join list_source s using (list_id) join lists l using (list_id)
where h.decision is null order by h.held_at, h.list_id limit $1
"""
