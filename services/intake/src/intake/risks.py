"""The entrance for prevention: signals that somebody may be about to leave, and the list of them, apart from dropouts."""

from dataclasses import replace
from typing import Annotated, Literal, Self
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field, create_model, model_validator

from chassis.callers import Caller, require
from chassis.http import IdempotencyKey, command_id_of, current_trace
from chassis.paris import legal_date
from chassis.problems import Problem
from contracts.intake import RiskSignal
from intake.detections import sight
from intake.formats.cells import Cells, Risk
from intake.formats.csv_list import LEAVERS, leaver_of
from intake.reporting import LINE, Report, Reporting
from intake.reports import Cell, Columns, Professional, judged, limited

OF_AN_EXIT = ("diplome_obtenu", "date_entree", "date_sortie", "motif_sortie")
COLUMNS = tuple(name for name in LEAVERS if name not in OF_AN_EXIT)
HALF_DAYS = 62
"""In a month of 31 days."""

Onlooker = Annotated[Caller, Depends(require("adviser", "sender", "ops"))]
Limit = Annotated[int, Query(ge=1, le=500)]


class RiskBody(create_model("RiskColumns", __base__=Columns, **dict.fromkeys(COLUMNS, (Cell, "")))):  # type: ignore[misc]  # the columns are told once, in the CSV
    """Who it is, in the columns of our own list, and the signal: so many half-days of absence in a month, or no assignment."""

    signal: RiskSignal
    demi_journees: Annotated[int, Field(ge=1, le=HALF_DAYS)] | None = None
    mois: Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")] | None = None
    annee_scolaire: Annotated[int, Field(ge=2000, le=2099)] | None = None

    @model_validator(mode="after")
    def has_what_its_signal_needs(self) -> Self:
        absences = (self.demi_journees is not None, self.mois is not None)
        told = (*absences, self.annee_scolaire is not None)
        if told != ((True, True, False) if self.signal == "absences" else (False, False, True)):
            raise ValueError("absences: demi_journees and mois; no_assignment: annee_scolaire")
        return self


def risk_routes(pool: asyncpg.Pool, reporting: Reporting) -> APIRouter:
    router = APIRouter()

    @router.post("/risks")
    async def signal(body: RiskBody, request: Request, caller: Professional, key: IdempotencyKey) -> Response:
        _check_days(body, reporting)
        report = Report(
            report_id=command_id_of(caller, request, key), origin="risk", reporter=caller.uai or caller.actor, actor=caller.actor,
            cells=_cells(body), body=await request.body(), trace=current_trace(),
        )  # fmt: skip
        return await judged(reporting, limited(report, caller))

    @router.get("/risks")
    async def risks(
        caller: Onlooker, signal: Literal["absences", "no_assignment"] | None = None, after: UUID | None = None, limit: Limit = 200
    ) -> dict[str, object]:
        """Within sight, in the order of their ids; `detected` where a dropout was found as well and stands."""
        rows = await pool.fetch(RISKS, *sight(caller), signal, after, limit)
        return {"risks": [dict(row) for row in rows]}

    return router


def _check_days(body: RiskBody, reporting: Reporting) -> None:
    """What has not happened yet is no signal.

    Raises:
        Problem: a month or a school year to come.
    """
    today = legal_date(reporting.desk.clock.now())
    if (body.mois or "") > f"{today:%Y-%m}" or (body.annee_scolaire or 0) > today.year:
        raise Problem(422, "Not yet", "This month or school year has not begun.", "TO_COME")


def _cells(body: RiskBody) -> Cells:
    risk = Risk(signal=body.signal, half_days=body.demi_journees, month=body.mois, school_year=body.annee_scolaire)
    told = body.model_dump(include=set(COLUMNS))
    return replace(leaver_of(LINE, {**told, **dict.fromkeys(OF_AN_EXIT, "")}), kind="risk", risk=risk)


RISKS = """
select r.list_id as risk_id, r.person_id, r.departement, r.uai, r.signal, r.half_days, r.month, r.school_year, r.signalled_on,
  exists (select from dropouts d where d.person_id = r.person_id and not d.withdrawn) as detected
from risks r
where ($1::text[] is null or r.departement = any($1)) and ($2::text is null or r.uai = $2) and ($3::text is null or r.signal = $3)
  and ($4::uuid is null or r.list_id > $4)
order by r.list_id limit $5
"""
