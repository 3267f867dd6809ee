"""What an establishment may ask of transmission: what became of those whom it reported, period by period, as a file."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from chassis.callers import Caller, require
from chassis.keyring import Erased, Keyring
from chassis.problems import Problem
from contracts.transmission import Period
from transmission.domain.returns import return_id_of
from transmission.returning import KEY_CLASS, KEY_FIELD

Sender = Annotated[Caller, Depends(require("sender"))]
OfPeriod = Annotated[Period, Path()]


def return_routes(pool: asyncpg.Pool, keyring: Keyring) -> APIRouter:
    router = APIRouter()

    @router.get("/returns")
    async def returns(caller: Sender) -> dict[str, object]:
        """Newest first; only the newest file can still be fetched, since it replaces the others."""
        rows = await pool.fetch(RETURNS, _establishment(caller))
        return {"returns": [dict(row) for row in rows]}

    @router.get("/returns/{period}.csv")
    async def file(period: OfPeriod, caller: Sender) -> Response:
        uai = _establishment(caller)
        sealed = await pool.fetchval(FILE, uai, period)
        if sealed is None and await pool.fetchval(WAS_SENT, uai, period):
            raise _replaced()
        if sealed is None:
            raise Problem(404, "Not found", "No return information was sent to this establishment for that period.", "NO_RETURN")
        owner = return_id_of(uai, period)
        keys = (await keyring.keys([owner]))[owner]
        try:
            opened = keys.open_bytes(KEY_CLASS, KEY_FIELD, sealed)
        except Erased:  # between the two readings
            raise _replaced() from None
        named = {"Content-Disposition": f'attachment; filename="retour-{period}.csv"'}
        return Response(opened, media_type="text/csv; charset=utf-8", headers=named)

    return router


def _replaced() -> Problem:
    return Problem(410, "Replaced", "A newer file replaces this one: see /returns.", "REPLACED")


def _establishment(caller: Caller) -> str:
    if caller.uai is None:
        raise Problem(403, "Not allowed", "This token names no establishment: ask for one that carries the sender's UAI.", "OUT_OF_MANDATE")
    return caller.uai


RETURNS = """
select r.period, r.until, r.lines, r.sealed_sha256, f.period is not distinct from r.period as current
from returns r left join return_files f on f.uai = r.uai
where r.uai = $1 order by r.period desc
"""

FILE = "select sealed from return_files where uai = $1 and period = $2"

WAS_SENT = "select exists (select from returns where uai = $1 and period = $2)"
