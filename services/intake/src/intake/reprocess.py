"""The entrance for ops: what a list's kept lines would be by today's rules, and write it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from chassis.callers import Caller, require
from chassis.http import IdempotencyKey, command_id_of, current_trace
from chassis.problems import Problem
from intake.reprocessing import Difference, NotClosed, Reprocessed, Reprocessing
from intake.rules import sentence_of

Ops = Annotated[Caller, Depends(require("ops"))]


def reprocess_routes(reprocessing: Reprocessing) -> APIRouter:
    router = APIRouter()

    @router.get("/lists/{list_id}/reprocess")
    async def plan(list_id: UUID, _: Ops) -> dict[str, object]:
        try:
            return _shown(await reprocessing.plan(list_id), applied=False)
        except NotClosed:
            raise _not_closed() from None

    @router.post("/lists/{list_id}/reprocess")
    async def apply(list_id: UUID, request: Request, caller: Ops, key: IdempotencyKey) -> dict[str, object]:
        run = command_id_of(caller, request, key)
        try:
            done = await reprocessing.apply(list_id, run=run, actor=caller.actor, trace=current_trace())
        except NotClosed:
            raise _not_closed() from None
        return _shown(done, applied=True)

    return router


def _not_closed() -> Problem:
    return Problem(404, "No such list", "no list that is read to its end has this id", None)


def _shown(found: Reprocessed, *, applied: bool) -> dict[str, object]:
    """Line, verdicts and rules; no value of the line."""
    lines = [_line(one) for one in found.differences]
    return {"applied": applied, "considered": found.considered, "gone": found.gone, "lines": lines}


def _line(one: Difference) -> dict[str, object]:
    findings = [{"field": f.field, "rule": f.rule, "sentence": sentence_of(f.rule)} for f in one.findings]
    return {
        "line": one.line, "was": {"verdict": one.was, "rules": list(one.was_rules)},
        "would_be": {"verdict": one.verdict, "findings": findings}, "applies": one.applies,
    }  # fmt: skip
