"""Apache Kafka as local processes: nodes that are broker and controller, KRaft, their logs on disk, one cluster id."""

import base64
import os
import re
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from raccroche.stack.jars import pinned
from raccroche.stack.java import Java
from raccroche.stack.layout import Layout
from raccroche.stack.nodes import Node

HEAP = "384m"
OPTIONS = [f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
FORMATTING = ["-Xmx128m", "-XX:TieredStopAtLevel=1"]

LOGGING = """\
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.version.name = org.apache.kafka.common.utils.AppInfoParser
logger.version.level = info
"""


class KafkaFailed(Exception):
    """The storage could not be formatted; says what Kafka said."""


def settings(node: Node, nodes: Sequence[Node], data: str) -> dict[str, str]:
    """A node's settings. data: the folder of its log."""
    replication, in_sync = str(len(nodes)), str(min(2, len(nodes)))
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(one.voter for one in nodes),
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{node.host}:{node.controller}",
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "num.partitions": "1",
        "default.replication.factor": replication,
        "min.insync.replicas": in_sync,
        "unclean.leader.election.enable": "false",
        "controlled.shutdown.enable": "true",
        "offsets.topic.num.partitions": "3",
        "offsets.topic.replication.factor": replication,
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replication,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
        "replica.lag.time.max.ms": "5000",
        "auto.create.topics.enable": "false",
        "log.message.timestamp.type": "CreateTime",
        "log.retention.ms": "-1",
    }


def as_properties(chosen: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in chosen.items())


def initialise(layout: Layout, java: Java, jars: Path, nodes: Sequence[Node]) -> None:
    """Write every node's settings, and format each storage once, all under the one cluster id that is drawn the first time."""
    for node in nodes:
        folder = node.folder(layout)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "server.properties").write_text(as_properties(settings(node, nodes, str(folder / "data"))))
        (folder / "log4j2.properties").write_text(LOGGING)
    cluster = cluster_id(layout, nodes)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda node: _format(node.folder(layout), java, jars, cluster), nodes))


def cluster_id(layout: Layout, nodes: Sequence[Node]) -> str:
    """Kept before any storage is formatted, so that a start that was killed half way is carried on under the same id."""
    kept = layout.kafka / "cluster-id"
    if not kept.exists():
        known = [
            re.search(r"^cluster\.id=(\S+)", meta.read_text(), re.MULTILINE)
            for node in nodes
            if (meta := _meta(node.folder(layout))).exists()
        ]
        kept.write_text(next((match[1] for match in known if match), None) or fresh_cluster_id())
    return kept.read_text()


def _meta(folder: Path) -> Path:
    return folder / "data" / "meta.properties"


def _format(folder: Path, java: Java, jars: Path, cluster: str) -> None:
    if _meta(folder).exists():
        return
    said = subprocess.run(  # noqa: S603 -- the Java that was found, no shell
        [java.path, *FORMATTING, "-cp", class_path(jars), "kafka.tools.StorageTool", "format",
         "--ignore-formatted", "-t", cluster, "-c", str(folder / "server.properties")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if said.returncode:
        raise KafkaFailed(f"Kafka could not format its storage: {(said.stdout + said.stderr).strip()[-400:]}")


def class_path(jars: Path) -> str:
    """The pinned jars by name and no others: whatever else lies in the cache was not checked."""
    return os.pathsep.join(str(jars / jar.name) for jar in pinned())


def version_told(log: Path) -> str:
    """The version that the process wrote of itself when it started last.

    Raises:
        ConnectionError: it has not yet.
    """
    told = re.findall(r"Kafka version: (\S+)", log.read_text(errors="replace") if log.exists() else "")
    if not told:
        raise ConnectionError("Kafka has not told its version yet")
    return str(told[-1])


def fresh_cluster_id() -> str:
    """A random UUID in Kafka's spelling: base64url, never beginning with a dash, which its tools take for an option."""
    while (cluster := base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()).startswith("-"):
        continue
    return cluster


def command(folder: Path, java: Java, jars: Path) -> list[str]:
    """What the supervisor starts. folder: the node's."""
    return [
        java.path, *OPTIONS,
        f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
        "-cp", class_path(jars), "kafka.Kafka", str(folder / "server.properties"),
    ]  # fmt: skip
