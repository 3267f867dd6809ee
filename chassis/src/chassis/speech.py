"""How stored bytes are said on Kafka: an idempotent producer that waits for all replicas and keeps the order of each subject."""

import asyncio
import math
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from chassis.failpoints import failpoint
from chassis.outbox import Entry
from contracts.envelope import to_headers

STOP_SECONDS = 10.0
BATCH_BYTES = 768 * 1024
"""A batch of one partition is closed at this size; one larger event goes alone, up to what the broker takes (1 MB)."""

type Batches = Sequence[Sequence[tuple[int, BatchBuilder]]]
"""What is to be said, encoded, with its partition: what may go together, at most one of a partition, turn by turn."""


@lru_cache(maxsize=65_536)
def partition_of(subject: str, partitions: int) -> int:
    """Where Java's default partitioner puts this key, and every client that follows it; a subject may never move."""
    return int(murmur2(subject.encode()) & 0x7FFFFFFF) % partitions


@dataclass(frozen=True)
class Speech:
    """Says events on one topic, batch by batch: aiokafka's own bookkeeping per record costs more than all the rest of the relay."""

    producer: AIOKafkaProducer
    topic: str

    async def prepare(self, entries: Sequence[Entry]) -> Batches:
        """Encode all, in this order within each partition; nothing is sent.

        Raises:
            aiokafka.errors.KafkaError: the topic is not there.
        """
        count = len(await self.producer.partitions_for(self.topic))
        shares: dict[int, list[Entry]] = {}
        for entry in entries:
            shares.setdefault(partition_of(entry.subject, count), []).append(entry)
        each = {partition: list(self._batches(share)) for partition, share in shares.items()}
        return [
            [(partition, batches[rank]) for partition, batches in each.items() if rank < len(batches)]
            for rank in range(max(map(len, each.values()), default=0))
        ]

    async def say(self, batches: Batches) -> asyncio.Future[None]:
        """Hand all over; what is returned ends when every replica in sync has every one.

        Raises (when awaited):
            aiokafka.errors.KafkaError: one was not acknowledged, and nothing behind it in its partition was handed over; begin again.
        """
        return asyncio.ensure_future(self._in_turns(batches))

    async def _in_turns(self, batches: Batches) -> None:
        for together in batches:
            pending = [await self.producer.send_batch(batch, self.topic, partition=partition) for partition, batch in together]
            await _all_acknowledged(pending)

    def _batches(self, share: Sequence[Entry]) -> Iterator[BatchBuilder]:
        """One partition's entries in as few batches as their size allows, each closed, so that it goes at once."""
        batch = self.producer.create_batch()
        for entry in share:
            if not _append(batch, entry):
                yield batch
                batch = self.producer.create_batch()
                _append(batch, entry)
        batch.close()
        yield batch


def _append(batch: BatchBuilder, entry: Entry) -> bool:
    """Whether it found room; the first one always does."""
    key, headers = entry.subject.encode(), headers_of(entry)
    return batch.append(timestamp=entry.recorded, key=key, value=entry.body, headers=headers) is not None


def headers_of(entry: Entry) -> list[tuple[str, bytes]]:
    """The attributes as they were stored, with place and trace."""
    return to_headers(
        orjson.loads(entry.attributes), sequence=entry.sequence, chain=entry.chain.hex(),
        traceparent=entry.traceparent, tracestate=entry.tracestate,
    )  # fmt: skip


async def _all_acknowledged(pending: Sequence[Awaitable[object]]) -> None:
    for acknowledged in pending:
        await acknowledged
        failpoint("relay_after_first_ack")


async def opened(bootstrap: str, topic: str) -> Speech:
    """A producer ready to say.

    Raises:
        aiokafka.errors.KafkaError: no broker answers.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=2,
        max_batch_size=BATCH_BYTES, request_timeout_ms=10_000, compression_type=None,
    )  # fmt: skip
    _never_give_up_a_batch(producer)
    await producer.start()
    return Speech(producer, topic)


def _never_give_up_a_batch(producer: AIOKafkaProducer) -> None:
    """A batch that expires while there is no leader would let the next one of its partition pass: a subject's order would break."""
    accumulator = producer._message_accumulator  # noqa: SLF001 -- aiokafka has no setting for it apart from the request's time limit
    if not hasattr(accumulator, "_batch_ttl"):
        raise TypeError("this aiokafka keeps the life of a batch elsewhere")
    accumulator._batch_ttl = math.inf  # noqa: SLF001 -- as above


async def closed(speech: Speech) -> None:
    """Let go of the producer at once: what it still holds is never sent, neither on its old connections nor on new ones."""
    producer = speech.producer
    producer.client.ready = _never_again
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await producer.client.close()
            await producer._sender.close()  # noqa: SLF001 -- stop() alone would send all that is pending, to whoever answers by then
            await producer.stop()
    except TimeoutError:
        return


async def _never_again(*_: object, **__: object) -> bool:
    return False
