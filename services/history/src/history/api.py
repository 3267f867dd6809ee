"""What callers may ask of history: one person's story, and how much was heard."""

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends

from chassis.callers import Caller, require
from chassis.problems import Problem
from contracts.catalogue import EVENTS
from history.projections.story import HeardRow, story_of

Reader = Annotated[Caller, Depends(require("ops", "analyst"))]

OF_PERSONS = [event.wire_type() for event in EVENTS if "person_id" in event.model_fields]


def routes(pool: asyncpg.Pool) -> APIRouter:
    router = APIRouter()

    @router.get("/persons/{person_id}/story")
    async def story(person_id: UUID, _: Reader) -> dict[str, object]:
        rows = [HeardRow(**dict(row)) for row in await pool.fetch(STORY, str(person_id))]
        if not rows:
            raise Problem(404, "Nothing was heard of this person", "no event has this subject", None)
        causes = await pool.fetch(TYPES, [row.causation_id for row in rows if row.causation_id is not None])
        types = {cause["event_id"]: cause["type"] for cause in causes}
        return {"person_id": str(person_id), "events": story_of(rows, types)}

    @router.get("/figures")
    async def figures(_: Reader) -> dict[str, object]:
        rows = await pool.fetch(COUNTS)
        by_source: dict[str, int] = {}
        by_type: dict[str, int] = {}
        for row in rows:
            by_source[row["source"]] = by_source.get(row["source"], 0) + row["count"]
            by_type[row["type"]] = by_type.get(row["type"], 0) + row["count"]
        (rest,) = await pool.fetch(FIGURES, OF_PERSONS)
        return {"events": by_source, "by_type": by_type, "conflicts": rest["conflicts"], "persons": rest["persons"]}

    return router


STORY = """
select source, sequence, event_id, type, stream_id, stream_version, happened_at, recorded_at, actor, correlation_id,
  causation_id, body
from heard where subject = $1 and not private
"""

TYPES = "select event_id, type from heard where event_id = any($1::uuid[])"

COUNTS = "select source, type, count(*) as count from heard group by source, type order by source, type"

FIGURES = """
select (select count(*) from conflicts) as conflicts,
  (select count(distinct subject) from heard where type = any($1::text[])) as persons
"""
