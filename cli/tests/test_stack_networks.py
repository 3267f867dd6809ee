"""Nodes in networks of their own: cut off, heard by one side only, lost whole; and nothing of it stays behind."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from seen_from_outside import NODES, Speaker, a_topic, everything_on, leader_of, moved_from, out_of_sync, process, until, whole

from chassis.topics import TopicMissing, identity_of
from contracts.catalogue import TOPICS
from raccroche.stack import Stack
from raccroche.stack.network import INTERFACES, NAMESPACES, _prefix
from raccroche.stack.programs import Plan

CAN_ISOLATE = os.geteuid() == 0 and shutil.which("ip") is not None

pytestmark = pytest.mark.stack


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
        prefix = _prefix(apart.layout)
        rules = subprocess.run(["iptables", "-S"], capture_output=True, text=True, check=True).stdout if shutil.which("iptables") else ""
        made = {path.name for folder in (INTERFACES, NAMESPACES) for path in folder.glob(f"{prefix}*")}
        return made | {rule for rule in rules.splitlines() if prefix in rule}

    ours = made()
    assert len([name for name in ours if name.endswith(NODES)]) == 3
    os.kill(int(str(apart.status()["pid"])), signal.SIGKILL)
    until(lambda: not apart.is_up(), "the supervisor's end")
    assert made() == ours
    assert asyncio.run(apart.down()) is True
    bridge = Plan.load(apart.layout.plan).nodes[0].host
    assert f"{bridge.rpartition('.')[0]}." not in subprocess.run(["ip", "-4", "address"], capture_output=True, text=True, check=True).stdout
    assert made() == set()
