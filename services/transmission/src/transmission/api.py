"""What callers may ask of transmission: designations by ops, deliveries and recalls by the recipient itself, figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid5

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chassis import decider
from chassis.callers import Caller, require
from chassis.decider import Outcome
from chassis.event_store import Connection
from chassis.handler import Handler
from chassis.http import IdempotencyKey, carry_out, current_trace, route_of
from chassis.problems import Problem
from contracts.fields import Departement
from contracts.transmission import DesignationEvent, RecipientClass, RecipientDesignated, RefusalReason
from transmission.domain.decisions import Ledger, LedgerEvent
from transmission.domain.designations import DesignateRecipient, DesignationCommand, EndDesignation, Territory
from transmission.domain.transmissions import AcknowledgeTransmission, RefuseTransmission, TransmissionCommand
from transmission.letters import BadKey, public_key_from

AT_ONCE = 500
MAX_KEY = 2_000

Ops = Annotated[Caller, Depends(require("ops"))]
Recipient = Annotated[Caller, Depends(require("recipient"))]
Reader = Annotated[Caller, Depends(require("ops", "analyst"))]
Limit = Annotated[int, Query(ge=1, le=AT_ONCE)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DesignationBody(_Body):
    departement: Departement
    recipient_id: Name
    recipient_class: RecipientClass
    designated_by: Annotated[str, Field(min_length=1, max_length=200)]
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None
    public_key: Annotated[str, Field(max_length=MAX_KEY)]


class EndBody(_Body):
    departement: Departement
    ended_at: AwareDatetime


class AcknowledgeBody(_Body):
    transmission_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=AT_ONCE)]


class RefuseBody(_Body):
    transmission_id: UUID
    reason: RefusalReason


class Answers(BaseModel):
    """What became of each transmission that the recipient spoke of."""

    done: list[UUID]
    refused: dict[UUID, str]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the routes need."""

    pool: asyncpg.Pool
    designations: Handler[DesignationCommand, Territory, DesignationEvent]
    ledger: Handler[TransmissionCommand, Ledger, LedgerEvent]


def routes(desk: Desk) -> APIRouter:
    router = APIRouter()
    _designation_routes(router, desk)
    _delivery_routes(router, desk)
    _question_routes(router, desk)
    return router


def _designation_routes(router: APIRouter, desk: Desk) -> None:
    @router.put("/designations/{designation_id}")
    async def designate(designation_id: UUID, body: DesignationBody, request: Request, caller: Ops, key: IdempotencyKey) -> Response:
        try:
            public_key_from(body.public_key)
        except BadKey as bad:
            raise Problem(422, "The public key cannot be used", str(bad), "PUBLIC_KEY") from None
        designation = RecipientDesignated(designation_id=designation_id, **body.model_dump())
        return await carry_out(desk.designations, DesignateRecipient(designation=designation), request=request, caller=caller, key=key)

    @router.post("/designations/{designation_id}/end")
    async def end(designation_id: UUID, body: EndBody, request: Request, caller: Ops, key: IdempotencyKey) -> Response:
        command = EndDesignation(departement=body.departement, designation_id=designation_id, ended_at=body.ended_at)
        return await carry_out(desk.designations, command, request=request, caller=caller, key=key)


def _delivery_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/deliveries")
    async def deliveries(caller: Recipient, limit: Limit = AT_ONCE) -> dict[str, object]:
        rows = await desk.pool.fetch(DELIVERIES, _organisation(caller), limit)
        return {"deliveries": [{**dict(row), "body": row["body"].decode("ascii")} for row in rows]}

    @router.post("/deliveries/acknowledge")
    async def acknowledge(body: AcknowledgeBody, request: Request, caller: Recipient, key: IdempotencyKey) -> dict[str, object]:
        answers = await _answer(desk, _Call(request, caller, key), body.transmission_ids, None)
        return {"acknowledged": answers.done, "refused": answers.refused}

    @router.post("/deliveries/refuse")
    async def refuse(body: RefuseBody, request: Request, caller: Recipient, key: IdempotencyKey) -> dict[str, object]:
        answers = await _answer(desk, _Call(request, caller, key), [body.transmission_id], body.reason)
        if body.transmission_id in answers.refused:
            raise Problem(409, "The refusal was not taken", answers.refused[body.transmission_id], None)
        return {"refused": body.transmission_id, "reason": body.reason}

    @router.get("/recalls")
    async def recalls(caller: Recipient, limit: Limit = AT_ONCE, after: UUID | None = None) -> dict[str, object]:
        """In the order in which they were recalled; `after` is the last transmission that the recipient has seen there."""
        rows = await desk.pool.fetch(RECALLS, _organisation(caller), limit, after)
        return {"recalls": [dict(row) for row in rows]}


def _question_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/figures")
    async def figures(_: Reader) -> dict[str, object]:
        (counts,) = await desk.pool.fetch(FIGURES)
        rows = await desk.pool.fetch(BY_RECIPIENT)
        (returns,) = await desk.pool.fetch(RETURNS)
        return {**dict(counts), "by_recipient": {row["recipient_id"]: row["sent"] for row in rows}, "returns": dict(returns)}


def _organisation(caller: Caller) -> str:
    """A recipient is known by its organisation, which is the `recipient_id` of its designations."""
    if caller.organisation is None:
        raise Problem(403, "This token names no organisation", "ask for a token that names the recipient", None)
    return caller.organisation


@dataclass(frozen=True)
class _Call:
    """Who speaks, and in which request."""

    request: Request
    caller: Caller
    key: UUID

    async def asks(self, commands: Sequence[AcknowledgeTransmission | RefuseTransmission]) -> list[decider.Request[TransmissionCommand]]:
        """One request for each transmission; its id derives from the key and the transmission."""
        route, body, trace = route_of(self.request), await self.request.body(), current_trace()
        return [
            decider.asked(one, key=uuid5(self.key, str(one.transmission_id)), actor=self.caller.actor, route=route, body=body, trace=trace)
            for one in commands
        ]


async def _answer(desk: Desk, call: _Call, ids: Sequence[UUID], reason: RefusalReason | None) -> Answers:
    """Acknowledge or refuse many in one transaction, and delete their bytes in it."""
    recipient_id = _organisation(call.caller)
    rows = await desk.pool.fetch(MINE, list(ids), recipient_id)
    detections: Mapping[UUID, UUID] = {row["transmission_id"]: row["detection_id"] for row in rows}
    wanted = [one for one in dict.fromkeys(ids) if one in detections]
    commands = [_command(detections[one], one, recipient_id, reason) for one in wanted]
    asked = await call.asks(commands)

    async def delete_bytes(connection: Connection, outcomes: Sequence[Outcome]) -> None:
        gone = [one for one, outcome in zip(wanted, outcomes, strict=True) if outcome.status == "done"]
        await connection.execute(DELETE_BYTES, gone)

    outcomes = await desk.ledger.handle_all_with(asked, delete_bytes)
    refused = {one: outcome.reason or "" for one, outcome in zip(wanted, outcomes, strict=True) if outcome.status == "refused"}
    unknown = {one: "no such transmission was sent to this recipient" for one in ids if one not in detections}
    return Answers(done=[one for one in wanted if one not in refused], refused={**refused, **unknown})


def _command(
    detection_id: UUID, transmission_id: UUID, recipient_id: str, reason: RefusalReason | None
) -> AcknowledgeTransmission | RefuseTransmission:
    if reason is None:
        return AcknowledgeTransmission(detection_id=detection_id, transmission_id=transmission_id, recipient_id=recipient_id)
    return RefuseTransmission(detection_id=detection_id, transmission_id=transmission_id, recipient_id=recipient_id, reason=reason)


DELIVERIES = """
select d.transmission_id, d.encrypted_sha256, d.body from deliveries d
where d.recipient_id = $1
  and not exists (select from transmissions t where t.transmission_id = d.transmission_id and t.recalled_at is not null)
order by d.place limit $2
"""

MINE = "select transmission_id, detection_id from transmissions where transmission_id = any($1::uuid[]) and recipient_id = $2"

DELETE_BYTES = "delete from deliveries where transmission_id = any($1::uuid[])"

RECALLS = """
select t.transmission_id, t.recalled_for as reason, t.recalled_at as at from transmissions t
where t.recipient_id = $1 and t.recalled_at is not null and ($3::uuid is null or (t.recalled_at, t.transmission_id) >
  (select seen.recalled_at, seen.transmission_id from transmissions seen
   where seen.transmission_id = $3 and seen.recipient_id = $1))
order by t.recalled_at, t.transmission_id limit $2
"""

FIGURES = """
select count(*) as due, count(*) filter (where sent) as sent,
  count(*) filter (where status = 'acknowledged') as acknowledged, count(*) filter (where status = 'refused') as refused,
  count(*) filter (where recalled_at is not null) as recalled, (select count(*) from unroutable) as unroutable
from transmissions
"""

RETURNS = """
select count(*) as establishments, coalesce(sum(lines), 0)::bigint as lines
from (select distinct on (uai) lines from returns order by uai, period desc) newest
"""

BY_RECIPIENT = """
select recipient_id, count(*) as sent from transmissions where sent group by recipient_id order by recipient_id
"""
