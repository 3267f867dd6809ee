"""The entrance for whoever answers for detections: contested, confirmed, withdrawn; a rule's impact, its undoing, a what-if."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from chassis.callers import Caller, require
from chassis.clock import Clock
from chassis.handler import Handler
from chassis.http import IdempotencyKey, carry_out
from chassis.problems import Problem
from contracts.intake import ContestMotive, PersonEvent
from intake.domain.commands import ConfirmDropout, ContestDropout, PersonCommand, WithdrawDropout
from intake.domain.detection import RULES, Rule
from intake.domain.funnel import PLACES
from intake.domain.person import Person
from intake.figures import dropout_table
from intake.revisiting import Revisiting
from intake.small_cells import Table, counts_of, exact_sums, published_total, sums_of
from intake.territory import Territory, territory_at

Contester = Annotated[Caller, Depends(require("sender", "adviser", "ops"))]
Judge = Annotated[Caller, Depends(require("adviser", "ops"))]
Ops = Annotated[Caller, Depends(require("ops"))]
Onlooker = Annotated[Caller, Depends(require("ops", "analyst"))]
Limit = Annotated[int, Query(ge=1, le=500)]


class MotiveBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    motive: ContestMotive


@dataclass(frozen=True, kw_only=True)
class DetectionDesk:
    """What the routes need."""

    pool: asyncpg.Pool
    persons: Handler[PersonCommand, Person, PersonEvent]
    revisiting: Revisiting
    clock: Clock


def detection_routes(desk: DetectionDesk) -> APIRouter:
    router = APIRouter()
    _judging_routes(router, desk)
    _rule_routes(router, desk)
    _counting_routes(router, desk)
    return router


def _judging_routes(router: APIRouter, desk: DetectionDesk) -> None:
    @router.get("/detections")
    async def contested(caller: Contester, after: UUID | None = None, limit: Limit = 200) -> dict[str, object]:
        """The contested ones that the caller may see, in the order of their ids."""
        rows = await desk.pool.fetch(CONTESTED, *sight(caller), after, limit)
        return {"contested": [dict(row) for row in rows]}

    @router.post("/detections/{detection_id}/contest")
    async def contest(detection_id: UUID, body: MotiveBody, request: Request, caller: Contester, key: IdempotencyKey) -> Response:
        person_id = await _person_of(desk, detection_id, caller)
        command = ContestDropout(person_id=person_id, detection_id=detection_id, motive=body.motive)
        return await carry_out(desk.persons, command, request=request, caller=caller, key=key)

    @router.post("/detections/{detection_id}/confirm")
    async def confirm(detection_id: UUID, request: Request, caller: Judge, key: IdempotencyKey) -> Response:
        person_id = await _person_of(desk, detection_id, caller)
        command = ConfirmDropout(person_id=person_id, detection_id=detection_id)
        return await carry_out(desk.persons, command, request=request, caller=caller, key=key)

    @router.post("/detections/{detection_id}/withdraw")
    async def withdraw(detection_id: UUID, body: MotiveBody, request: Request, caller: Judge, key: IdempotencyKey) -> Response:
        person_id = await _person_of(desk, detection_id, caller)
        command = WithdrawDropout(person_id=person_id, detection_id=detection_id, motive=body.motive)
        return await carry_out(desk.persons, command, request=request, caller=caller, key=key)


Page = Annotated[str, Query(pattern=r"^(person-[0-9a-f-]{36})?$")]


def _rule_routes(router: APIRouter, desk: DetectionDesk) -> None:
    @router.post("/rules/{rule}/{version}/undo")
    async def undo(rule: str, version: int, caller: Ops, after: Page = "") -> dict[str, object]:
        """One page; asked again with the `after` of the answer until there is none. It may be begun again at any time."""
        _known(rule, version)
        return asdict(await desk.revisiting.undo(rule, version, after=after, actor=caller.actor))


def _counting_routes(router: APIRouter, desk: DetectionDesk) -> None:
    of_where = territory_at(desk.clock)

    @router.get("/rules/{rule}/{version}/impact")
    async def impact(rule: str, version: int, _: Ops, territory: Annotated[Territory, Depends(of_where)]) -> dict[str, object]:
        """What undoing would withdraw; nothing is written. `undo` itself knows no territory."""
        _known(rule, version)
        return dict(vars(await desk.revisiting.impact(rule, version, territory)))

    @router.get("/rules/{rule}/{version}/funnel")
    async def funnel(rule: str, version: int, caller: Onlooker, territory: Annotated[Territory, Depends(of_where)]) -> dict[str, object]:
        """Of everybody listed as gone: who was enrolled, who was no matter of this rule and why, who is a dropout."""
        found = await desk.revisiting.funnel(_known(rule, version))
        return _funnel(found, territory, beside=None if caller.role == "ops" else await dropout_table(desk.pool))

    @router.get("/rules/{rule}/{version}/what-if")
    async def what_if(rule: str, version: int, _: Onlooker, territory: Annotated[Territory, Depends(of_where)]) -> dict[str, object]:
        found = await desk.revisiting.what_if(_known(rule, version))
        return {"people": found.people, **_published({"added": found.added, "removed": found.removed}, territory)}


def _funnel(found: Mapping[str, Counter[str]], territory: Territory, *, beside: Table | None) -> dict[str, object]:
    """beside: what `/figures` tells to the same onlooker; none to whoever may see all."""
    table: Table = {departement: {place: counts[place] for place in PLACES} for departement, counts in found.items()}
    told = exact_sums(table, territory) if beside is None else sums_of(table, PLACES, territory, beside=beside)
    places: dict[str, int | None] = {place: told[place] for place in PLACES}
    return {"listed": published_total(places), "places": places}


def _published(found: Mapping[str, Counter[str]], territory: Territory) -> dict[str, object]:
    """Of each, by département, and their sum; what one version adds and removes is hidden together."""
    places = {departement for counts in found.values() for departement in counts}
    table: Table = {departement: {name: counts[departement] for name, counts in found.items()} for departement in places}
    totals = sums_of(table, found, territory)
    return {name: {"total": totals[name], "by_departement": counts_of(table, name, territory)} for name in found}


def _known(rule: str, version: int) -> Rule:
    found = RULES.get((rule, version))
    if found is None:
        raise Problem(404, "Not found", "There is no such version of a rule.", "NO_RULE")
    return found


async def _person_of(desk: DetectionDesk, detection_id: UUID, caller: Caller) -> UUID:
    """Whom the detection is about, if the caller may see it; to others it does not exist."""
    row = await desk.pool.fetchrow(DETECTION, *sight(caller), detection_id)
    if row is None:
        raise Problem(404, "Not found", "There is no such detection within your sight.", "NO_DETECTION")
    return UUID(str(row["person_id"]))


def sight(caller: Caller) -> tuple[list[str] | None, str | None]:
    """The départements and the establishment that the caller may see; ops sees all, a sender without UAI nothing."""
    match caller.role:
        case "ops":
            return None, None
        case "sender":
            return None, caller.uai or ""
        case _:
            return list(caller.territory), None


CONTESTED = """
select detection_id, person_id, departement, rule, rule_version, l313_7, obligation_formation, contested from dropouts
where contested is not null and ($1::text[] is null or departement = any($1)) and ($2::text is null or last_uai = $2)
  and ($3::uuid is null or detection_id > $3)
order by detection_id limit $4
"""

DETECTION = """
select person_id from dropouts
where ($1::text[] is null or departement = any($1)) and ($2::text is null or last_uai = $2) and detection_id = $3
"""
