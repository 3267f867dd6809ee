"""What was set aside, for those who must decide about it: never a body, and never gone without a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.event_store import Connection


@dataclass(frozen=True, kw_only=True)
class Parked:
    """One record that was set aside. because: why a human set it aside for good; resolved_at without it: its effect was had."""

    id: int
    topic: str
    partition: int
    offset: int
    type: str | None
    subject: str | None
    reason: str
    attempts: int
    at: datetime
    resolved_at: datetime | None
    because: str | None


async def parked(connection: Connection, consumer: str, *, subject: str | None = None, resolved_too: bool = False) -> list[Parked]:
    """In the order in which they were set aside."""
    return [Parked(**row) for row in await connection.fetch(PARKED, consumer, subject, resolved_too)]


async def discard(connection: Connection, consumer: str, row: int, *, because: str, now: datetime) -> bool:
    """Set one aside for good; False where no such record waits for a decision."""
    return await connection.fetchval(DISCARD, consumer, row, because, now) is not None


async def counts(connection: Connection, consumer: str, topics: Sequence[str]) -> tuple[int, int]:
    """How many of these topics are set aside without a decision, and how many records wait for an earlier fact."""
    (row,) = await connection.fetch(COUNTS, consumer, list(topics))
    return row["parked"], row["waiting"]


PARKED = """
select id, topic, partition, record_offset as offset, event_type as type, subject, reason, attempts, at, resolved_at, because
from parked where consumer = $1 and ($2::text is null or subject = $2) and ($3 or resolved_at is null) order by id
"""

DISCARD = """
update parked set resolved_at = $4, because = $3 where consumer = $1 and id = $2 and resolved_at is null returning id
"""

COUNTS = """
select
  (select count(*) from parked where consumer = $1 and topic = any($2::text[]) and resolved_at is null) as parked,
  (select count(*) from waiting where consumer = $1) as waiting
"""
