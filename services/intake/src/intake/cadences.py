"""The entrance for whoever watches the sources: which are expected and silent, and how often one must be heard."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.callers import Caller, require
from chassis.clock import Clock
from chassis.http import IdempotencyKey, carry_out
from chassis.paris import legal_date
from contracts.fields import Uai
from contracts.intake import Content, ListFormat
from intake.domain.source import SetCadence, Source
from intake.sources import SourceHandler, heard_last

Ops = Annotated[Caller, Depends(require("ops"))]
Limit = Annotated[int, Query(ge=1, le=1000)]


class CadenceBody(BaseModel):
    """Whole days between two lists, at most two school years."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    every_days: Annotated[int, Field(ge=1, le=730)]


def cadence_routes(pool: asyncpg.Pool, handler: SourceHandler, clock: Clock) -> APIRouter:
    router = APIRouter()

    @router.get("/sources")
    async def sources(_: Ops, silent: bool | None = None, limit: Limit = 200) -> dict[str, object]:  # noqa: FBT001 -- a query parameter
        return {"sources": [dict(row) for row in await pool.fetch(SOURCES, silent, limit)]}

    @router.post("/sources/{sender}/{list_format}/{content}/cadence")
    async def set_cadence(
        sender: Uai, list_format: ListFormat, content: Content, body: CadenceBody, request: Request, caller: Ops, key: IdempotencyKey
    ) -> Response:
        source = Source(sender=sender, format=list_format, content=content)
        heard_on = await heard_last(pool, source) or legal_date(clock.now())
        command = SetCadence(source=source, every_days=body.every_days, heard_on=heard_on)
        return await carry_out(handler, command, request=request, caller=caller, key=key)

    return router


SOURCES = """
select sender, format, content, basis, every_days, heard_on, silent_after, silent from sources
where $1::boolean is null or silent = $1 order by silent desc, source limit $2
"""
