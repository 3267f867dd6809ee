"""Apache Kafka as a local process: one node that is broker and controller, KRaft, its log on disk, loopback only."""

import base64
import os
import re
import subprocess
import uuid
from pathlib import Path

from raccroche.stack.jars import pinned
from raccroche.stack.java import Java
from raccroche.stack.layout import Layout

HEAP = "384m"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
auto.create.topics.enable=false
log.message.timestamp.type=CreateTime
log.retention.ms=-1
"""

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


def initialise(layout: Layout, java: Java, jars: Path, ports: tuple[int, int]) -> None:
    """Write the settings, and format the storage once under a cluster id of its own."""
    layout.kafka.mkdir(parents=True, exist_ok=True)
    broker, controller = ports
    data = layout.kafka / "data"
    (layout.kafka / "server.properties").write_text(PROPERTIES.format(broker=broker, controller=controller, data=data))
    (layout.kafka / "log4j2.properties").write_text(LOGGING)
    if (data / "meta.properties").exists():
        return
    cluster = fresh_cluster_id()
    said = subprocess.run(  # noqa: S603 -- the Java that was found, no shell
        [java.path, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", class_path(jars), "kafka.tools.StorageTool", "format",
         "--ignore-formatted", "-t", cluster, "-c", str(layout.kafka / "server.properties")],
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


def command(layout: Layout, java: Java, jars: Path) -> list[str]:
    """What the supervisor starts."""
    return [
        java.path, f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
        f"-Dlog4j2.configurationFile={layout.kafka / 'log4j2.properties'}",
        "-cp", class_path(jars), "kafka.Kafka", str(layout.kafka / "server.properties"),
    ]  # fmt: skip
