"""A projection rebuilt from a million events by the job of a service's own package, in a process of its own.

The live table is made beforehand by plain SQL, so that "equal" is said by another make than the code that is measured.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress
from typing import Any

import asyncpg
import orjson
import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from specimens import STORE, hold, seats

from chassis.entrance import start
from chassis.service import Basics, Parts
from chassis.subscription import Subscription
from chassis.topics import ensure_topics, identity_of
from contracts.catalogue import Topic
from contracts.envelope import to_headers
from load.hearing import COUNTED
from load.house import House
from load.measuring import Row

EVENTS = 1_000_000
PER_OFFER = 10
PARTITIONS = 6
TOPIC = "raccroche.offers"
CONSUMER = "load"
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 300


def build(_: Basics) -> Parts:
    """A service that counts."""
    return Parts(subscription=Subscription(consumer=CONSUMER, actor="/raccroche/load", speakers=("offers",), projections=(COUNTED,)))


async def rows(house: House) -> list[Row]:
    dsns = await house.database()
    try:
        await _said(house.stack.bootstrap)
        await _shown(house.stack.bootstrap, dsns["admin"])
        seconds, megabytes, answer = await _measured(house.stack.bootstrap, dsns)
    finally:
        await _gone(house.stack.bootstrap)
        await house.drop(dsns)
    comparison = answer["comparison"]
    if not answer["switched"] or comparison["equal"] != EVENTS // PER_OFFER or answer["records"] != EVENTS:
        raise AssertionError(f"the rebuild did not come to what plain SQL shows: {answer}")
    return [
        Row(name=f"rebuild of {EVENTS:,} events, compared and switched", value=seconds, unit="s", floor="< 60 s", reached=seconds < 60),
        Row(name="resident memory of the rebuild at its most", value=megabytes, unit="MB", floor="< 400 MB", reached=megabytes < 400),
    ]


async def _said(bootstrap: str) -> None:
    """The topic, with each offer's changes spread over all of it: a row is never changed twice in one batch."""
    await _gone(bootstrap)
    await ensure_topics(bootstrap, [Topic(name=TOPIC, speaker="offers", partitions=PARTITIONS)])
    await asyncio.to_thread(_produce, bootstrap)


def _produce(bootstrap: str) -> None:
    producer = Producer(
        {"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 5, "partitioner": "murmur2_random",
         "queue.buffering.max.messages": 200_000}
    )  # fmt: skip
    for place in range(EVENTS):
        change, offer = divmod(place, EVENTS // PER_OFFER)
        recording = STORE.record(seats(change + 1, f"specimen--{offer}"), change + 1, hold())
        headers = to_headers(orjson.loads(recording.attributes), sequence=place + 1, chain="a" * 64, traceparent=None, tracestate=None)
        while True:
            try:
                producer.produce(TOPIC, value=recording.body, key=recording.subject.encode(), headers=headers)
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    if producer.flush(60):
        raise RuntimeError("not all was said")


async def _shown(bootstrap: str, admin: str) -> None:
    """The live table and the live consumer's marks, as hearing all of it would leave them."""
    identity = await identity_of(bootstrap, [TOPIC])
    connection = await asyncpg.connect(admin)
    owner = await connection.fetchval("select datdba::regrole::text from pg_database where datname = current_database()")
    await connection.execute(f"alter table counted owner to {owner}")
    await connection.execute(
        f"insert into counted select 'specimen--' || n, {PER_OFFER} from generate_series(0, {EVENTS // PER_OFFER} - 1) n"
    )
    for partition, end in (await asyncio.to_thread(_ends, bootstrap)).items():
        await connection.execute(
            "insert into marks (consumer, topic, partition, cluster_id, topic_id, next_offset) values ($1, $2, $3, $4, $5, $6)",
            CONSUMER, TOPIC, partition, identity.cluster_id, identity.topic_ids[TOPIC], end,
        )  # fmt: skip
    await connection.close()


def _ends(bootstrap: str) -> dict[int, int]:
    from confluent_kafka import Consumer, TopicPartition

    asking = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    try:
        return {n: asking.get_watermark_offsets(TopicPartition(TOPIC, n), timeout=20)[1] for n in range(PARTITIONS)}
    finally:
        asking.close()


async def _measured(bootstrap: str, dsns: dict[str, str]) -> tuple[float, float, dict[str, Any]]:
    """Seconds from the start of the process to its end, the most megabytes it held, and what it answered."""
    environment = {
        **os.environ, "APP_DSN": dsns["app"], "CONSUMER_DSN": dsns["consumer"], "RELAY_DSN": dsns["relay"],
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "HTTP_PORT": "1", "TOKENS_JWKS_FILE": "unused", "TOKENS_ISSUER": "unused",
        "TOKENS_AUDIENCE": "unused",
    }  # fmt: skip
    began = asyncio.get_running_loop().time()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "load.rebuilding", "rebuild", "counted", "--json", env=environment, stdout=asyncio.subprocess.PIPE
    )
    most, answered = 0.0, asyncio.create_task(process.communicate())
    while not answered.done():
        if asyncio.get_running_loop().time() - began > PATIENCE_SECONDS:
            process.kill()
        with suppress(psutil.NoSuchProcess):
            most = max(most, psutil.Process(process.pid).memory_info().rss / 1e6)
        await asyncio.sleep(LOOK_SECONDS)
    seconds = asyncio.get_running_loop().time() - began
    output, _ = await answered
    if process.returncode != 0:
        raise RuntimeError(f"the rebuild ended with {process.returncode}: {output.decode()}")
    return seconds, most, json.loads(output)


async def _gone(bootstrap: str) -> None:
    """The topic of the specimen, which other rows use too, is not here; returns when the broker says so."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    if TOPIC in (await asyncio.to_thread(admin.list_topics, timeout=20)).topics:
        await asyncio.to_thread(admin.delete_topics([TOPIC])[TOPIC].result, 20)
    while TOPIC in (await asyncio.to_thread(admin.list_topics, timeout=20)).topics:
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    start("load", sys.argv[1:], os.environ, build, speaks=False)
