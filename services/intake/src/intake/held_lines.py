"""The entrance for reviewers of held lines: which wait, who may be meant, and whose each is, or nobody's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chassis.callers import Caller
from chassis.decider import asked
from chassis.http import IdempotencyKey, current_trace, route_of
from chassis.problems import Problem
from contracts.intake import DiscardMotive, LinkReason
from intake.deciding import CannotBeTaken, LineDecisions, NoSuchLine, NotKept, Opened, PersonErased
from intake.domain.consultation import ConsultHeldLine
from intake.domain.held_line import DecideHeldLine
from intake.lists import KEPT_REFUSED
from intake.record import Record
from intake.reviewing import NO_PERSON, Adviser, Limit, LineNumber, ReviewDesk, Reviewer, identities_of, territory_of
from intake.rules import sentence_of

NO_LINE = Problem(404, "Not found", "There is no such held line within your sight.", "NO_LINE")
EXPIRED = Problem(
    410,
    "Gone",
    "Of this line only its verdict is left: it was decided upon, nobody did so in 30 days, or whom it may mean was erased.",
    "NOT_KEPT",
)
NO_RECORD = Problem(
    409, "Refused", "By today's rules this line cannot be taken, whoever it is about; it can only be discarded.", "NO_RECORD"
)
PERSON_ERASED = Problem(410, "Gone", "This person was erased.", "ERASED")
ANSWERS: dict[type[Exception], Problem] = {NoSuchLine: NO_LINE, NotKept: EXPIRED, CannotBeTaken: NO_RECORD, PersonErased: PERSON_ERASED}


class _Decision(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KnownPerson(_Decision):
    decision: Literal["known_person"]
    person_id: UUID
    reason: LinkReason


class NewPerson(_Decision):
    decision: Literal["new_person"]
    reason: LinkReason


class Discarded(_Decision):
    decision: Literal["discarded"]
    motive: DiscardMotive


type Said = Annotated[KnownPerson | NewPerson | Discarded, Field(discriminator="decision")]


@dataclass(frozen=True, kw_only=True)
class HeldLineDesk:
    """What the routes need."""

    review: ReviewDesk
    decisions: LineDecisions


def held_line_routes(desk: HeldLineDesk) -> APIRouter:
    router = APIRouter()

    @router.get("/identity/held-lines")
    async def held_lines(caller: Reviewer, limit: Limit = 100) -> dict[str, object]:
        """Those that the caller may decide, the oldest first; nothing that names anybody."""
        rows = await desk.review.pool.fetch(WAITING, territory_of(caller), limit)
        return {"held_lines": [_shown(row) for row in rows]}

    @router.post("/identity/held-lines/{list_id}/{line}/consult")
    async def consult(list_id: UUID, line: LineNumber, request: Request, caller: Adviser, key: IdempotencyKey) -> dict[str, object]:
        """What the line says of who it is, and who may be meant; that somebody asked is written before anything is opened."""
        row = await _in_sight(desk, list_id, line, caller)
        people = tuple(row["people"] or ())
        command = ConsultHeldLine(list_id=list_id, line=line, people=people)
        wish = asked(command, key=key, actor=caller.actor, route=route_of(request), body=await request.body(), trace=current_trace())
        await desk.review.consultations.handle(wish)
        with _answered():
            opened = await desk.decisions.opened(list_id, line)
        identities = await identities_of(desk.review, people)
        known = [
            {"person_id": person_id, "erased": identities[person_id] is None, "identity": identities[person_id]} for person_id in people
        ]
        return {"list_id": list_id, "line": line, "said": _said(opened), "people": known}

    @router.post("/identity/held-lines/{list_id}/{line}/decide")
    async def decide(
        list_id: UUID, line: LineNumber, body: Annotated[Said, Body()], request: Request, caller: Reviewer, key: IdempotencyKey
    ) -> Response:
        await _in_sight(desk, list_id, line, caller)
        person_id = body.person_id if isinstance(body, KnownPerson) else None
        if person_id and not await desk.review.pool.fetchval(PERSON, person_id, territory_of(caller)):
            raise NO_PERSON
        command = DecideHeldLine(
            list_id=list_id, line=line, decision=body.decision, person_id=person_id,
            reason=body.motive if isinstance(body, Discarded) else body.reason, verdict="held", findings=(),
        )  # fmt: skip
        wish = asked(command, key=key, actor=caller.actor, route=route_of(request), body=await request.body(), trace=current_trace())
        with _answered():
            outcome = await desk.decisions.decide(wish)
        if outcome.status == "refused":
            raise Problem(409, "Refused", outcome.reason or "", "REFUSED")
        return Response(outcome.answer, status_code=201, media_type="application/json")

    return router


@contextmanager
def _answered() -> Iterator[None]:
    """Raises Problem: what keeps the line from being opened or decided upon."""
    try:
        yield
    except tuple(ANSWERS) as why:
        raise ANSWERS[type(why)] from None


async def _in_sight(desk: HeldLineDesk, list_id: UUID, line: int, caller: Caller) -> asyncpg.Record:
    row = await desk.review.pool.fetchrow(ONE, territory_of(caller), list_id, line)
    if row is None:
        raise NO_LINE
    return row


def _shown(row: asyncpg.Record) -> dict[str, object]:
    reasons = [{"rule": rule, "sentence": sentence_of(rule)} for rule in row["rules"]]
    return {
        **{name: row[name] for name in SHOWN},
        "reasons": reasons,
        "people": row["people"] or [],
        "kept_until": row["at"] + KEPT_REFUSED,
    }


def _said(opened: Opened) -> dict[str, object]:
    """Of a line that cannot be taken, the names as they are written."""
    record = opened.prepared.line
    if isinstance(record, Record):
        return {
            "kind": record.kind, "uai": record.uai, "formation": record.formation, "entry_date": record.entry_date,
            "exit_date": record.exit_date, "identity": record.identity,
        }  # fmt: skip
    return {"kind": opened.cells.kind, "family_name": opened.cells.family_name, "first_names": opened.cells.first_names, "identity": None}


SHOWN = ("list_id", "line", "sender", "reference_date", "departement", "at")
SIGHT = """
($1::text[] is null or (v.departement = any($1) and not exists (
  select from unnest(v.people) as may (person_id) left join person_derived d using (person_id)
  where (d.departement = any($1)) is not true
)))
"""
WAITING = f"""
select v.list_id, v.line, l.sender, l.reference_date, v.rules, v.departement, v.people, v.at
from line_verdict v join lists l using (list_id)
where v.verdict = 'held' and v.sealed_line is not null and l.closed_at is not null and {SIGHT}
order by v.at, v.list_id, v.line limit $2
"""
ONE = f"select v.people from line_verdict v where v.departement is not null and {SIGHT} and v.list_id = $2 and v.line = $3"
PERSON = "select exists (select from person_derived where person_id = $1 and ($2::text[] is null or departement = any($2)))"
