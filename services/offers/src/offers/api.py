"""What callers may ask of offers: the catalogue by platforms, referrals by advisers, answers by the host."""

from dataclasses import dataclass
from typing import Annotated, Self
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chassis.callers import Caller, require
from chassis.clock import Clock
from chassis.handler import Handler
from chassis.http import IdempotencyKey, carry_out
from chassis.paris import legal_date
from chassis.problems import Problem
from contracts.fields import Departement
from contracts.offers import DeclineMotive, OfferEvent, OfferPublished, Status
from offers.domain.commands import AcceptReferral, DeclineReferral, MakeReferral, OfferCommand, PublishOffer, ReferralCommand
from offers.domain.offer import Offer
from offers.domain.referral import Placement, PlacementEvent

Adviser = Annotated[Caller, Depends(require("adviser"))]
Publisher = Annotated[Caller, Depends(require("platform", "ops"))]
Platform = Annotated[Caller, Depends(require("platform"))]
Onlooker = Annotated[Caller, Depends(require("adviser", "platform", "ops"))]
Reader = Annotated[Caller, Depends(require("ops", "analyst"))]
OfferId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}--[A-Za-z0-9-]{1,60}$")]
Words = Annotated[str, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OfferBody(_Body):
    name: Words
    organisation: Words
    themes: Annotated[tuple[Words, ...], Field(max_length=20)]
    status: Status
    min_age: Annotated[int, Field(ge=15, le=30)]
    max_age: Annotated[int, Field(ge=15, le=30)]
    departements: Annotated[tuple[Departement, ...], Field(min_length=1, max_length=110)]
    seats: Annotated[int, Field(ge=0, le=100_000)]
    answer_within_days: Annotated[int, Field(ge=1, le=90)]

    @model_validator(mode="after")
    def _ages_in_order(self) -> Self:
        if self.min_age > self.max_age:
            raise ValueError("min_age is above max_age")
        return self


class ReferralBody(_Body):
    case_id: UUID
    offer_id: Words


class AcceptBody(_Body):
    """Nothing more to say."""


class DeclineBody(_Body):
    motive: DeclineMotive


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the routes need."""

    pool: asyncpg.Pool
    clock: Clock
    offers: Handler[OfferCommand, Offer, OfferEvent]
    referrals: Handler[ReferralCommand, Placement, PlacementEvent]


def routes(desk: Desk) -> APIRouter:
    router = APIRouter()
    _catalogue_routes(router, desk)
    _referral_routes(router, desk)
    _answer_routes(router, desk)
    return router


def _catalogue_routes(router: APIRouter, desk: Desk) -> None:
    @router.put("/offers/{offer_id}")
    async def publish(offer_id: OfferId, body: OfferBody, request: Request, caller: Publisher, key: IdempotencyKey) -> Response:
        if caller.role == "platform" and caller.organisation != body.organisation:
            raise Problem(403, "Not allowed", "A platform publishes its own offers only.", "ORGANISATION")
        offer = OfferPublished(offer_id=offer_id, **body.model_dump())
        return await carry_out(desk.offers, PublishOffer(offer=offer), request=request, caller=caller, key=key)

    @router.get("/offers")
    async def catalogue(_: Onlooker) -> dict[str, object]:
        return {"offers": [dict(row) for row in await desk.pool.fetch(OFFERS)]}

    @router.get("/figures")
    async def figures(_: Reader) -> dict[str, object]:
        (counts,) = await desk.pool.fetch(FIGURES)
        by_status = {row["status"]: row["n"] for row in await desk.pool.fetch(BY_STATUS)}
        fates = {name: by_status.get(name, 0) for name in ("pending", "accepted", "declined", "expired", "cancelled")}
        wrong = await desk.pool.fetchval(WRONG_SEATS)
        return {**dict(counts), "referrals": {"made": sum(fates.values()), **fates}, "seats_ok": wrong == 0}


def _referral_routes(router: APIRouter, desk: Desk) -> None:
    @router.post("/referrals")
    async def refer(body: ReferralBody, request: Request, caller: Adviser, key: IdempotencyKey) -> Response:
        case = await desk.pool.fetchrow(CASE, body.case_id, list(caller.territory))
        if case is None:
            raise Problem(404, "Not found", "There is no such case in your territory.", "NO_CASE")
        if case["closed"]:
            raise Problem(409, "Refused", "This case is closed.", "CASE_CLOSED")
        if case["bilan_id"] is None:
            raise Problem(409, "Refused", "No completed bilan of this case was heard yet; hold it, or try again in a moment.", "NO_BILAN")
        command = MakeReferral(
            case_id=body.case_id, offer_id=body.offer_id, person_id=case["person_id"], bilan_id=case["bilan_id"], age=case["age"],
            search_area=tuple(case["search_area"]), made_on=legal_date(desk.clock.now()),
        )  # fmt: skip
        return await carry_out(desk.referrals, command, request=request, caller=caller, key=key)

    @router.get("/referrals/{referral_id}")
    async def referral(referral_id: UUID, caller: Onlooker) -> dict[str, object]:
        row = await desk.pool.fetchrow(REFERRAL, referral_id)
        if row is None or not _concerns(caller, row):
            raise _no_referral()
        return {name: value for name, value in row.items() if name != "departement"}


def _answer_routes(router: APIRouter, desk: Desk) -> None:
    @router.post("/referrals/{referral_id}/accept")
    async def accept(referral_id: UUID, _: AcceptBody, request: Request, caller: Platform, key: IdempotencyKey) -> Response:
        case_id = await _hosted(desk, referral_id, caller)
        command = AcceptReferral(case_id=case_id, referral_id=referral_id)
        return await carry_out(desk.referrals, command, request=request, caller=caller, key=key)

    @router.post("/referrals/{referral_id}/decline")
    async def decline(referral_id: UUID, body: DeclineBody, request: Request, caller: Platform, key: IdempotencyKey) -> Response:
        case_id = await _hosted(desk, referral_id, caller)
        command = DeclineReferral(case_id=case_id, referral_id=referral_id, motive=body.motive)
        return await carry_out(desk.referrals, command, request=request, caller=caller, key=key)


async def _hosted(desk: Desk, referral_id: UUID, caller: Caller) -> UUID:
    """The case of a referral to the caller's own organisation; read from the store, since a platform may answer before we show it."""
    row = await desk.pool.fetchrow(MADE, f"referral-{referral_id}")
    if row is None or row["organisation"] != caller.organisation:
        raise _no_referral()
    return UUID(row["case_id"])


def _no_referral() -> Problem:
    return Problem(404, "Not found", "There is no such referral for you.", "NO_REFERRAL")


def _concerns(caller: Caller, row: asyncpg.Record) -> bool:
    match caller.role:
        case "platform":
            return bool(row["organisation"] == caller.organisation)
        case "adviser":
            return row["departement"] in caller.territory
        case _:
            return True


OFFERS = """
select offer_id, name, organisation, themes, status, min_age, max_age, departements, seats, held, free from offers order by offer_id
"""

CASE = """
select person_id, bilan_id, age, search_area, closed from referable_cases where case_id = $1 and departement = any($2::text[])
"""

REFERRAL = """
select r.referral_id, r.case_id, r.person_id, r.offer_id, r.organisation, r.answer_by, r.status, c.departement
from referrals r left join referable_cases c using (case_id) where r.referral_id = $1
"""

MADE = """
select convert_from(body, 'utf8')::json ->> 'organisation' as organisation, convert_from(body, 'utf8')::json ->> 'case_id' as case_id
from events where stream_id = $1 and stream_version = 1
"""

FIGURES = """
select count(*) as offers, coalesce(sum(seats), 0)::int as seats, coalesce(sum(held), 0)::int as held, coalesce(sum(free), 0)::int as free
from offers
"""

BY_STATUS = "select status, count(*) as n from referrals group by status"

WRONG_SEATS = """
select count(*) from offers o
where o.held + o.free <> o.seats or o.held < 0 or o.held > o.seats or o.held <> (
  select count(*) from referrals r where r.offer_id = o.offer_id and r.status in ('pending', 'accepted'))
"""
