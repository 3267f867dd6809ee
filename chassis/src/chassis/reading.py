"""Topics read from one place to another by a plain client without a group, in large batches."""

import time
from collections.abc import AsyncIterator, Mapping
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
    ) -> AsyncIterator[tuple[int, list[RawRecord]]]:
        """Batches of the records from `begin` (0 where it is silent) up to and without `end`, with how many were passed to find them.

        key: only records of that key are given, the others are only passed.

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
            records = [one for one in await self._more() if one.offset < left.get(TopicPartition(one.topic, one.partition), 0)]
            if records:
                heard_of = time.monotonic()
                yield len(records), [RawRecord.of(one) for one in records if key is None or one.key == key]
            elif time.monotonic() - heard_of > STALLED_SECONDS:
                raise NothingComes(f"the broker gives nothing of {', '.join(sorted({place.topic for place in left}))}")
            for place in [place for place, stop in left.items() if await self.client.position(place) >= stop]:
                del left[place]
                self.client.pause(place)

    async def _more(self) -> list[ConsumerRecord]:
        try:
            found = await self.client.getmany(timeout_ms=500, max_records=AT_ONCE)
        except OffsetOutOfRangeError as gone:
            raise BeginningGone(", ".join(sorted({place.topic for place in gone.args[0]}))) from None
        return [one for share in found.values() for one in share]


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
