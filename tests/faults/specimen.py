"""The service under fire, built as every service is: one command, one projection, one policy; `python -m faults.specimen`."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
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

SEATS = 40
BAD_OFFER = "bad"


@dataclass(frozen=True, kw_only=True)
class HoldSeat:
    offer_id: str


@dataclass(frozen=True, kw_only=True)
class Counted:
    offer_id: str
    times: int
    last: int


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    offer_id: str


def _hold(held: int, command: HoldSeat) -> Sequence[SeatsChanged]:
    if command.offer_id.startswith("one--") and held >= 1:
        raise Refused("the only seat is taken")
    if held >= SEATS:
        raise Refused("no seat is free")
    return [SeatsChanged(offer_id=command.offer_id, held=held + 1, free=SEATS - 1 - held, because="referral_made")]


def _count(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
    event = heard.event
    if event.offer_id == BAD_OFFER and event.held == 3:
        raise ZeroDivisionError("the handler's bug")
    return Counted(offer_id=event.offer_id, times=(row.times if row else 0) + 1, last=event.held)


COUNTED = Projection(
    table="counted", row=Counted, key_column="offer_id", hears=(SeatsChanged,), key=lambda event: event.offer_id, apply=_count
)


def build(basics: Basics) -> Parts:
    decider: Decider[HoldSeat, int, SeatsChanged] = Decider(
        initial=0, evolve=lambda _, event: event.held, decide=_hold, streams=lambda command: (f"offer-{command.offer_id}",)
    )
    handler = Handler(decider=decider, store=basics.store, pool=basics.app, committed=basics.wake)
    consumer = os.environ.get("SPECIMEN_CONSUMER", "specimen")
    shown = (COUNTED,) if consumer == "specimen" else ()  # two consumers would count into one table
    subscription = Subscription(consumer=consumer, actor="/raccroche/offers", speakers=("offers",), projections=shown)
    return Parts(subscription=subscription, routers=(_routes(handler),), workers=_stalls())


def _routes(handler: Handler[HoldSeat, int, SeatsChanged]) -> APIRouter:
    router = APIRouter()

    @router.post("/hold")
    async def hold(wish: Wish, request: Request, key: IdempotencyKey, caller: Annotated[Caller, Depends(require("ops"))]) -> Response:
        return await carry_out(handler, HoldSeat(offer_id=wish.offer_id), request=request, caller=caller, key=key)

    return router


def _stalls() -> tuple[Any, ...]:
    """What SPECIMEN_STALL names, from five seconds after the start: the silent states that client libraries are known for."""
    stall = os.environ.get("SPECIMEN_STALL")
    if stall is None:
        return ()

    async def spin() -> None:
        await asyncio.sleep(5)
        while True:
            time.sleep(0)

    async def mute() -> None:
        from aiokafka import AIOKafkaConsumer

        async def never(*_: object, **__: object) -> dict[object, object]:
            await asyncio.Event().wait()
            return {}

        await asyncio.sleep(5)
        AIOKafkaConsumer.getmany = never
        await asyncio.Event().wait()

    async def stuck() -> None:
        async def never(*_: object, **__: object) -> None:
            await asyncio.Event().wait()

        await asyncio.sleep(5)
        Projection.fold = never  # type: ignore[method-assign]
        await asyncio.Event().wait()

    return ({"spin": spin, "mute": mute, "stuck": stuck}[stall],)


assert UUID  # the type behind IdempotencyKey, which FastAPI resolves by name

if __name__ == "__main__":
    run("offers", settings_from(os.environ), build)
