"""How stored bytes are said on Kafka: an idempotent producer that waits for all replicas and keeps the order of each subject."""

import asyncio
import math
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

import orjson
from aiokafka import AIOKafkaProducer

from chassis.failpoints import failpoint
from chassis.outbox import Entry
from contracts.envelope import to_headers

STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Speech:
    """Says events on one topic."""

    producer: AIOKafkaProducer
    topic: str

    async def say(self, entries: Sequence[Entry]) -> asyncio.Future[None]:
        """Hand all over in this order; what is returned ends when every replica in sync has every one of them.

        Raises (when awaited):
            aiokafka.errors.KafkaError: one was not acknowledged; nothing may be taken for said, begin again.
        """
        send, topic, pending = self.producer.send, self.topic, []
        for entry in entries:
            assert entry.sequence is not None  # only what has its place is said
            assert entry.chain is not None
            headers = to_headers(
                orjson.loads(entry.attributes),
                sequence=entry.sequence, chain=entry.chain.hex(),
                traceparent=entry.traceparent, tracestate=entry.tracestate,
            )  # fmt: skip
            instant = int(entry.recorded_at.timestamp() * 1000)
            pending.append(await send(topic, value=entry.body, key=entry.subject.encode(), timestamp_ms=instant, headers=headers))
        return asyncio.ensure_future(_all_acknowledged(pending))


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
        max_batch_size=256 * 1024, request_timeout_ms=10_000, compression_type=None,
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
    """Let go of the producer, bounded in time: what it still holds may be said later, and repeats what is said again."""
    try:
        await asyncio.wait_for(speech.producer.stop(), STOP_SECONDS)
    except TimeoutError:
        return
