"""Topics and who the broker is: cluster id and topic ids, through confluent-kafka's admin client (aiokafka cannot tell them)."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription  # type: ignore[attr-defined]  # documented there, not re-exported in its types
from confluent_kafka.cimpl import NewTopic

from contracts.catalogue import Topic

ATTEMPTS = 3
KNOWN_LOOK_SECONDS = 0.05
TIMEOUT_SECONDS = 15.0
"""A request's own limit. Whoever waits for its answer waits a little longer: a client that is let go with a request pending may abort."""


@dataclass(frozen=True, kw_only=True)
class BrokerIdentity:
    """Which cluster this is, and which incarnation of each topic."""

    cluster_id: str
    topic_ids: Mapping[str, str]


class TopicMissing(Exception):
    """A topic of the catalogue is not on the broker; nothing makes it by accident, `raccroche up` or the topics step does."""


async def ensure_topics(bootstrap: str, topics: Sequence[Topic], *, replication: int = 1) -> None:
    """Make the topics that are not there, as the catalogue says; retention without end, since facts stay. Then the broker knows them.

    Raises:
        KafkaException: the broker refuses or does not answer. TopicMissing: one was made, and a busy broker does not know it in time.
    """
    await asyncio.to_thread(_ensure, bootstrap, topics, replication)


def _ensure(bootstrap: str, topics: Sequence[Topic], replication: int) -> None:
    admin = _admin(bootstrap)
    config = {
        "retention.ms": "-1", "cleanup.policy": "delete", "message.timestamp.type": "CreateTime",
        "message.timestamp.after.max.ms": str(2**63 - 1),  # the default refuses what a clock an hour ahead has recorded, and all behind it
    }  # fmt: skip

    def make(topic: Topic) -> Future[None]:
        new = NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=replication, config=config)
        return admin.create_topics([new], operation_timeout=TIMEOUT_SECONDS)[topic.name]

    for topic in topics:
        try:
            _answer(partial(make, topic))
        except KafkaException as refused:
            if refused.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    for topic in topics:
        _until_known(admin, topic.name)


def _until_known(admin: AdminClient, name: str) -> None:
    """The controller answers that a topic is made before every broker has heard of it."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            _described(admin, [name])
            return
        except TopicMissing:
            if time.monotonic() > end:
                raise
        time.sleep(KNOWN_LOOK_SECONDS)


async def identity_of(bootstrap: str, topics: Iterable[str]) -> BrokerIdentity:
    """Ask the broker who it is.

    Raises:
        TopicMissing: one of `topics` is not there.
        KafkaException: no answer in time.
    """
    return await asyncio.to_thread(_identity, bootstrap, sorted(set(topics)))


def _identity(bootstrap: str, topics: list[str]) -> BrokerIdentity:
    admin = _admin(bootstrap)
    cluster = _answer(lambda: admin.describe_cluster(request_timeout=TIMEOUT_SECONDS))
    ids = {name: str(described.topic_id) for name, described in _described(admin, topics).items()}
    return BrokerIdentity(cluster_id=str(cluster.cluster_id), topic_ids=ids)


def _described(admin: AdminClient, topics: list[str]) -> dict[str, TopicDescription]:
    def describe(name: str) -> Future[TopicDescription]:
        return admin.describe_topics(TopicCollection([name]), request_timeout=TIMEOUT_SECONDS)[name]

    found: dict[str, TopicDescription] = {}
    for name in topics:
        try:
            found[name] = _answer(partial(describe, name))
        except KafkaException as missing:
            if missing.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise TopicMissing(name) from None
            raise
    return found


async def partitions_of(bootstrap: str, topics: Iterable[str]) -> list[tuple[str, int]]:
    """Every partition of these topics, with its topic, in order.

    Raises:
        TopicMissing, KafkaException: as `identity_of`.
    """
    return await asyncio.to_thread(_partitions, bootstrap, sorted(set(topics)))


def _partitions(bootstrap: str, topics: list[str]) -> list[tuple[str, int]]:
    found = _described(_admin(bootstrap), topics)
    return [(name, partition) for name in topics for partition in range(len(found[name].partitions))]


def _answer[T](ask: Callable[[], Future[T]]) -> T:
    """Ask; and again where the client let go of the node it was asking, as librdkafka does with one that its cluster names no more."""
    for _ in range(ATTEMPTS - 1):
        try:
            return ask().result(TIMEOUT_SECONDS + 2)
        except KafkaException as trouble:
            if trouble.args[0].code() != KafkaError._DESTROY_BROKER:  # noqa: SLF001 -- their spelling
                raise
    return ask().result(TIMEOUT_SECONDS + 2)


def _admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
