"""The figures of the whole, or of some départements: incomplete where a source is silent, an establishment missed or a list held."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends

from chassis.callers import Caller, require
from chassis.clock import Clock
from intake.cleaning import uai_prefix_of
from intake.small_cells import Table, exact_sums, sums_of
from intake.territory import Territory, territory_at

Onlooker = Annotated[Caller, Depends(require("ops", "analyst"))]
OF_LISTS = ("lines", "accepted", "accepted_with_remarks", "rejected", "held", "not_kept")
FLAGS = ("l313_7_only", "obligation_only", "both")
OF_SOURCES = ("complete", "sources", "held_lists", "silent", "missed")
OF_DROPOUTS = ("detections", "withdrawn", *FLAGS)


def figure_routes(pool: asyncpg.Pool, clock: Clock) -> APIRouter:
    router = APIRouter()
    of_where = territory_at(clock)

    @router.get("/figures")
    async def figures(caller: Onlooker, territory: Annotated[Territory, Depends(of_where)]) -> dict[str, object]:
        """All of it to ops; to an analyst, of a territory, nothing that is small or would give a small count away."""
        return await _figures(pool, territory, exact=caller.role == "ops")

    return router


async def _figures(pool: asyncpg.Pool, places: Territory, *, exact: bool) -> dict[str, object]:
    """None is all. A territory in which no source was ever heard is incomplete too: nobody said that nobody dropped out.

    Where the lines are hidden, so are lists and sources: where there are none, nobody is counted.
    """
    prefixes = [uai_prefix_of(one) for one in places] if places else None
    lists, dropouts = await _table(pool, LIST_FIGURES), await dropout_table(pool)
    told = exact_sums(dropouts, places) if exact else sums_of(dropouts, OF_DROPOUTS, places)
    of_lists = exact_sums(lists, places) if exact else sums_of_lists(lists, places)
    figures: dict[str, object] = {
        **{name: of_lists[name] for name in ("lists", *OF_LISTS)},
        "detections": told["detections"], "withdrawn": told["withdrawn"], "by_flags": {name: told[name] for name in FLAGS},
    }  # fmt: skip
    if of_lists["lists"] is None:
        return figures | dict.fromkeys(OF_SOURCES)
    (known,), silent = await pool.fetch(KNOWN, prefixes), await pool.fetch(SILENT, prefixes)
    missed = await pool.fetch(MISSED, prefixes)
    return figures | {
        "complete": known["sources"] > 0 and not (silent or missed or known["held_lists"]),
        **dict(known), "silent": [dict(row) for row in silent], "missed": [dict(row) for row in missed],
    }  # fmt: skip


def sums_of_lists(table: Table, places: Territory) -> dict[str, int | None]:
    """How many lists is nobody's secret, but is hidden with their lines: a list in no other département says whose the lines are."""
    lines: Table = {place: {column: row[column] for column in OF_LISTS} for place, row in table.items()}
    told = sums_of(lines, OF_LISTS, places)
    return {"lists": None if told["lines"] is None else exact_sums(table, places)["lists"], **told}


async def dropout_table(pool: asyncpg.Pool) -> Table:
    return await _table(pool, DROPOUT_FIGURES)


async def _table(pool: asyncpg.Pool, query: str) -> Table:
    """Of each département its counts; of lists without one, under no name."""
    return {
        row["departement"] or "": {name: count for name, count in row.items() if name != "departement"} for row in await pool.fetch(query)
    }


LIST_FIGURES = """
select departement, count(*) as lists, coalesce(sum(lines), 0)::bigint as lines, coalesce(sum(accepted), 0)::bigint as accepted,
  coalesce(sum(accepted_with_remarks), 0)::bigint as accepted_with_remarks, coalesce(sum(rejected), 0)::bigint as rejected,
  coalesce(sum(held), 0)::bigint as held, coalesce(sum(not_kept), 0)::bigint as not_kept
from list_totals group by departement
"""

DROPOUT_FIGURES = """
select departement, count(*) as detections,
  count(*) filter (where withdrawn) as withdrawn, count(*) filter (where not withdrawn) as standing,
  count(*) filter (where l313_7 and not obligation_formation) as l313_7_only,
  count(*) filter (where obligation_formation and not l313_7) as obligation_only,
  count(*) filter (where l313_7 and obligation_formation) as both
from dropouts group by departement
"""
"""`standing` is not told; it would follow from the others where it is small."""

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
