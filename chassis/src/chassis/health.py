"""Health, readiness and lag: alive means the loop turns, ready means work would succeed now, lag says what is still to do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from chassis.callers import Caller, opened, require
from chassis.clock import Clock
from chassis.consumer import Consumer, NotConnected
from chassis.event_store import Connection
from chassis.problems import RETRY_SECONDS, Problem
from chassis.relay import Relay

ASK_SECONDS = 2.0


@dataclass(frozen=True)
class Health:
    """What the questions are asked of; no relay where the service says nothing."""

    app: asyncpg.Pool
    consumer: Consumer
    relay: Relay | None
    pending: Callable[[Connection], Awaitable[int]]
    clock: Clock

    async def unready(self) -> list[str]:
        """What is missing for work to succeed now."""
        missing = [] if self.consumer.assigned else ["no partitions are assigned yet"]
        if self.relay is not None and not self.relay.alive:
            missing.append("the relay does not run")
        try:
            await self.app.fetchval("select 1", timeout=ASK_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            missing.append("the database does not answer")
        return missing

    async def lag(self) -> dict[str, int]:
        """Everything that is still to do, as counts.

        Raises:
            Problem: 503, what is left to hear cannot be told now.
        """
        async with self.app.acquire() as connection:
            (row,) = await connection.fetch(TO_DO, self.consumer.subscription.consumer, self.clock.now())
            pending = await self.pending(connection)
        return {**dict(row), "lag": await self._left_to_hear(), "pending": pending}

    async def _left_to_hear(self) -> int:
        try:
            return await self.consumer.lag()
        except NotConnected:
            detail = "What is left to hear cannot be told: this service is not connected to the broker yet, or not any more. Ask again."
            raise Problem(503, "Not connected", detail, "NOT_CONNECTED", headers={"Retry-After": RETRY_SECONDS}) from None


def health_routes(health: Health) -> APIRouter:
    router = APIRouter()

    @router.get("/health")
    @opened
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/ready")
    @opened
    async def ready() -> JSONResponse:
        missing = await health.unready()
        return JSONResponse({"ready": not missing, "missing": missing}, status_code=503 if missing else 200)

    @router.get("/lag")
    async def lag(_: Annotated[Caller, Depends(require("ops"))]) -> dict[str, int]:
        return await health.lag()

    return router


TO_DO = """
select
  (select count(*) from outbox) as outbox,
  (select count(*) from waiting where consumer = $1) as waiting,
  (select count(*) from parked where consumer = $1 and resolved_at is null) as parked,
  (select count(*) from timers where fired_at is null and due_at <= $2) as timers_due
"""
