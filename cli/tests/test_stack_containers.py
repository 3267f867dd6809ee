"""Broker and database in containers: what is refused and why, what is alike, what is cleared away and what is not."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from raccroche.stack import NotUp, Stack
from raccroche.stack.containers.engine import have
from raccroche.stack.containers.images import KAFKA_DATA, KAFKA_IMAGE, POSTGRES_IMAGE, settings
from raccroche.stack.containers.owned import NoEngine, NoImage, Owned
from raccroche.stack.containers.sweeping import remove, sweep
from raccroche.stack.jars import pinned
from raccroche.stack.kafka import settings as of_a_process
from raccroche.stack.layout import Layout
from raccroche.stack.nodes import Shape
from raccroche.stack.programs import Plan

PORTS = {name: 1_000 + number for number, name in enumerate(f"{what}-{n}" for n in (1, 2, 3) for what in ("kafka", "controller"))}
CONTAINERS = pytest.mark.only("containers", why="needs a Docker engine and both images")


def new(layout: Layout) -> Owned:
    layout.make()
    return Owned.drawn(layout)


@pytest.fixture
def engine() -> Iterator[Any]:
    client = docker.from_env()
    yield client
    client.close()


def test_the_image_is_of_the_version_that_the_jars_are() -> None:
    (version,) = {jar.version for jar in pinned() if jar.artifact == "kafka-clients"}
    assert f"apache/kafka:{version}" == KAFKA_IMAGE


def test_a_node_in_a_container_is_set_up_as_a_process_but_for_where_it_is_found() -> None:
    nodes = Shape(nodes=3).laid_out(PORTS)
    here, there = of_a_process(nodes[1], nodes, KAFKA_DATA), settings(nodes[1], nodes)
    differing = {name for name in here.keys() | there.keys() if here.get(name) != there.get(name)}
    assert differing == {
        "controller.quorum.voters", "listeners", "advertised.listeners", "listener.security.protocol.map", "inter.broker.listener.name",
    }  # fmt: skip
    assert there["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1002,INTERNAL://kafka-2:19092"


def test_where_no_engine_answers_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(NoEngine, match=r"no Docker engine answers: install Docker and start it, or leave out --containers"):
        asyncio.run(Stack(tmp_path / "var", services=(), containers=True).up())


def test_another_machines_engine_is_refused_before_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.example:2375")
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(NoEngine, match=r"the Docker engine at engine\.example is another machine's"):
        asyncio.run(Stack(tmp_path / "var", services=(), containers=True).up())


@pytest.mark.parametrize("containers", [True, False])
def test_a_root_keeps_what_it_has(tmp_path: Path, *, containers: bool) -> None:
    layout = Layout(tmp_path / "var")
    if containers:
        new(layout)
    else:
        Shape(nodes=1).keep(layout)
    has = "containers" if containers else "local processes"
    with pytest.raises(NotUp, match=f"are {has}, which is not what was asked for"):
        asyncio.run(Stack(layout.root, services=(), containers=not containers).up())


def test_a_kind_of_stack_that_there_is_not_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACCROCHE_STACK", "container")
    with pytest.raises(NotUp, match="RACCROCHE_STACK=container: broker and database are `processes` or `containers`"):
        asyncio.run(Stack(tmp_path / "var", services=()).up())


def test_another_root_at_the_same_place_owns_nothing_of_the_first(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "var")
    first = new(layout).name("postgres")
    layout.containers.unlink()
    assert new(layout).name("postgres") != first


@pytest.mark.stack
@CONTAINERS
def test_ports_are_published_on_the_loopback_alone(stack: Stack, engine: Any) -> None:
    plan, owned = Plan.load(stack.layout.plan), Owned(stack.layout)
    for name in plan.containers:
        published = engine.containers.get(owned.name(name)).attrs["NetworkSettings"]["Ports"].values()
        assert {one["HostIp"] for ports in published if ports for one in ports} == {"127.0.0.1"}, name


@pytest.mark.stack
@CONTAINERS
def test_an_image_that_cannot_be_had_is_named() -> None:
    with pytest.raises(NoImage, match=r"the image raccroche\.invalid/none:1 is not on this Docker engine and cannot be pulled"):
        have("raccroche.invalid/none:1", lambda _: None)


@pytest.mark.stack
@CONTAINERS
def test_what_lost_its_owner_is_swept_and_nothing_else(stack: Stack, tmp_path: Path, engine: Any) -> None:
    crashed, gone = new(Layout(tmp_path / "crashed")), new(Layout(tmp_path / "gone"))
    for owned in (crashed, gone):
        name = owned.name("postgres")
        engine.volumes.create(name, labels=dict(owned.labels))
        engine.networks.create(owned.network, labels=dict(owned.labels))
        engine.containers.create(
            POSTGRES_IMAGE, ["sleep", "60"], name=name, labels=dict(owned.labels), network=owned.network, stop_signal="SIGKILL"
        ).start()
    volume_of_the_gone = gone.name("postgres")
    tag_of_the_gone = gone.tag
    gone.layout.containers.unlink()
    try:
        sweep()
        left = {one.name for one in engine.containers.list(all=True, ignore_removed=True)}
        assert {crashed.name("postgres"), volume_of_the_gone}.isdisjoint(left)
        volumes = {one.name for one in engine.volumes.list()}
        assert crashed.name("postgres") in volumes
        assert volume_of_the_gone not in volumes
        assert not engine.networks.list(filters={"label": f"fr.raccroche.tag={tag_of_the_gone}"})
        assert {Owned(stack.layout).name(name) for name in ("postgres", "kafka")} <= left
    finally:
        remove(crashed.layout)
        engine.volumes.get(crashed.name("postgres")).remove()
