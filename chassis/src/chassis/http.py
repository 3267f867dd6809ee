"""How a command comes by HTTP: an Idempotency-Key, one handler, and the answer that was stored the first time."""

import re
from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import Header, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from chassis.callers import Caller
from chassis.decider import Trace, asked
from chassis.handler import Handler
from chassis.problems import Problem
from chassis.telemetry import current_traceparent

IdempotencyKey = Annotated[UUID, Header(alias="Idempotency-Key")]


def _written(day: object) -> object:
    if not isinstance(day, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day, re.ASCII):
        raise ValueError("a day is written as 2026-01-31")
    return day


WrittenDay = Annotated[date, BeforeValidator(_written)]
"""A day that a caller names. By itself pydantic would also take a number, or its digits, as the seconds since 1970."""


def route_of(request: Request) -> str:
    """Method and path: what, beside actor and key, makes a command the same command."""
    return f"{request.method} {request.scope['path']}"


def command_id_of(caller: Caller, request: Request, key: UUID) -> UUID:
    """The id that the command will have: for ids inside the command that derive from it."""
    return uuid5(key, f"{caller.actor} {route_of(request)}")


def current_trace() -> Trace:
    """The trace context of the request in hand, to be stored with what follows from it."""
    traceparent, tracestate = current_traceparent()
    return Trace(traceparent=traceparent, tracestate=tracestate)


async def carry_out[C](
    handler: Handler[C, Any, Any],  # whatever its states and events are
    command: C,
    *,
    request: Request,
    caller: Caller,
    key: UUID,
    status: int = 201,
) -> Response:
    """Handle the command; the stored answer, byte for byte, when it was done, now or before.

    Raises:
        Problem: 409 with the domain's reason. KeyReused (422), TryAgain (503): answered by chassis.problems.
    """
    wish = asked(command, key=key, actor=caller.actor, route=route_of(request), body=await request.body(), trace=current_trace())
    outcome = await handler.handle(wish)
    match outcome.status:
        case "done":
            return Response(outcome.answer, status_code=status, media_type="application/json")
        case "refused":
            raise Problem(409, "Refused", outcome.reason or "", "REFUSED")
