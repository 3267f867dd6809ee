"""Topics read from one place to another by a plain client without a group, in large batches."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from chassis.heard import RawRecord
from chassis.ledger import Place

AT_ONCE = 10_000
STALLED_SECONDS = 15.0
PARTITION_BYTES = 4 * 1024 * 1024


class NothingComes(Exception):
    """The broker gives nothing although there is more; ask again later."""


class BeginningGone(Exception):
    """The topic does not hold its beginning any more: it must be said again from the store (ops republish) before it can be read."""


@dataclass(frozen=True)
class Reading:
    """A client that reads what it is told to."""

    client: AIOKafkaConsumer

    async def between(
        self, begin: Mapping[Place, int], end: Mapping[Place, int], *, key: bytes | None = None
    ) -> AsyncIterator[tuple[int, list[list[RawRecord]]]]:
        """The records from `begin` (0 where it is silent) up to and without `end`: batch by batch how many were passed, and per partition
        those found, in order.

        key: only records of that key are found, the others are only passed.

        Raises:
            NothingComes, BeginningGone: see there.
        """
        left = {TopicPartition(*place): stop for place, stop in end.items() if begin.get(place, 0) < stop}
        if not left:
            return
        self.client.assign(list(left))
        for place in left:
            self.client.seek(place, begin.get((place.topic, place.partition), 0))
        heard_of = time.monotonic()
        while left:
            shares = [_until(records, left[place]) for place, records in (await self._more()).items() if place in left]
            if passed := sum(map(len, shares)):
                heard_of = time.monotonic()
                found = [[RawRecord.of(one) for one in share if key is None or one.key == key] for share in shares]
                yield passed, [share for share in found if share]
            elif time.monotonic() - heard_of > STALLED_SECONDS:
                raise NothingComes(f"the broker gives nothing of {', '.join(sorted({place.topic for place in left}))}")
            for place in [place for place, stop in left.items() if await self.client.position(place) >= stop]:
                del left[place]
                self.client.pause(place)

    async def _more(self) -> dict[TopicPartition, list[ConsumerRecord]]:
        try:
            return dict(await self.client.getmany(timeout_ms=500, max_records=AT_ONCE))
        except OffsetOutOfRangeError as gone:
            raise BeginningGone(", ".join(sorted({place.topic for place in gone.args[0]}))) from None


def _until(records: Sequence[ConsumerRecord], stop: int) -> Sequence[ConsumerRecord]:
    if not records or records[-1].offset < stop:
        return records
    return [one for one in records if one.offset < stop]


@asynccontextmanager
async def reading(bootstrap: str) -> AsyncIterator[Reading]:
    """A client for as long as the block lasts.

    Raises:
        aiokafka.errors.KafkaError: no broker answers.
    """
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap.split(","), group_id=None, enable_auto_commit=False, auto_offset_reset="none",
        isolation_level="read_uncommitted", max_partition_fetch_bytes=PARTITION_BYTES,
    )  # fmt: skip
    await client.start()
    try:
        yield Reading(client)
    finally:
        await client.stop()
