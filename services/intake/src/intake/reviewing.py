"""The entrance for reviewers of identity: who might be one person, who they are, linked, unlinked or dismissed by a human."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from chassis.callers import Caller, require
from chassis.decider import asked
from chassis.handler import Handler
from chassis.http import IdempotencyKey, carry_out, current_trace, route_of
from chassis.keyring import Erased, Keyring
from chassis.problems import Problem
from contracts.catalogue import decode
from contracts.intake import ExitSeen, LinkReason, RiskSignalled
from contracts.personal import Identity
from intake import links
from intake.domain.commands import DismissCandidate
from intake.domain.consultation import Consultation, Consulted, ConsultIdentities
from intake.domain.detection import Rule
from intake.domain.linked import LinkPersons, UnlinkPersons
from intake.links import PersonHandler

Reviewer = Annotated[Caller, Depends(require("adviser", "ops"))]
Adviser = Annotated[Caller, Depends(require("adviser"))]
Limit = Annotated[int, Query(ge=1, le=500)]
LineNumber = Annotated[int, Path(ge=1, lt=2**31)]
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
    consultations: Handler[Consultation, None, Consulted]
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
        rows = await desk.pool.fetch(CANDIDATES, status, territory_of(caller), limit)
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
    if await desk.pool.fetchval(IN_SIGHT, pair, territory_of(caller)) != len(set(pair)):
        raise NO_PERSON
    wish = asked(command, key=key, actor=caller.actor, route=route_of(request), body=await request.body(), trace=current_trace())
    outcome = await links.change(desk.persons, wish)
    if outcome.status == "refused":
        raise Problem(409, "Refused", outcome.reason or "", "REFUSED")
    return Response(outcome.answer, status_code=201, media_type="application/json")


async def _candidate(desk: ReviewDesk, candidate_id: UUID, caller: Caller) -> asyncpg.Record:
    row = await desk.pool.fetchrow(CANDIDATE, candidate_id, territory_of(caller))
    if row is None:
        raise NO_CANDIDATE
    return row


async def _identities(desk: ReviewDesk, people: list[UUID]) -> list[Identity]:
    """Of each the identity that was told last.

    Raises:
        Problem: 410, one of them was erased.
    """
    found = await identities_of(desk, people)
    opened = [identity for one in people if (identity := found[one]) is not None]
    if len(opened) < len(people):
        raise Problem(410, "Gone", "One of them was erased.", "ERASED")
    return opened


async def identities_of(desk: ReviewDesk, people: Sequence[UUID]) -> Mapping[UUID, Identity | None]:
    """Of each the identity that was told last, of whoever was erased none."""
    keys = await desk.keyring.keys(people)
    kinds = [ExitSeen.wire_type(), RiskSignalled.wire_type()]
    rows = await desk.pool.fetch(TOLD_LAST, [f"person-{person_id}" for person_id in people], kinds)
    told = {UUID(row["stream_id"].removeprefix("person-")): decode(row["type"], row["body"]) for row in rows}
    found: dict[UUID, Identity | None] = dict.fromkeys(people)
    for person_id, event in told.items():
        if isinstance(event, ExitSeen | RiskSignalled):
            with suppress(Erased):
                found[person_id] = keys[person_id].open(event.identity, Identity)
    return found


def territory_of(caller: Caller) -> list[str] | None:
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
select distinct on (stream_id) stream_id, type, body from events where stream_id = any($1::text[]) and type = any($2::text[])
order by stream_id, stream_version desc
"""
