"""What somebody outside sees of a broker of three nodes: what it acknowledged, what is on it, who leads, who is in sync."""

import asyncio
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import psutil
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from chassis.topics import ensure_topics
from contracts.catalogue import Topic
from raccroche.stack import Stack, children, kafka
from raccroche.stack.cluster import NobodyKnows, Partition
from raccroche.stack.containers.images import INTERNAL, KAFKA_JARS
from raccroche.stack.containers.source import Containers
from raccroche.stack.processes import Processes
from raccroche.stack.programs import Plan

NODES = ("kafka-1", "kafka-2", "kafka-3")
IN_CONTAINERS = os.environ.get("RACCROCHE_STACK") == "containers"


class Speaker:
    """Says numbers with acks=all until told to stop; keeps those that were acknowledged."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.acknowledged: list[int] = []
        self._topic = topic
        self._stop = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "socket.timeout.ms": 4000,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._speak)

    def __enter__(self) -> "Speaker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(60) == 0, "what was said is not acknowledged after a minute"

    def _speak(self) -> None:
        number = 0
        while not self._stop.is_set():
            self._producer.produce(self._topic, value=str(number), key=str(number % 7), on_delivery=self._heard(number))
            number += 1
            self._producer.poll(0.002)

    def _heard(self, number: int) -> Callable[[KafkaError | None, Message], None]:
        def on_delivery(trouble: KafkaError | None, _: Message) -> None:
            if trouble is None:
                self.acknowledged.append(number)

        return on_delivery


def everything_on(bootstrap: str, topic: str, partitions: int) -> list[int]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": uuid4().hex,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        ends = {number: end_of(consumer, TopicPartition(topic, number)) for number in range(partitions)}
        consumer.assign([TopicPartition(topic, number, 0) for number in ends])
        found: list[int] = []
        until = time.monotonic() + 60
        while len(found) < sum(ends.values()) and time.monotonic() < until:
            found += [int(message.value() or b"") for message in consumer.consume(500, 1.0) if message.error() is None]
        return found
    finally:
        consumer.close()


def end_of(consumer: Consumer, partition: TopicPartition) -> int:
    until = time.monotonic() + 30
    while True:
        try:
            return int(consumer.get_watermark_offsets(partition, timeout=5)[1])
        except KafkaException:  # asked a node that had not heard yet who leads now
            assert time.monotonic() < until, f"no end of {partition}"
            time.sleep(0.2)


def a_topic(stack: Stack) -> str:
    name = f"kept-{uuid4().hex[:8]}"
    asyncio.run(ensure_topics(stack.bootstrap, [Topic(name=name, speaker="offers", partitions=3)], replication=3))
    until(lambda: whole(stack, name), "all replicas of a fresh topic")
    return name


def partitions(stack: Stack, topic: str) -> dict[int, Partition]:
    try:
        return dict(asyncio.run(stack.cluster.partitions(topic)))
    except NobodyKnows:
        return {}


def process(stack: Stack, name: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.status()["processes"][name]  # type: ignore[index]  # JSON
    return found


def lives(stack: Stack, name: str) -> bool:
    """Its process; where that stands for a container, the container too."""
    found = process(stack, name)
    return children.lives(found["pid"], found["born"]) or found["container"] in states(stack)


def stands_still(stack: Stack, name: str) -> bool:
    found = process(stack, name)
    if found["container"]:
        return states(stack)[found["container"]] == "paused"
    return bool(psutil.Process(found["pid"]).status() == psutil.STATUS_STOPPED)


def states(stack: Stack) -> dict[str, str]:
    """The stack's containers and how they fare, as the engine has it; none where they are processes."""
    if not any(one["container"] for one in stack.status()["processes"].values()):  # type: ignore[attr-defined]  # JSON
        return {}
    client = docker.from_env()
    try:
        return {one.name: one.status for one in client.containers.list(all=True, ignore_removed=True)}
    finally:
        client.close()


def starts_of_containers(stack: Stack) -> set[tuple[str, str]]:
    """Which containers the stack has, and since when each runs; none where they are processes."""
    client = docker.from_env() if IN_CONTAINERS else None
    if client is None:
        return set()
    try:
        found = client.containers.list(all=True, filters={"label": f"fr.raccroche.root={stack.root}"})
        return {(one.id, one.attrs["State"]["StartedAt"]) for one in found}
    finally:
        client.close()


def kafkas_own(stack: Stack, *words: str) -> str:
    """What a tool of Kafka's says. words: its class and what it is given; it is told where the broker is."""
    plan = Plan.load(stack.layout.plan)
    tool, *rest = words
    if isinstance(source := stack.source, Processes):
        assert plan.java
        assert plan.jars
        command = [str(plan.java["path"]), "-cp", kafka.class_path(Path(plan.jars)), tool, "--bootstrap-server", stack.bootstrap, *rest]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert isinstance(source, Containers)
    node = plan.nodes[0].name
    return source.run(node, "java", "-cp", KAFKA_JARS, tool, "--bootstrap-server", f"{node}:{INTERNAL}", *rest)


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def whole(stack: Stack, topic: str) -> bool:
    found = partitions(stack, topic)
    return bool(found) and all(one.in_sync == NODES for one in found.values())


def moved_from(stack: Stack, topic: str, node: str) -> bool:
    found = partitions(stack, topic)
    return bool(found) and all(one.leader not in {node, None} for one in found.values())


def leader_of(stack: Stack, topic: str) -> str:
    """Of partition 0, once the cluster knows one."""
    until(lambda: bool((found := partitions(stack, topic)) and found[0].leader), f"a leader of {topic}")
    return str(partitions(stack, topic)[0].leader)


def out_of_sync(stack: Stack, topic: str, node: str) -> bool:
    found = partitions(stack, topic)
    return bool(found) and node not in found[0].in_sync
