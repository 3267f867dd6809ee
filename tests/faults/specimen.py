"""The service under fire, built as every service is: one command, one projection; `python -m faults.specimen`."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from chassis.callers import Caller, require
from chassis.decider import Decider, Refused
from chassis.handler import Handler
from chassis.heard import Heard
from chassis.http import IdempotencyKey, carry_out
from chassis.projection import Projection
from chassis.service import Basics, Parts, run, settings_from
from chassis.subscription import Subscription
from contracts.offers import SeatsChanged
from faults.stalls import name_the_member, stalls
from history.witness import keep

SEATS = 40
BAD_OFFER = "bad"


@dataclass(frozen=True, kw_only=True)
class HoldSeat:
    offer_id: str


@dataclass(frozen=True, kw_only=True)
class Counted:
    """trail: SHA-256 over the one before and the event's id, so that a changed order shows."""

    offer_id: str
    times: int
    last: int
    trail: str


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    offer_id: str


def _hold(held: int, command: HoldSeat) -> Sequence[SeatsChanged]:
    if command.offer_id.startswith("one--") and held >= 1:
        raise Refused("the only seat is taken")
    if held >= SEATS:
        raise Refused("no seat is free")
    return [SeatsChanged(offer_id=command.offer_id, held=held + 1, free=SEATS - 1 - held, because="referral_made")]


def _count_mended(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
    trail = hashlib.sha256(f"{row.trail if row else ''}{heard.envelope.attributes.id}".encode()).hexdigest()
    return Counted(offer_id=heard.event.offer_id, times=(row.times if row else 0) + 1, last=heard.event.held, trail=trail)


def _count(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
    if heard.event.offer_id == BAD_OFFER and heard.event.held == 3:
        raise ZeroDivisionError("the handler's bug")
    return _count_mended(row, heard)


def counted(table: str, *, mended: bool) -> Projection[Counted]:
    return Projection(
        table=table,
        row=Counted,
        key_column="offer_id",
        hears=(SeatsChanged,),
        key=lambda event: event.offer_id,
        apply=_count_mended if mended else _count,
    )


def build(basics: Basics) -> Parts:
    """SPECIMEN_CONSUMER: its name. SPECIMEN_TABLE: where it counts, empty for nowhere.

    SPECIMEN_MENDED: without the handler's bug. SPECIMEN_WITNESS: keep all as history does.
    """
    decider: Decider[HoldSeat, int, SeatsChanged] = Decider(
        initial=0, evolve=lambda _, event: event.held, decide=_hold, streams=lambda command: (f"offer-{command.offer_id}",)
    )
    handler = Handler(decider=decider, store=basics.store, pool=basics.app, committed=basics.wake)
    table = os.environ.get("SPECIMEN_TABLE", "counted")
    subscription = Subscription(
        consumer=os.environ.get("SPECIMEN_CONSUMER", "specimen"), actor="/raccroche/offers", speakers=("offers",),
        projections=(counted(table, mended="SPECIMEN_MENDED" in os.environ),) if table else (),
        witnesses=(keep,) if os.environ.get("SPECIMEN_WITNESS") else (),
    )  # fmt: skip
    name_the_member()
    return Parts(subscription=subscription, routers=(_routes(handler),), workers=stalls())


def _routes(handler: Handler[HoldSeat, int, SeatsChanged]) -> APIRouter:
    router = APIRouter()

    @router.post("/hold")
    async def hold(wish: Wish, request: Request, key: IdempotencyKey, caller: Annotated[Caller, Depends(require("ops"))]) -> Response:
        return await carry_out(handler, HoldSeat(offer_id=wish.offer_id), request=request, caller=caller, key=key)

    return router


assert UUID  # the type behind IdempotencyKey, which FastAPI resolves by name


def main() -> None:
    run("offers", settings_from(os.environ), build)


if __name__ == "__main__":
    main()
