"""What callers may ask of offers: the catalogue by platforms, referrals by advisers, answers by the host, figures by ops."""

from dataclasses import dataclass
from typing import Annotated, Self
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chassis.callers import Caller, require
from chassis.clock import Clock
from chassis.decider import asked
from chassis.event_store import Connection
from chassis.handler import Handler
from chassis.http import IdempotencyKey, carry_out, current_trace, route_of
from chassis.problems import Problem
from contracts.fields import Departement
from contracts.offers import DeclineMotive, OfferPublished, ReferralMade, Status
from offers.domain.commands import AcceptReferral, DeclineReferral, MakeReferral, OfferCommand, PublishOffer
from offers.domain.shelf import Shelf, ShelfEvent

Adviser = Annotated[Caller, Depends(require("adviser"))]
Host = Annotated[Caller, Depends(require("platform"))]
Publisher = Annotated[Caller, Depends(require("platform", "ops"))]
Onlooker = Annotated[Caller, Depends(require("adviser", "platform", "ops"))]
Reader = Annotated[Caller, Depends(require("ops", "analyst"))]
OfferId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]*--[A-Za-z0-9._-]+$", max_length=150)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OfferBody(_Body):
    name: Text
    organisation: Text
    themes: Annotated[tuple[Text, ...], Field(max_length=50)]
    status: Status
    min_age: Annotated[int, Field(ge=14, le=99)]
    max_age: Annotated[int, Field(ge=14, le=99)]
    departements: Annotated[tuple[Departement, ...], Field(min_length=1, max_length=110)]
    seats: Annotated[int, Field(ge=0, le=1_000_000)]
    answer_within_days: Annotated[int, Field(ge=1, le=365)]

    @model_validator(mode="after")
    def _ages_in_order(self) -> Self:
        if self.min_age > self.max_age:
            raise ValueError("min_age is above max_age")
        return self


class ReferralBody(_Body):
    case_id: UUID
    offer_id: Annotated[str, Field(max_length=150)]


class AcceptBody(_Body):
    """Nothing more to say."""


class DeclineBody(_Body):
    motive: DeclineMotive


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the routes need."""

    pool: asyncpg.Pool
    handler: Handler[OfferCommand, Shelf, ShelfEvent]
    clock: Clock


def routes(desk: Desk) -> APIRouter:
    router = APIRouter()
    _offer_routes(router, desk)
    _referral_routes(router, desk)
    _answer_routes(router, desk)
    _question_routes(router, desk)
    return router


def _offer_routes(router: APIRouter, desk: Desk) -> None:
    @router.put("/offers/{offer_id}")
    async def publish(offer_id: OfferId, body: OfferBody, request: Request, caller: Publisher, key: IdempotencyKey) -> Response:
        if caller.role == "platform" and caller.organisation != body.organisation:
            raise Problem(403, "Not allowed", "A platform publishes its own organisation's offers.", "ORGANISATION")
        command = PublishOffer(offer=OfferPublished(offer_id=offer_id, **body.model_dump()))
        return await carry_out(desk.handler, command, request=request, caller=caller, key=key)

    @router.get("/offers")
    async def offers(_: Onlooker) -> dict[str, object]:
        return {"offers": [dict(row) for row in await desk.pool.fetch(OFFERS)]}


def _referral_routes(router: APIRouter, desk: Desk) -> None:
    @router.post("/referrals")
    async def refer(body: ReferralBody, request: Request, caller: Adviser, key: IdempotencyKey) -> Response:
        """The case is held by a lock while the referral is written, so that it cannot end unseen in between."""
        case = await desk.pool.fetchrow(CASE, body.case_id, list(caller.territory))
        if case is None:
            raise Problem(404, "Not found", "There is no such case in your territory.", "NO_CASE")
        if case["bilan_id"] is None:
            raise Problem(409, "Refused", "a referral needs a completed bilan", "REFUSED")
        command = MakeReferral(
            case_id=body.case_id, person_id=case["person_id"], offer_id=body.offer_id, bilan_id=case["bilan_id"],
            age=case["age"], search_area=tuple(case["search_area"]), at=desk.clock.now(),
        )  # fmt: skip
        wish = asked(command, key=key, actor=caller.actor, route=route_of(request), body=await request.body(), trace=current_trace())

        async def still_open(connection: Connection) -> None:
            if not await connection.fetchval(STILL_OPEN, body.case_id):
                raise Problem(409, "Refused", "the case is closed", "REFUSED")

        outcome = await desk.handler.handle_with(wish, still_open)
        if outcome.status == "refused":
            raise Problem(409, "Refused", outcome.reason or "", "REFUSED")
        return Response(outcome.answer, status_code=201, media_type="application/json")

    @router.get("/referrals/{referral_id}")
    async def referral(referral_id: UUID, caller: Onlooker) -> dict[str, object]:
        territory = list(caller.territory) if caller.role == "adviser" else None
        organisation = (caller.organisation or "") if caller.role == "platform" else None
        row = await desk.pool.fetchrow(REFERRAL, referral_id, territory, organisation)
        if row is None:
            raise _no_referral()
        return dict(row)


def _answer_routes(router: APIRouter, desk: Desk) -> None:
    @router.post("/referrals/{referral_id}/accept")
    async def accept(referral_id: UUID, _: AcceptBody, request: Request, caller: Host, key: IdempotencyKey) -> Response:
        made = await _made_to(desk, referral_id, caller)
        command = AcceptReferral(referral_id=referral_id, offer_id=made.offer_id)
        return await carry_out(desk.handler, command, request=request, caller=caller, key=key)

    @router.post("/referrals/{referral_id}/decline")
    async def decline(referral_id: UUID, body: DeclineBody, request: Request, caller: Host, key: IdempotencyKey) -> Response:
        made = await _made_to(desk, referral_id, caller)
        command = DeclineReferral(referral_id=referral_id, offer_id=made.offer_id, motive=body.motive)
        return await carry_out(desk.handler, command, request=request, caller=caller, key=key)


def _question_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/figures")
    async def figures(_: Reader) -> dict[str, object]:
        seats = await desk.pool.fetchrow(SEATS)
        referrals = await desk.pool.fetchrow(FATES)
        return {**dict(seats or {}), "referrals": dict(referrals or {})}


async def _made_to(desk: Desk, referral_id: UUID, caller: Caller) -> ReferralMade:
    """The referral, if it was made to the caller's organisation. Read in its stream: a host may answer before we have heard it."""
    stream = f"referral-{referral_id}"
    async with desk.pool.acquire() as connection:
        past = await desk.handler.store.load(connection, [stream])
    for event in past[stream]:
        if isinstance(event, ReferralMade) and event.organisation == caller.organisation:
            return event
    raise _no_referral()


def _no_referral() -> Problem:
    return Problem(404, "Not found", "There is no such referral for you.", "NO_REFERRAL")


OFFERS = """
select offer_id, name, organisation, themes, status, min_age, max_age, departements, seats, held, free from offers order by offer_id
"""

CASE = "select case_id, person_id, bilan_id, age, search_area from cases where case_id = $1 and departement = any($2::text[])"

STILL_OPEN = "select is_open from cases where case_id = $1 for share"

REFERRAL = """
select r.referral_id, r.person_id, r.case_id, r.offer_id, r.organisation, r.answer_by, r.status, r.motive
from referrals r left join cases c on c.case_id = r.case_id
where r.referral_id = $1 and ($2::text[] is null or c.departement = any($2)) and ($3::text is null or r.organisation = $3)
"""

SEATS = """
select count(*) as offers, coalesce(sum(o.seats), 0)::int as seats, coalesce(sum(o.held), 0)::int as held,
  coalesce(sum(o.free), 0)::int as free,
  coalesce(bool_and(o.held + o.free = o.seats and o.held between 0 and o.seats and o.held = coalesce(r.holding, 0)), true)
    and not exists (select from referrals lost where not exists (select from offers known where known.offer_id = lost.offer_id))
    as seats_ok
from offers o
left join (select offer_id, count(*) as holding from referrals where status in ('pending', 'accepted') group by offer_id) r
  on r.offer_id = o.offer_id
"""

FATES = """
select count(*) as made, count(*) filter (where status = 'pending') as pending,
  count(*) filter (where status = 'accepted') as accepted, count(*) filter (where status = 'declined') as declined,
  count(*) filter (where status = 'expired') as expired, count(*) filter (where status = 'cancelled') as cancelled
from referrals
"""
