"""On which lines of a campaign do an establishment's former pupils stand? Whoever names somebody that left it learns the line, and no more.

An establishment did not send a campaign's list, so the lines of its return information say nothing to it until it has asked this.
Nothing is opened: what it says of its leavers is compared by the keyed digests by which persons are recognised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from chassis.callers import Caller, require
from chassis.event_store import Connection
from chassis.http import WrittenDay
from chassis.keyring import Keyring
from chassis.problems import Problem
from contracts.intake import ExitSeen
from contracts.personal import Identity
from intake import persons
from intake.cleaning import ine_of, name_of
from intake.formats.cells import CELL_LIMIT
from intake.identity import Digests, Known, resolve

AT_ONCE = 500

Sender = Annotated[Caller, Depends(require("sender"))]
Cell = Annotated[str, Field(max_length=CELL_LIMIT)]


class Leaver(BaseModel):
    """One who left, as the establishment knows them. Its repr shows no value, so that no log or traceback can."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ine: Cell = ""
    nom: Cell
    prenom: Cell
    date_naissance: WrittenDay
    commune_naissance: Cell = ""

    def __repr__(self) -> str:
        return "Leaver(…)"


class LeaversBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    leavers: Annotated[tuple[Leaver, ...], Field(min_length=1, max_length=AT_ONCE)]


@dataclass(frozen=True, kw_only=True)
class CampaignLines:
    """What the question needs."""

    pool: asyncpg.Pool
    keyring: Keyring
    digests: Digests

    async def of(self, leavers: Sequence[Leaver], uai: str) -> list[list[dict[str, object]]]:
        """Of each leaver, in the order asked: the lines that say that they left this establishment; of whoever was erased nothing."""
        async with self.pool.acquire() as connection:
            known = await self._known(connection, leavers)
            erased = await self.keyring.erased([one for one in known if one is not None])
            streams = {f"person-{one}": one for one in known if one is not None and one not in erased}
            rows = await connection.fetch(EXITS, list(streams), ExitSeen.wire_type(), uai)
        found: dict[UUID, list[dict[str, object]]] = {one: [] for one in streams.values()}
        for row in rows:
            found[streams[row["stream_id"]]].append({"list_id": row["list_id"], "line": row["line"]})
        return [found.get(one, []) if one is not None else [] for one in known]

    async def _known(self, connection: Connection, leavers: Sequence[Leaver]) -> list[UUID | None]:
        tokens = [self.digests.tokens(identity) if (identity := _identity(one)) else None for one in leavers]
        register = await persons.looked_up(connection, [one for one in tokens if one is not None])
        meant = [resolve(one, register) if one is not None else None for one in tokens]
        return [one.person_id if isinstance(one, Known) else None for one in meant]


def _identity(leaver: Leaver) -> Identity | None:
    """As a line's would be read; none where a name is no name."""
    family, first = name_of(leaver.nom), name_of(leaver.prenom)
    if family is None or first is None:
        return None
    return Identity(
        ine=ine_of(leaver.ine), family_name=family, first_names=(first,), birth_date=leaver.date_naissance,
        birth_commune=leaver.commune_naissance or None,
    )  # fmt: skip


def campaign_line_routes(lines: CampaignLines) -> APIRouter:
    router = APIRouter()

    @router.post("/campaign-lines")
    async def ask(body: LeaversBody, caller: Sender) -> dict[str, object]:
        if caller.uai is None:
            raise Problem(403, "This token names no establishment", "ask for a token that carries the sender's UAI", "OUT_OF_MANDATE")
        return {"lines": await lines.of(body.leavers, caller.uai)}

    return router


EXITS = """
select stream_id, seen->>'list_id' as list_id, (seen->>'line')::int as line
from (
  select stream_id, stream_version, convert_from(body, 'utf8')::jsonb as seen from events where stream_id = any($1::text[]) and type = $2
) said
where seen->>'origin' = 'campaign' and seen->>'uai' = $3
order by stream_id, stream_version
"""
