"""What a rebuild would do: read so much, replace so much; nothing is written to find out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from chassis.parked import counts
from chassis.projection import Projection
from chassis.subscription import Subscription
from contracts.catalogue import topic_of

RECORDS_PER_SECOND = 20_000
"""As `make bench ARGS=rebuilding` shows on two cores, rounded down."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """records: by topic, up to the live consumer's marks. heard_before: by a rebuild that was killed, which would go on from there."""

    records: Mapping[str, int]
    heard_before: int
    rows: int
    bytes: int
    parked: int
    waiting: int

    @property
    def seconds(self) -> float:
        return (sum(self.records.values()) - self.heard_before) / RECORDS_PER_SECOND


async def plan(pool: asyncpg.Pool, live: Subscription, projection: Projection[Any], apart: Subscription) -> Plan:
    """Ask the database, at one instant. apart: what would hear the projection again."""
    topics = [topic_of(speaker) for speaker in apart.speakers]
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        marks = {row["topic"]: row["heard"] for row in await connection.fetch(HEARD, live.consumer, topics)}
        before = await connection.fetch(HEARD, apart.consumer, topics)
        rows = await connection.fetchval(f"select count(*) from public.{projection.table}")
        size = await connection.fetchval("select pg_total_relation_size(format('public.%I', $1::text)::regclass)", projection.table)
        aside, waiting = await counts(connection, live.consumer, topics)
    return Plan(
        records={topic: int(marks.get(topic, 0)) for topic in topics}, heard_before=sum(int(row["heard"]) for row in before), rows=rows,
        bytes=size, parked=aside, waiting=waiting,
    )  # fmt: skip


HEARD = "select topic, sum(next_offset) as heard from marks where consumer = $1 and topic = any($2::text[]) group by topic"
