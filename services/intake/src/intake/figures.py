"""The figures of the whole, or of some départements: incomplete where a source is silent, an establishment missed or a list held."""

from collections.abc import Sequence
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Query

from chassis.callers import Caller, require
from contracts.fields import Departement

Onlooker = Annotated[Caller, Depends(require("ops", "analyst"))]
Departements = Annotated[list[Departement], Query(max_length=110)]


def figure_routes(pool: asyncpg.Pool) -> APIRouter:
    router = APIRouter()

    @router.get("/figures")
    async def figures(_: Onlooker, departement: Departements = []) -> dict[str, object]:  # noqa: B006 -- FastAPI copies it
        return await _figures(pool, departement)

    return router


async def _figures(pool: asyncpg.Pool, departements: Sequence[str]) -> dict[str, object]:
    """None is all. A territory in which no source was ever heard is incomplete too: nobody said that nobody dropped out."""
    places, prefixes = (departements or None), ([uai_prefix_of(one) for one in departements] or None)
    (lists,), (dropouts,) = await pool.fetch(LIST_FIGURES, places), await pool.fetch(DROPOUT_FIGURES, places)
    (known,), silent = await pool.fetch(KNOWN, prefixes), await pool.fetch(SILENT, prefixes)
    missed = await pool.fetch(MISSED, prefixes)
    flags = {name: dropouts[name] for name in ("l313_7_only", "obligation_only", "both")}
    return {
        **dict(lists), "detections": dropouts["detections"], "withdrawn": dropouts["withdrawn"], "by_flags": flags,
        "complete": known["sources"] > 0 and not (silent or missed or known["held_lists"]),
        **dict(known), "silent": [dict(row) for row in silent], "missed": [dict(row) for row in missed],
    }  # fmt: skip


def uai_prefix_of(departement: str) -> str:
    """The first three characters of the UAI of a département's establishments (DOMAIN 5.1)."""
    return {"2A": "620", "2B": "720"}.get(departement, departement.zfill(3))


LIST_FIGURES = """
select count(*) as lists, coalesce(sum(lines), 0)::bigint as lines, coalesce(sum(accepted), 0)::bigint as accepted,
  coalesce(sum(accepted_with_remarks), 0)::bigint as accepted_with_remarks, coalesce(sum(rejected), 0)::bigint as rejected,
  coalesce(sum(held), 0)::bigint as held, coalesce(sum(not_kept), 0)::bigint as not_kept
from list_totals where $1::text[] is null or departement = any($1)
"""

DROPOUT_FIGURES = """
select count(*) as detections, count(*) filter (where withdrawn) as withdrawn,
  count(*) filter (where l313_7 and not obligation_formation) as l313_7_only,
  count(*) filter (where obligation_formation and not l313_7) as obligation_only,
  count(*) filter (where l313_7 and obligation_formation) as both
from dropouts where $1::text[] is null or departement = any($1)
"""

KNOWN = """
select count(distinct (s.sender, s.format, s.content)) filter (where h.list_id is null or h.decision = 'released') as sources,
  count(*) filter (where h.list_id is not null and h.decision is null) as held_lists
from list_source s left join held_list h using (list_id)
where $1::text[] is null or left(s.sender, 3) = any($1) or exists (
  select from sender_establishment e where e.sender = s.sender and e.format = s.format and left(e.uai, 3) = any($1)
)
"""

MISSED = """
select c.uai, l.sender, c.format, c.reference_date as last_told from complete_list c join lists l using (list_id)
where c.missed_in is not null and ($1::text[] is null or left(c.uai, 3) = any($1))
  and exists (select from roster r where r.list_id = c.list_id and r.uai = c.uai)
  and not exists (select from complete_list n where n.format = c.format and n.uai = c.uai and n.reference_date > c.reference_date)
order by c.uai, c.format, l.sender
"""

SILENT = """
select s.sender, s.format, s.content, s.heard_on, s.silent_after from sources s
where s.silent and ($1::text[] is null or left(s.sender, 3) = any($1) or exists (
  select from sender_establishment e where e.sender = s.sender and e.format = s.format and left(e.uai, 3) = any($1)
)) order by s.source
"""
