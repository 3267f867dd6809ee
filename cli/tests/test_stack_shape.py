"""What a broker's nodes are called, where they listen and what a root remembers of them; no process needed."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from raccroche.stack import NotUp, Stack
from raccroche.stack.cluster import Cluster, NobodyKnows
from raccroche.stack.layout import Layout
from raccroche.stack.network import NoNetwork, check, free_range, remove
from raccroche.stack.nodes import Node, NotThisBroker, Shape, agree
from raccroche.stack.processes import Processes

PORTS = {
    name: number
    for number, name in enumerate(["kafka", "controller", *(f"{what}-{n}" for n in (1, 2, 3) for what in ("kafka", "controller"))])
}


def test_a_single_node_is_called_and_kept_as_before_there_were_several(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    (node,) = Shape(nodes=1).laid_out(PORTS)
    assert (node.name, node.host, node.folder(layout)) == ("kafka", "127.0.0.1", layout.kafka)


def test_three_nodes_have_names_folders_and_votes_of_their_own(tmp_path: Path) -> None:
    nodes = Shape(nodes=3, subnet="10.99.7").laid_out(PORTS)
    assert [node.name for node in nodes] == ["kafka-1", "kafka-2", "kafka-3"]
    assert [node.voter for node in nodes] == ["1@10.99.7.11:3", "2@10.99.7.12:5", "3@10.99.7.13:7"]
    assert len({node.folder(Layout(tmp_path)) for node in nodes}) == 3


def test_a_root_remembers_its_shape_and_an_older_root_has_one_node(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert Shape.of(layout) is None
    (layout.kafka / "data").mkdir(parents=True)
    (layout.kafka / "data" / "meta.properties").touch()
    assert Shape.of(layout) == Shape(nodes=1)
    Shape(nodes=3, subnet="10.99.7").keep(layout)
    assert Shape.of(layout) == Shape(nodes=3, subnet="10.99.7")


@pytest.mark.parametrize(("nodes", "namespaces"), [(1, None), (None, True), (1, True)])
def test_another_broker_than_the_roots_is_refused(tmp_path: Path, nodes: int | None, namespaces: bool | None) -> None:
    with pytest.raises(NotThisBroker, match="has 3 nodes without networks of their own"):
        agree(Layout(tmp_path), Shape(nodes=3), nodes, namespaces)


@pytest.mark.parametrize(("nodes", "namespaces"), [(None, None), (3, None), (3, False)])
def test_what_was_not_said_is_as_the_root_has_it(tmp_path: Path, nodes: int | None, namespaces: bool | None) -> None:
    agree(Layout(tmp_path), Shape(nodes=3), nodes, namespaces)


def test_a_broker_that_lost_everything_keeps_its_number_of_nodes(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "var", services=())
    Shape(nodes=3).keep(stack.layout)
    (stack.layout.kafka / "kafka-1").mkdir()
    stack.wipe_broker()
    assert [path.name for path in stack.layout.kafka.iterdir()] == ["shape.json"]
    assert Shape.of(stack.layout) == Shape(nodes=3)


def test_two_nodes_are_not_offered(tmp_path: Path) -> None:
    with pytest.raises(NotUp, match="a broker of 2 nodes is not offered: 1 or 3"):
        asyncio.run(Stack(tmp_path / "var", services=(), nodes=2).up())


def test_a_given_broker_is_not_ours_to_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with pytest.raises(NotUp, match="given by KAFKA_BOOTSTRAP_SERVERS"):
        asyncio.run(Stack(tmp_path / "var", services=(), nodes=3).up())


def test_networks_need_root_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raccroche.stack.network.os.geteuid", lambda: 1000)
    with pytest.raises(NoNetwork, match="need root"):
        check()
    with pytest.raises(NotUp, match="need root"):
        asyncio.run(Stack(tmp_path / "var", services=(), nodes=3, namespaces=True).up())


def test_networks_need_ip_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raccroche.stack.network.os.geteuid", lambda: 0)
    monkeypatch.setattr("raccroche.stack.network.shutil.which", lambda *_, **__: None)
    with pytest.raises(NoNetwork, match="need Linux and its `ip`"):
        check()


def test_a_range_that_is_in_use_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_use = ""
    monkeypatch.setattr("raccroche.stack.network._ip", lambda *_: in_use)
    layout = Layout(tmp_path)
    first = free_range(layout)
    in_use = f"9: br inet {first}.1/24 scope global br"
    assert free_range(layout) not in {first, ""}
    in_use = " ".join(f"10.99.{number}.1/24" for number in range(256))
    with pytest.raises(NoNetwork, match=r"every range of 10\.99\.0\.0/16 is in use"):
        free_range(layout)


def test_where_no_network_was_made_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("asked for something to be removed"))
    remove(Layout(tmp_path))


def test_the_youngest_election_names_the_controller(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    nodes = Shape(nodes=3).laid_out(PORTS)
    cluster = Cluster(source=Processes(layout), nodes=nodes)
    with pytest.raises(NobodyKnows, match="no node has recorded"):
        cluster.controller()
    for node, (epoch, leader) in zip(nodes, [(4, 1), (5, 2), (5, -1)], strict=True):
        _recorded(layout, node, epoch, leader)
    assert cluster.controller() == "kafka-2"
    _recorded(layout, nodes[2], 6, -1)
    with pytest.raises(NobodyKnows, match="epoch 6 is not over"):
        cluster.controller()


def _recorded(layout: Layout, node: Node, epoch: int, leader: int) -> None:
    folder = node.folder(layout) / "data" / "__cluster_metadata-0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quorum-state").write_text(f'{{"leaderId":{leader},"leaderEpoch":{epoch}}}')
