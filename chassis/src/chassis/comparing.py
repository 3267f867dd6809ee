"""Two tables of one projection, row by row by hash."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chassis.event_store import Connection
from chassis.projection import Projection

NAMED = 20

type Kind = Literal["equal", "only live", "only rebuilt", "different"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Rows by what they are. named: up to twenty keys of rows that are not equal, each with what it is."""

    equal: int
    only_live: int
    only_rebuilt: int
    different: int
    named: tuple[tuple[str, Kind], ...]

    @property
    def differ(self) -> bool:
        return bool(self.only_live or self.only_rebuilt or self.different)

    @classmethod
    def counted(cls, counts: Mapping[str, int], named: Sequence[tuple[str, Kind]]) -> "Comparison":
        return cls(
            equal=counts.get("equal", 0), only_live=counts.get("only live", 0), only_rebuilt=counts.get("only rebuilt", 0),
            different=counts.get("different", 0), named=tuple(named[:NAMED]),
        )  # fmt: skip


async def compare(connection: Connection, live: Projection[Any], rebuilt: Projection[Any]) -> Comparison:
    """Count and name; both tables must stand still, which is the caller's care."""
    rows = await connection.fetch(
        COMPARE.format(key=live.key_column, row=", ".join(live.columns), live=live.table, rebuilt=rebuilt.table), NAMED
    )
    named = [(key, row["kind"]) for row in rows if row["kind"] != "equal" for key in row["keys"]]
    return Comparison.counted({row["kind"]: row["count"] for row in rows}, named)


def compared(live: Mapping[object, object], rebuilt: Mapping[object, object]) -> Comparison:
    """The same of rows in memory."""
    kinds = {key: _kind(live.get(key), rebuilt.get(key)) for key in live.keys() | rebuilt.keys()}
    return Comparison.counted(Counter(kinds.values()), sorted((str(key), kind) for key, kind in kinds.items() if kind != "equal"))


def _kind(live: object, rebuilt: object) -> Kind:
    if live == rebuilt:
        return "equal"
    return "only rebuilt" if live is None else "only live" if rebuilt is None else "different"


COMPARE = """
with live as (select {key} as key, md5(row({row})::text) as hash from public.{live}),
rebuilt as (select {key} as key, md5(row({row})::text) as hash from {rebuilt}),
compared as (
  select key, case when live.hash = rebuilt.hash then 'equal' when rebuilt.hash is null then 'only live'
    when live.hash is null then 'only rebuilt' else 'different' end as kind
  from live full outer join rebuilt using (key)
)
select kind, count(*) as count,
  case when kind = 'equal' then '{{}}'::text[] else (array_agg(key::text order by key))[1:$1] end as keys
from compared group by kind order by kind
"""
