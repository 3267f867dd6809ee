"""A broker of three nodes as processes: what it acknowledged outlives the node that acknowledged it; nodes can be held and paused."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource
from seen_from_outside import (
    IN_CONTAINERS,
    NODES,
    Speaker,
    a_topic,
    everything_on,
    kafkas_own,
    leader_of,
    lives,
    moved_from,
    out_of_sync,
    partitions,
    process,
    stands_still,
    until,
    whole,
)  # fmt: skip

from contracts.catalogue import TOPICS
from raccroche.stack import NotUp, Stack
from raccroche.stack.cluster import NobodyKnows
from raccroche.stack.programs import Plan

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("three") / "var", services=(), nodes=3)
    try:
        asyncio.run(stack.up())
        yield stack
    finally:
        asyncio.run(stack.down())


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
    written = [three.source.recorded(node, "meta.properties") or "" for node in Plan.load(three.layout.plan).nodes]
    ids = [line for text in written for line in text.splitlines() if line.startswith("cluster.id=")]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert ("3 containers of apache/kafka" if IN_CONTAINERS else "3 local processes") in three.broker_said


def test_every_topic_has_three_replicas_and_needs_two(three: Stack) -> None:
    until(lambda: all(whole(three, topic.name) for topic in TOPICS), "every node knows every topic")
    admin = AdminClient({"bootstrap.servers": three.bootstrap})
    asked = [ConfigResource(ConfigResource.Type.TOPIC, topic.name) for topic in TOPICS]
    settings = [one.result(10) for one in admin.describe_configs(asked).values()]
    assert {one["min.insync.replicas"].value for one in settings} == {"2"}
    assert {one["unclean.leader.election.enable"].value for one in settings} == {"false"}
    for topic in TOPICS:
        assert {one.replicas for one in partitions(three, topic.name).values()} == {NODES}


def test_the_controller_is_the_one_that_kafkas_own_tool_names(three: Stack) -> None:
    said = kafkas_own(three, "org.apache.kafka.tools.MetadataQuorumCommand", "describe", "--status")
    leader = next(line.split()[1] for line in said.splitlines() if line.startswith("LeaderId:"))
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
        assert process(three, leader)["held"]
        assert not lives(three, leader)
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
    asyncio.run(three.pause("kafka-2"))
    assert stands_still(three, "kafka-2")
    asyncio.run(three.resume("kafka-2"))
    until(lambda: not stands_still(three, "kafka-2"), "its going on")
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
    assert not lives(stack, "postgres")
    try:
        asyncio.run(stack.up())  # a start starts everything
        assert not process(stack, "kafka")["held"]
    finally:
        asyncio.run(stack.down())
