"""Where it is kept how far a campaign is, and which of its lines wait for a human."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from chassis.event_store import Connection

KEPT_REVIEWS = timedelta(days=30)


class ProgressLost(Exception):
    """The campaign stands elsewhere than this run left it: another run of it is at work."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far it is. last_line: of `leavers` lines those up to here are committed."""

    opened_event: UUID
    leavers: int
    last_line: int
    held: int
    rejected: int
    detected: int
    closed_at: datetime | None


@asynccontextmanager
async def alone(connection: Connection, campaign_id: UUID) -> AsyncIterator[None]:
    """Nobody else runs this campaign meanwhile; a killed run lets go with its connection.

    Raises:
        ProgressLost: somebody does.
    """
    key = int.from_bytes(campaign_id.bytes[:8], signed=True)
    if not await connection.fetchval("select pg_try_advisory_lock($1)", key):
        raise ProgressLost("another run of this campaign is at work")
    try:
        yield
    finally:
        await connection.fetchval("select pg_advisory_unlock($1)", key)


async def standing(connection: Connection, campaign_id: UUID) -> Standing | None:
    row = await connection.fetchrow(STANDING, campaign_id)
    return Standing(**dict(row)) if row else None


async def opened(connection: Connection, campaign_id: UUID, *, event: UUID, reference_date: date, leavers: int, at: datetime) -> None:
    await connection.execute(OPEN, campaign_id, event, reference_date, leavers, at)


async def keep_reviews(connection: Connection, campaign_id: UUID, reviews: Iterable[tuple[str, bytes]], at: datetime) -> None:
    """Reason and sealed cells, in the order of the match."""
    rows = [(campaign_id, number, reason, sealed, at) for number, (reason, sealed) in enumerate(reviews, start=1)]
    await connection.copy_records_to_table("campaign_review", records=rows, columns=("campaign_id", "number", "reason", "sealed", "at"))


async def forget_reviews(connection: Connection, now: datetime) -> None:
    """Lines that nobody looked at in 30 days go."""
    await connection.execute(FORGET, now - KEPT_REVIEWS)


async def advance(connection: Connection, campaign_id: UUID, *, after: int, to: int, held: int, rejected: int, detected: int) -> None:
    """Raises ProgressLost."""
    if await connection.execute(ADVANCE, campaign_id, after, to, held, rejected, detected) != "UPDATE 1":
        raise ProgressLost("another run of this campaign is at work")


async def close(connection: Connection, campaign_id: UUID, at: datetime) -> None:
    await connection.execute(CLOSE, campaign_id, at)


STANDING = """
select opened_event, leavers, last_line, held, rejected, detected, closed_at from campaign where campaign_id = $1
"""
OPEN = "insert into campaign (campaign_id, opened_event, reference_date, leavers, opened_at) values ($1, $2, $3, $4, $5)"
ADVANCE = """
update campaign set last_line = $3, held = held + $4, rejected = rejected + $5, detected = detected + $6
where campaign_id = $1 and last_line = $2
"""
CLOSE = "update campaign set closed_at = $2 where campaign_id = $1"
FORGET = "delete from campaign_review where at < $1"
