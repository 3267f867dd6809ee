"""What happened to one young person, in which order, who did it, when we knew, what caused it? Pure: from rows to a story."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import orjson

from contracts.envelope import rfc3339


@dataclass(frozen=True, kw_only=True)
class HeardRow:
    """What the story needs of one row of `heard`."""

    source: str
    sequence: int
    event_id: UUID
    type: str
    stream_id: str
    stream_version: int
    happened_at: datetime
    recorded_at: datetime
    actor: str
    correlation_id: UUID
    causation_id: UUID | None
    body: bytes


class Cause(TypedDict):
    type: str
    id: str


class StoryEvent(TypedDict):
    """`time`: when it happened. `recordedtime`: when we knew."""

    sequence: int
    source: str
    type: str
    time: str
    recordedtime: str
    actor: str
    causationid: str | None
    correlationid: str
    id: str
    stream: str
    version: int
    cause: Cause | None
    body: object


def story_of(rows: Sequence[HeardRow], types: Mapping[UUID, str]) -> list[StoryEvent]:
    """In the order in which we knew. types: what the events that caused these are called, as far as they were heard."""
    in_order = sorted(rows, key=lambda row: (row.recorded_at, row.source, row.sequence))
    return [_told(row, types) for row in in_order]


def _told(row: HeardRow, types: Mapping[UUID, str]) -> StoryEvent:
    return StoryEvent(
        sequence=row.sequence,
        source=row.source,
        type=row.type,
        time=rfc3339(row.happened_at),
        recordedtime=rfc3339(row.recorded_at),
        actor=row.actor,
        causationid=None if row.causation_id is None else str(row.causation_id),
        correlationid=str(row.correlation_id),
        id=str(row.event_id),
        stream=row.stream_id,
        version=row.stream_version,
        cause=_cause(row.causation_id, types),
        body=orjson.loads(row.body),
    )


def _cause(causation_id: UUID | None, types: Mapping[UUID, str]) -> Cause | None:
    if causation_id is None or causation_id not in types:
        return None
    return Cause(type=types[causation_id], id=str(causation_id))
