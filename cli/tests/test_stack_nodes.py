"""A broker of three nodes as processes: what it acknowledged outlives the node that acknowledged it; nodes can be held, paused, cut off."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

from chassis.topics import TopicMissing, ensure_topics, identity_of
from contracts.catalogue import TOPICS, Topic
from raccroche.stack import NotUp, Stack, kafka
from raccroche.stack.children import lives
from raccroche.stack.cluster import NobodyKnows, Partition
from raccroche.stack.network import INTERFACES, NAMESPACES, _prefix
from raccroche.stack.programs import Plan

NODES = ("kafka-1", "kafka-2", "kafka-3")
CAN_ISOLATE = os.geteuid() == 0 and shutil.which("ip") is not None

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("three") / "var", services=(), nodes=3)
    try:
        asyncio.run(stack.up())
        yield stack
    finally:
        asyncio.run(stack.down())


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Stack]:
    if not CAN_ISOLATE:
        pytest.skip("network namespaces need root and `ip`")
    stack = Stack(tmp_path / "var", services=(), nodes=3, namespaces=True)
    try:
        asyncio.run(stack.up())
        yield stack
    finally:
        asyncio.run(stack.down())


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


async def from_database(stack: Stack, statement: str) -> object:
    connection = await asyncpg.connect(stack.admin_dsn, timeout=5)
    try:
        return await connection.fetchval(statement, timeout=5)
    finally:
        connection.terminate()


def answers(stack: Stack) -> bool:
    try:
        return asyncio.run(from_database(stack, "select 1")) == 1
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False


def test_three_nodes_are_one_cluster_under_one_id(three: Stack) -> None:
    assert len(three.bootstrap.split(",")) == 3
    assert set(NODES) < set(three.status()["processes"])  # type: ignore[call-overload]  # JSON
    assert asyncio.run(three.cluster.joined()) == NODES
    written = [(three.layout.kafka / node / "data" / "meta.properties").read_text() for node in NODES]
    ids = {line for text in written for line in text.splitlines() if line.startswith("cluster.id=")}
    assert len(ids) == 1
    assert "3 local processes" in three.broker_said


def test_every_topic_has_three_replicas_and_needs_two(three: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": three.bootstrap})
    asked = [ConfigResource(ConfigResource.Type.TOPIC, topic.name) for topic in TOPICS]
    settings = [one.result(10) for one in admin.describe_configs(asked).values()]
    assert {one["min.insync.replicas"].value for one in settings} == {"2"}
    assert {one["unclean.leader.election.enable"].value for one in settings} == {"false"}
    for topic in TOPICS:
        assert {one.replicas for one in partitions(three, topic.name).values()} == {NODES}


def test_the_controller_is_the_one_that_kafkas_own_tool_names(three: Stack) -> None:
    plan = Plan.load(three.layout.plan)
    assert plan.java
    assert plan.jars
    tool = ["org.apache.kafka.tools.MetadataQuorumCommand", "--bootstrap-server", three.bootstrap, "describe", "--status"]
    said = subprocess.run(
        [str(plan.java["path"]), "-cp", kafka.class_path(Path(plan.jars)), *tool], capture_output=True, text=True, check=True
    )
    leader = next(line.split()[1] for line in said.stdout.splitlines() if line.startswith("LeaderId:"))
    assert three.cluster.controller() == f"kafka-{leader}"


def test_a_groups_coordinator_has_a_name(three: Stack) -> None:
    def coordinator() -> str | None:
        try:
            return asyncio.run(three.cluster.coordinator("some-group"))
        except NobodyKnows:
            return None

    until(lambda: coordinator() in NODES, "a coordinator")


def test_what_was_acknowledged_is_there_after_the_leader_was_killed(three: Stack) -> None:
    topic = a_topic(three)
    leader = leader_of(three, topic)
    restarts = process(three, leader)["restarts"]
    with Speaker(three.bootstrap, topic) as speaker:
        until(lambda: len(speaker.acknowledged) > 200, "the first acknowledgements")
        asyncio.run(three.kill(leader))
        until(lambda: moved_from(three, topic, leader), f"other leaders than {leader}")
        until(lambda: process(three, leader)["restarts"] == restarts + 1 and whole(three, topic), f"{leader} back and in sync")
        before = len(speaker.acknowledged)
        until(lambda: len(speaker.acknowledged) > before + 200, "acknowledgements afterwards")
    found = everything_on(three.bootstrap, topic, 3)
    assert sorted(found) == sorted(speaker.acknowledged)


def test_a_node_that_is_held_stays_down_until_it_is_released(three: Stack) -> None:
    topic = a_topic(three)
    leader = leader_of(three, topic)
    with Speaker(three.bootstrap, topic) as speaker:
        asyncio.run(three.hold(leader))
        until(lambda: moved_from(three, topic, leader), f"other leaders than {leader}")
        time.sleep(3)
        held = process(three, leader)
        assert held["held"]
        assert not lives(held["pid"], held["born"])
        until(lambda: out_of_sync(three, topic, leader), f"{leader} out of sync")
        asyncio.run(three.release(leader))
        until(lambda: whole(three, topic), f"{leader} back and in sync")
    assert sorted(everything_on(three.bootstrap, topic, 3)) == sorted(speaker.acknowledged)


def test_all_nodes_killed_at_once_keep_what_they_acknowledged(three: Stack) -> None:
    topic = a_topic(three)
    with Speaker(three.bootstrap, topic) as speaker:
        until(lambda: len(speaker.acknowledged) > 200, "the first acknowledgements")
        for node in NODES:
            asyncio.run(three.kill(node))
        time.sleep(1)
        until(lambda: whole(three, topic), "all of them back and in sync")
    assert sorted(everything_on(three.bootstrap, topic, 3)) == sorted(speaker.acknowledged)


def test_a_paused_process_does_nothing_until_it_is_resumed(three: Stack) -> None:
    pid = process(three, "kafka-2")["pid"]
    asyncio.run(three.pause("kafka-2"))
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    asyncio.run(three.resume("kafka-2"))
    until(lambda: psutil.Process(pid).status() != psutil.STATUS_STOPPED, "its going on")
    asyncio.run(three.pause("postgres"))
    assert not answers(three)
    asyncio.run(three.resume("postgres"))
    until(lambda: answers(three), "an answer of the database")
    assert process(three, "postgres")["restarts"] == 0


def test_a_database_that_crashes_is_started_again_and_keeps_what_was_committed(three: Stack) -> None:
    asyncio.run(from_database(three, "create table if not exists kept as select 42 as n"))
    before = process(three, "postgres")
    asyncio.run(three.crash("postgres"))
    until(lambda: process(three, "postgres")["restarts"] == before["restarts"] + 1 and answers(three), "a new PostgreSQL")
    assert asyncio.run(from_database(three, "select n from kept")) == 42
    assert "received immediate shutdown request" in (three.layout.log / "postgres.log").read_text()


def test_a_database_that_is_held_does_not_answer(three: Stack) -> None:
    asyncio.run(three.hold("postgres"))
    assert not answers(three)
    asyncio.run(three.release("postgres"))
    until(lambda: answers(three), "an answer of the database")


def test_a_root_keeps_its_number_of_nodes_whether_it_is_up_or_not(three: Stack) -> None:
    with pytest.raises(NotUp, match="has 3 nodes without networks of their own, which is not what was asked for"):
        asyncio.run(Stack(three.root, services=(), nodes=1).up())
    with pytest.raises(NotUp, match="has 3 nodes"):
        asyncio.run(Stack(three.root, services=(), namespaces=True).up())
    assert asyncio.run(Stack(three.root, services=()).up()) is False


def test_a_node_without_a_network_of_its_own_cannot_be_isolated(three: Stack) -> None:
    with pytest.raises(NotUp, match="kafka-2 is no broker node with a network of its own"):
        asyncio.run(three.isolate("kafka-2"))


def test_a_held_and_a_paused_process_do_not_hinder_the_end(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "var", services=())
    try:
        asyncio.run(stack.up())
        asyncio.run(stack.hold("kafka"))
        asyncio.run(stack.pause("postgres"))
        before = time.monotonic()
    finally:
        asyncio.run(stack.down())
    assert time.monotonic() - before < 10
    assert not lives(process(stack, "postgres")["pid"], process(stack, "postgres")["born"])
    try:
        asyncio.run(stack.up())  # a start starts everything
        assert not process(stack, "kafka")["held"]
    finally:
        asyncio.run(stack.down())


def test_what_was_acknowledged_is_there_after_the_leader_was_cut_off_and_came_back(apart: Stack) -> None:
    topic = a_topic(apart)
    leader = leader_of(apart, topic)
    with Speaker(apart.bootstrap, topic) as speaker:
        until(lambda: len(speaker.acknowledged) > 200, "the first acknowledgements")
        asyncio.run(apart.isolate(leader))
        until(lambda: moved_from(apart, topic, leader), f"other leaders than {leader}")
        until(lambda: out_of_sync(apart, topic, leader), f"{leader} out of sync")
        before = len(speaker.acknowledged)
        until(lambda: len(speaker.acknowledged) > before + 200, "acknowledgements without it")
        asyncio.run(apart.rejoin(leader))
        until(lambda: whole(apart, topic), f"{leader} in sync again")
    assert process(apart, leader)["restarts"] == 0
    assert sorted(everything_on(apart.bootstrap, topic, 3)) == sorted(speaker.acknowledged)


def test_what_was_acknowledged_is_there_after_a_leader_could_not_answer_its_clients(apart: Stack) -> None:
    topic = a_topic(apart)
    leader = leader_of(apart, topic)
    with Speaker(apart.bootstrap, topic) as speaker:
        until(lambda: len(speaker.acknowledged) > 200, "the first acknowledgements")
        asyncio.run(apart.mute(leader))
        with pytest.raises(OSError, match="timed out"):
            answer_of(apart, leader)
        asyncio.run(apart.unmute(leader))
        before = len(speaker.acknowledged)
        until(lambda: len(speaker.acknowledged) > before + 200, "acknowledgements again")
    assert process(apart, leader)["restarts"] == 0
    assert sorted(everything_on(apart.bootstrap, topic, 3)) == sorted(speaker.acknowledged)


def test_a_lost_broker_comes_back_empty_under_another_cluster_id(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "var", services=())
    try:
        asyncio.run(stack.up())
        before = asyncio.run(identity_of(stack.bootstrap, []))
        asyncio.run(stack.lose_broker())
        until(lambda: cluster_of(stack) not in {None, before.cluster_id}, "another cluster")
        with pytest.raises(TopicMissing):
            asyncio.run(identity_of(stack.bootstrap, [TOPICS[0].name]))
        assert stack.is_up()
    finally:
        asyncio.run(stack.down())


def answer_of(stack: Stack, name: str) -> None:
    node = next(node for node in Plan.load(stack.layout.plan).nodes if node.name == name)
    socket.create_connection((node.host, node.broker), timeout=2).close()


def cluster_of(stack: Stack) -> str | None:
    try:
        return asyncio.run(identity_of(stack.bootstrap, [])).cluster_id
    except KafkaException:
        return None


def test_networks_of_a_killed_supervisor_are_removed_by_the_next_down(apart: Stack) -> None:
    def made() -> set[str]:
        """Of this stack: others on the machine come and go as they like."""
        return {path.name for folder in (INTERFACES, NAMESPACES) for path in folder.glob(f"{_prefix(apart.layout)}*")}

    ours = made()
    assert len([name for name in ours if name.endswith(NODES)]) == 3
    os.kill(int(str(apart.status()["pid"])), signal.SIGKILL)
    until(lambda: not apart.is_up(), "the supervisor's end")
    assert made() == ours
    assert asyncio.run(apart.down()) is True
    bridge = Plan.load(apart.layout.plan).nodes[0].host
    assert f"{bridge.rpartition('.')[0]}." not in subprocess.run(["ip", "-4", "address"], capture_output=True, text=True, check=True).stdout
    assert made() == set()
