"""A broker in memory: partitions with a leader and a follower, producers whose batches are on the wire, replies that get lost."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import orjson
from aiokafka.errors import KafkaConnectionError

from chassis.heard import RawRecord
from chassis.outbox import Entry
from contracts.envelope import to_headers

TOPIC = "raccroche.offers"
PARTITIONS = 3
BEHIND_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Written:
    """One record on the leader's log."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(kw_only=True)
class Broker:
    """acks: `all` waits for the follower; `1` does not (a mutant). key_of: what chooses the partition (the subject).

    in_sync_is_enough: a follower that falls behind is waited for no longer (min.insync.replicas=1, a mutant).
    """

    delay: Callable[[], float]
    strikes: Callable[[str], bool]
    acks: str = "all"
    in_sync_is_enough: bool = False
    key_of: Callable[[Entry], str] = lambda entry: entry.subject
    log: list[list[Written]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    copied: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    wire: set[asyncio.Task[None]] = field(default_factory=set)

    def partition_of(self, key: str) -> int:
        return zlib.crc32(key.encode()) % PARTITIONS

    async def write(self, partition: int, records: Sequence[Written]) -> bool:
        """Append on the leader; whether the record was there, as far as the chosen acks say, when the reply was sent."""
        log = self.log[partition]
        log.extend(records)
        behind = self.strikes("follower behind")
        copying = asyncio.create_task(self._copy(partition, len(log), BEHIND_SECONDS if behind else self.delay()))
        self.keep(copying)
        if self.acks == "all" and not (behind and self.in_sync_is_enough):
            await asyncio.shield(copying)
            return self.log[partition] is log
        return True

    async def _copy(self, partition: int, end: int, delay: float) -> None:
        log = self.log[partition]
        await asyncio.sleep(delay)
        if self.log[partition] is log:
            self.copied[partition] = max(self.copied[partition], end)

    def lose_leader(self, partition: int) -> int:
        """The follower takes over with what it has; how many records were not copied yet."""
        lost = len(self.log[partition]) - self.copied[partition]
        self.log[partition] = self.log[partition][: self.copied[partition]]
        return lost

    def read(self, partition: int, offset: int, limit: int) -> list[RawRecord]:
        """Readers see what is copied, as Kafka's do below the high watermark."""
        found = self.log[partition][offset : min(offset + limit, self.copied[partition])]
        return [
            RawRecord(topic=TOPIC, partition=partition, offset=offset + place, key=one.key, value=one.value, headers=one.headers)
            for place, one in enumerate(found)
        ]

    def keep(self, task: asyncio.Task[None]) -> None:
        self.wire.add(task)
        task.add_done_callback(self.wire.discard)


@dataclass(kw_only=True)
class MemoryVoice:
    """Port `Voice` of the relay: batches of a partition go one after the other, and none passes one that failed.

    in_flight: how many batches of a partition may be on the wire at once; 2 without idempotence lets one pass another (a mutant).
    """

    broker: Broker
    in_flight: int = 1
    queues: dict[int, list[tuple[list[Written], asyncio.Future[None]]]] = field(default_factory=dict)
    broken: bool = False

    async def prepare(self, entries: Sequence[Entry]) -> dict[int, list[Written]]:
        shares: dict[int, list[Written]] = {}
        for entry in entries:
            shares.setdefault(self.broker.partition_of(self.broker.key_of(entry)), []).append(_written(entry))
        return shares

    async def say(self, shares: dict[int, list[Written]]) -> asyncio.Future[None]:
        pending = [self._put_on_the_wire(partition, share) for partition, share in shares.items()]
        saying = asyncio.ensure_future(_all(pending))
        saying.add_done_callback(lambda one: one.cancelled() or one.exception())  # a relay that died asks no more
        return saying

    def _put_on_the_wire(self, partition: int, records: list[Written]) -> asyncio.Future[None]:
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        acknowledged.add_done_callback(lambda one: one.cancelled() or one.exception())
        halves = [records] if self.in_flight == 1 or len(records) == 1 else [records[: len(records) // 2], records[len(records) // 2 :]]
        queue = self.queues.setdefault(partition, [])
        queue.extend((half, acknowledged) for half in halves)
        if len(queue) == len(halves):
            self.broker.keep(asyncio.create_task(self._carry(partition)))
        return acknowledged

    async def _carry(self, partition: int) -> None:
        queue = self.queues[partition]
        while queue:
            records, acknowledged = queue[0]
            await asyncio.sleep(self.broker.delay())
            refused = self.broker.strikes("send refused")
            if refused and self.in_flight > 1:
                queue.append(queue.pop(0))
                continue
            if refused or self.broken or not await self.broker.write(partition, records) or self.broker.strikes("ack lost"):
                self.broken = True
                _fail(acknowledged)
            queue.pop(0)
            if not acknowledged.done() and all(other is not acknowledged for _, other in queue):
                acknowledged.set_result(None)


async def _all(pending: Sequence[Awaitable[None]]) -> None:
    for one in pending:
        await one


def _fail(acknowledged: asyncio.Future[None]) -> None:
    if not acknowledged.done():
        acknowledged.set_exception(KafkaConnectionError("simulated"))


def _written(entry: Entry) -> Written:
    headers = to_headers(
        orjson.loads(entry.attributes), sequence=entry.sequence, chain=entry.chain.hex(), traceparent=None, tracestate=None
    )
    return Written(key=entry.subject.encode(), value=entry.body, headers=tuple(headers))
