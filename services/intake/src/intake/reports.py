"""The entrance for a single report: by a professional, or by the young person and the family through a platform."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from chassis.callers import Caller, require
from chassis.http import IdempotencyKey, command_id_of, current_trace
from chassis.problems import Problem
from intake.formats.cells import CELL_LIMIT
from intake.formats.csv_list import LEAVERS, leaver_of
from intake.reporting import LINE, NotTheirs, Report, Reporting
from intake.rules import Verdict, sentence_of

Professional = Annotated[Caller, Depends(require("adviser", "sender"))]
Platform = Annotated[Caller, Depends(require("platform"))]
Cell = Annotated[str, Field(max_length=CELL_LIMIT, pattern=r"^[^\x00-\x1f\x7f]*$")]

STATUS: dict[Verdict, int] = {"accepted": 201, "accepted_with_remarks": 201, "held": 202, "not_kept": 200, "rejected": 422}


class Columns(BaseModel):
    """Its repr shows no value, so that no log or traceback can."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class ReportBody(create_model("Columns", __base__=Columns, **dict.fromkeys(LEAVERS, (Cell, "")))):  # type: ignore[misc]  # the columns are told once, in the CSV
    """The columns of our own list of leavers, as text; what is not known is left out."""


def report_routes(reporting: Reporting) -> APIRouter:
    router = APIRouter()

    @router.post("/reports")
    async def report(body: ReportBody, request: Request, caller: Professional, key: IdempotencyKey) -> Response:
        return await judged(reporting, limited(await _report(body, request, caller, key, "report"), caller))

    @router.post("/self-referrals")
    async def refer_oneself(body: ReportBody, request: Request, caller: Platform, key: IdempotencyKey) -> Response:
        return await judged(reporting, await _report(body, request, caller, key, "self"))

    return router


async def _report(body: ReportBody, request: Request, caller: Caller, key: UUID, origin: Literal["report", "self"]) -> Report:
    return Report(
        report_id=command_id_of(caller, request, key), origin=origin, reporter=caller.uai or caller.actor, actor=caller.actor,
        cells=leaver_of(LINE, body.model_dump()), body=await request.body(), trace=current_trace(),
    )  # fmt: skip


def limited(report: Report, caller: Caller) -> Report:
    """For whom the caller may speak.

    Raises:
        Problem: the token names neither establishment nor territory.
    """
    if caller.role == "sender" and caller.uai is not None:
        return replace(report, uai=caller.uai)
    if caller.role == "adviser" and caller.territory:
        return replace(report, territory=caller.territory)
    raise Problem(403, "Not allowed", "This token names no establishment and no territory.", "OUT_OF_MANDATE")


async def judged(reporting: Reporting, report: Report) -> Response:
    try:
        judged = await reporting.take(report)
    except NotTheirs:
        raise Problem(403, "Not allowed", "You may not report for this establishment or territory.", "OUT_OF_MANDATE") from None
    findings = [{"field": one.field, "rule": one.rule, "sentence": sentence_of(one.rule)} for one in judged.findings]
    answer = {"report_id": str(report.report_id), "verdict": judged.verdict, "findings": findings}
    return JSONResponse(answer, status_code=STATUS[judged.verdict])
