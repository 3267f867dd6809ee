"""The entrance for reviewers of identity: who might be one person, who they are, linked, unlinked or dismissed by a human."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from chassis.callers import Caller, require
from chassis.decider import asked
from chassis.handler import Handler
from chassis.http import IdempotencyKey, carry_out, current_trace, route_of
from chassis.keyring import Erased, Keyring
from chassis.problems import Problem
from contracts.intake import ExitSeen, IdentitiesConsulted, LinkReason
from contracts.personal import Identity
from intake import links
from intake.domain.commands import DismissCandidate
from intake.domain.consultation import ConsultIdentities
from intake.domain.detection import Rule
from intake.domain.linked import LinkPersons, UnlinkPersons
from intake.links import PersonHandler

Reviewer = Annotated[Caller, Depends(require("adviser", "ops"))]
Adviser = Annotated[Caller, Depends(require("adviser"))]
Limit = Annotated[int, Query(ge=1, le=500)]
Status = Literal["open", "dismissed", "linked", "unlinked"]
NO_CANDIDATE = Problem(404, "Not found", "There is no such candidate within your sight.", "NO_CANDIDATE")
NO_PERSON = Problem(404, "Not found", "There is no such person within your sight.", "NO_PERSON")


class PairBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    person_id: UUID
    other_id: UUID
    reason: LinkReason


class ReasonBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    reason: LinkReason


@dataclass(frozen=True, kw_only=True)
class ReviewDesk:
    """What the routes need. rule: by which is decided what follows from a link."""

    pool: asyncpg.Pool
    persons: PersonHandler
    consultations: Handler[ConsultIdentities, None, IdentitiesConsulted]
    keyring: Keyring
    rule: Rule


def review_routes(desk: ReviewDesk) -> APIRouter:
    router = APIRouter()
    _candidate_routes(router, desk)
    _link_routes(router, desk)
    return router


def _candidate_routes(router: APIRouter, desk: ReviewDesk) -> None:
    @router.get("/identity/candidates")
    async def candidates(caller: Reviewer, status: Status = "open", limit: Limit = 100) -> dict[str, object]:
        """Those that the caller may decide, the surest first; nothing that names anybody."""
        rows = await desk.pool.fetch(CANDIDATES, status, _territory(caller), limit)
        return {"candidates": [dict(row) for row in rows]}

    @router.post("/identity/candidates/{candidate_id}/consult")
    async def consult(candidate_id: UUID, request: Request, caller: Adviser, key: IdempotencyKey) -> dict[str, object]:
        """Who both are; that somebody asked is written before anything is opened."""
        row = await _candidate(desk, candidate_id, caller)
        pair = ConsultIdentities(person_id=row["person_id"], other_id=row["other_id"])
        wish = asked(pair, key=key, actor=caller.actor, route=route_of(request), body=await request.body(), trace=current_trace())
        await desk.consultations.handle(wish)
        return {"candidate_id": str(candidate_id), "identities": await _identities(desk, [pair.person_id, pair.other_id])}

    @router.post("/identity/candidates/{candidate_id}/dismiss")
    async def dismiss(candidate_id: UUID, body: ReasonBody, request: Request, caller: Reviewer, key: IdempotencyKey) -> Response:
        row = await _candidate(desk, candidate_id, caller)
        command = DismissCandidate(person_id=row["person_id"], other_id=row["other_id"], reason=body.reason)
        return await carry_out(desk.persons, command, request=request, caller=caller, key=key)


def _link_routes(router: APIRouter, desk: ReviewDesk) -> None:
    @router.post("/identity/links")
    async def link(body: PairBody, request: Request, caller: Reviewer, key: IdempotencyKey) -> Response:
        command = LinkPersons(**_pair(body), reason=body.reason, members=(), rule=desk.rule, coverage={})
        return await _change(desk, command, request, caller, key)

    @router.post("/identity/unlinks")
    async def unlink(body: PairBody, request: Request, caller: Reviewer, key: IdempotencyKey) -> Response:
        command = UnlinkPersons(**_pair(body), reason=body.reason, members=(), rule=desk.rule, coverage={})
        return await _change(desk, command, request, caller, key)


def _pair(body: PairBody) -> dict[str, UUID]:
    return {"person_id": body.person_id, "other_id": body.other_id}


async def _change(desk: ReviewDesk, command: LinkPersons | UnlinkPersons, request: Request, caller: Caller, key: UUID) -> Response:
    """Raises Problem: 404 for somebody out of sight, 409 with the domain's reason."""
    pair = [command.person_id, command.other_id]
    if await desk.pool.fetchval(IN_SIGHT, pair, _territory(caller)) != len(set(pair)):
        raise NO_PERSON
    wish = asked(command, key=key, actor=caller.actor, route=route_of(request), body=await request.body(), trace=current_trace())
    outcome = await links.change(desk.persons, wish)
    if outcome.status == "refused":
        raise Problem(409, "Refused", outcome.reason or "", "REFUSED")
    return Response(outcome.answer, status_code=201, media_type="application/json")


async def _candidate(desk: ReviewDesk, candidate_id: UUID, caller: Caller) -> asyncpg.Record:
    row = await desk.pool.fetchrow(CANDIDATE, candidate_id, _territory(caller))
    if row is None:
        raise NO_CANDIDATE
    return row


async def _identities(desk: ReviewDesk, people: list[UUID]) -> list[Identity]:
    """Of each the identity that was told last.

    Raises:
        Problem: 410, one of them was erased.
    """
    keys = await desk.keyring.keys(people)
    rows = await desk.pool.fetch(TOLD_LAST, [f"person-{person_id}" for person_id in people], ExitSeen.wire_type())
    told = {row["stream_id"]: ExitSeen.model_validate_json(row["body"]) for row in rows}
    try:
        return [keys[one].open(told[f"person-{one}"].identity, Identity) for one in people]
    except Erased:
        raise Problem(410, "Gone", "One of them was erased.", "ERASED") from None


def _territory(caller: Caller) -> list[str] | None:
    """The départements that the caller may decide for; ops decides for all."""
    return None if caller.role == "ops" else list(caller.territory)


BOTH_IN_SIGHT = """
join person_derived a on a.person_id = c.person_id join person_derived b on b.person_id = c.other_id
where ($2::text[] is null or (a.departement = any($2) and b.departement = any($2)))
"""
CANDIDATES = f"""
select c.candidate_id, c.person_id, c.other_id, c.score, c.criteria, c.status, a.departement, b.departement as other_departement
from identity_candidates c {BOTH_IN_SIGHT} and c.status = $1
order by c.score desc nulls last, c.candidate_id limit $3
"""
CANDIDATE = f"select c.person_id, c.other_id from identity_candidates c {BOTH_IN_SIGHT} and c.candidate_id = $1"
IN_SIGHT = "select count(*) from person_derived where person_id = any($1::uuid[]) and ($2::text[] is null or departement = any($2))"
TOLD_LAST = """
select distinct on (stream_id) stream_id, body from events where stream_id = any($1::text[]) and type = $2
order by stream_id, stream_version desc
"""
