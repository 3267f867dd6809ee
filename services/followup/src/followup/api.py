"""What callers may ask of followup: cases and coordinates of their own territory by advisers, figures by ops."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID, uuid4

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.callers import Caller, require
from chassis.decider import asked
from chassis.handler import Handler
from chassis.http import IdempotencyKey, WrittenDay, carry_out, command_id_of, current_trace, route_of
from chassis.keyring import Erased, Keyring, Keys
from chassis.problems import Problem
from contracts.fields import Departement, Sealed
from contracts.followup import CaseEvent, Channel, ContactOutcome, CoordinatesConsulted
from contracts.personal import Contact, Guardians, Identity
from followup.domain.case import Case
from followup.domain.commands import CaseCommand, CloseCase, CompleteBilan, RecordContact
from followup.domain.consultation import ConsultCoordinates, Purpose

AT_ONCE = 500

Adviser = Annotated[Caller, Depends(require("adviser"))]
Onlooker = Annotated[Caller, Depends(require("adviser", "ops"))]
Reader = Annotated[Caller, Depends(require("ops", "analyst"))]
Limit = Annotated[int, Query(ge=1, le=AT_ONCE)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ContactBody(_Body):
    channel: Channel
    outcome: ContactOutcome


class BilanBody(_Body):
    level: Annotated[int, Field(ge=1, le=8)]
    wishes: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=20)]
    search_area: Annotated[tuple[Departement, ...], Field(min_length=1, max_length=110)]
    age: Annotated[int, Field(ge=16, le=30)]
    available_from: WrittenDay


class CloseBody(_Body):
    """A withdrawn dropout and an erasure are no adviser's motives: they follow from what intake says."""

    motive: Literal["solution_entered", "unreachable", "refused", "moved_away", "already_followed"]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the routes need."""

    pool: asyncpg.Pool
    cases: Handler[CaseCommand, Case, CaseEvent]
    consultations: Handler[ConsultCoordinates, None, CoordinatesConsulted]
    keyring: Keyring


def routes(desk: Desk) -> APIRouter:
    router = APIRouter()
    _case_routes(router, desk)
    _question_routes(router, desk)
    _coordinates_route(router, desk)
    return router


def _case_routes(router: APIRouter, desk: Desk) -> None:
    @router.post("/cases/{case_id}/contacts")
    async def record_contact(case_id: UUID, body: ContactBody, request: Request, caller: Adviser, key: IdempotencyKey) -> Response:
        await _own_case(desk, case_id, caller)
        attempt_id = command_id_of(caller, request, key)
        command = RecordContact(case_id=case_id, attempt_id=attempt_id, channel=body.channel, outcome=body.outcome)
        return await carry_out(desk.cases, command, request=request, caller=caller, key=key)

    @router.post("/cases/{case_id}/bilan")
    async def complete_bilan(case_id: UUID, body: BilanBody, request: Request, caller: Adviser, key: IdempotencyKey) -> Response:
        await _own_case(desk, case_id, caller)
        command = CompleteBilan(case_id=case_id, bilan_id=command_id_of(caller, request, key), **body.model_dump())
        return await carry_out(desk.cases, command, request=request, caller=caller, key=key)

    @router.post("/cases/{case_id}/close")
    async def close(case_id: UUID, body: CloseBody, request: Request, caller: Adviser, key: IdempotencyKey) -> Response:
        await _own_case(desk, case_id, caller)
        return await carry_out(desk.cases, CloseCase(case_id=case_id, motive=body.motive), request=request, caller=caller, key=key)


def _question_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/cases")
    async def cases(
        caller: Onlooker, status: Literal["open", "closed"] | None = None, after: UUID | None = None, limit: Limit = AT_ONCE
    ) -> dict[str, object]:
        """In the order of their ids; `after` is the last one seen."""
        closed = None if status is None else status == "closed"
        rows = await desk.pool.fetch(CASES, _territory(caller), closed, after, limit)
        return {"cases": [dict(row) for row in rows]}

    @router.get("/cases/{case_id}")
    async def case(case_id: UUID, caller: Onlooker) -> dict[str, object]:
        return dict(await _own_case(desk, case_id, caller))

    @router.get("/figures")
    async def figures(_: Reader) -> dict[str, object]:
        counts = await desk.pool.fetchrow(FIGURES)
        by_status = await desk.pool.fetch("select status, count(*) as n from cases group by status order by status")
        funnel = await desk.pool.fetchrow(FUNNEL)
        closed = await desk.pool.fetch("select motive, count(*) as n from cases where motive is not null group by motive order by motive")
        return {
            **dict(counts or {}),
            "by_status": {row["status"]: row["n"] for row in by_status},
            "closed": {row["motive"]: row["n"] for row in closed},
            "funnel": dict(funnel or {}),
        }


def _coordinates_route(router: APIRouter, desk: Desk) -> None:
    @router.get("/cases/{case_id}/coordinates")
    async def coordinates(case_id: UUID, purpose: Purpose, request: Request, caller: Adviser) -> dict[str, object]:
        """Who asked and why is written before anything is opened."""
        case = await _own_case(desk, case_id, caller)
        row = await desk.pool.fetchrow(COORDINATES, case_id)
        if row is None:
            raise Problem(404, "Not found", "There are no coordinates for this case.", "NO_COORDINATES")
        command = ConsultCoordinates(case_id=case_id, person_id=case["person_id"], purpose=purpose)
        wish = asked(command, key=uuid4(), actor=caller.actor, route=route_of(request), body=b"", trace=current_trace())
        await desk.consultations.handle(wish)
        keys = (await desk.keyring.keys([row["person_id"]]))[row["person_id"]]
        return {
            "identity": _opened(keys, row["identity"], Identity),
            "contact": _opened(keys, row["contact"], Contact),
            "guardians": _opened(keys, row["guardians"], Guardians),
        }


def _opened[P: Identity | Contact | Guardians](keys: Keys, token: str | None, kind: type[P]) -> P | None:
    if token is None:
        return None
    try:
        return keys.open(Sealed[P](token), kind)
    except Erased:
        raise Problem(410, "Gone", "These coordinates were erased.", "ERASED") from None


async def _own_case(desk: Desk, case_id: UUID, caller: Caller) -> asyncpg.Record:
    """The case, if it lies in the caller's territory; elsewhere it is as if there were none."""
    row = await desk.pool.fetchrow(CASE, case_id, _territory(caller))
    if row is None:
        raise Problem(404, "Not found", "There is no such case in your territory.", "NO_CASE")
    return row


def _territory(caller: Caller) -> list[str] | None:
    """The départements that the caller may see; none means all, for ops."""
    return None if caller.role == "ops" else list(caller.territory)


CASES = """
select case_id, person_id, detection_id, departement, l313_7, obligation_formation, status, bilan_id, opened_at from cases
where ($1::text[] is null or departement = any($1)) and ($2::boolean is null or (status = 'closed') = $2)
  and ($3::uuid is null or case_id > $3)
order by case_id limit $4
"""

CASE = """
select case_id, person_id, detection_id, departement, l313_7, obligation_formation, status, bilan_id, opened_at from cases
where case_id = $1 and ($2::text[] is null or departement = any($2))
"""

COORDINATES = "select person_id, identity, contact, guardians from coordinates where case_id = $1"

FIGURES = """
select count(*) as cases, coalesce(sum(contacts), 0)::int as contacts, count(bilan_id) as bilans,
  coalesce(sum(solutions), 0)::int as solutions, coalesce(sum(deadlines_missed), 0)::int as deadlines_missed
from cases
"""

# Each case stands in one place: the first of these that holds.
FUNNEL = """
select count(*) filter (where place = 'withdrawn') as withdrawn, count(*) filter (where place = 'already_followed') as already_followed,
  count(*) filter (where place = 'to_contact') as to_contact, count(*) filter (where place = 'unreachable') as unreachable,
  count(*) filter (where place = 'reached') as reached
from (
  select case when motive in ('dropout_withdrawn', 'erased') then 'withdrawn' when motive = 'already_followed' then 'already_followed'
    when contacts = 0 and motive is null then 'to_contact' when reached then 'reached' else 'unreachable' end as place
  from cases
) each
"""
