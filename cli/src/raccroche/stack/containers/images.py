"""The two containers: Apache Kafka's official image and PostgreSQL's, with the settings that the local processes have."""

from collections.abc import Mapping, Sequence

from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer

from raccroche.stack import kafka, postgres
from raccroche.stack.containers.owned import Owned
from raccroche.stack.drawing import ADMIN
from raccroche.stack.nodes import Node

KAFKA_IMAGE, POSTGRES_IMAGE = "apache/kafka:4.3.1", "postgres:18"
KAFKA_DATA, KAFKA_JARS, POSTGRES_DATA = "/var/lib/kafka/data", "/opt/kafka/libs/*", "/var/lib/postgresql/data"
PROPERTIES, LOGGING = "/tmp/server.properties", "/tmp/log4j2.properties"  # noqa: S108 -- in a container nobody else is
INTERNAL = 19092
BY_THE_IMAGE = {"listen_addresses", "unix_socket_directories"}  # its entry point needs them to be as they are

# not by the image's own script, which sets other options and other logging: what is tried in containers is what is tried without
START_KAFKA = f"""
java {" ".join(kafka.FORMATTING)} -cp '{KAFKA_JARS}' kafka.tools.StorageTool format --ignore-formatted -t "$CLUSTER_ID" -c {PROPERTIES} &&
exec java {" ".join(kafka.OPTIONS)} -Dlog4j2.configurationFile={LOGGING} -cp '{KAFKA_JARS}' kafka.Kafka {PROPERTIES}
"""


class KafkaNode(DockerContainer):
    """One node. Peers find it by its name in the stack's network, or by its address where it is apart."""

    def __init__(self, owned: Owned, node: Node, nodes: Sequence[Node], cluster: str) -> None:
        super().__init__(KAFKA_IMAGE, name=owned.name(node.name), env={"CLUSTER_ID": cluster})
        self.with_copy_into_container(kafka.as_properties(settings(node, nodes)).encode(), PROPERTIES)
        self.with_copy_into_container(kafka.LOGGING.encode(), LOGGING)
        self.with_command(["sh", "-c", START_KAFKA])
        self.with_volume_mapping(owned.name(node.name), KAFKA_DATA, "rw")
        self.with_kwargs(labels=dict(owned.labels), network="none" if node.apart else owned.network, hostname=node.name)
        if not node.apart:
            _publish(self, node.broker, node.broker)


class Postgres(PostgresContainer):
    """Its superuser is ours."""

    def __init__(self, owned: Owned, port: int, password: str) -> None:
        super().__init__(POSTGRES_IMAGE, username=ADMIN, password=password, dbname="postgres", name=owned.name("postgres"))
        self.with_env("POSTGRES_INITDB_ARGS", "-E UTF8 --locale=C").with_env("PGDATA", f"{POSTGRES_DATA}/pgdata")
        self.with_volume_mapping(owned.name("postgres"), POSTGRES_DATA, "rw")
        chosen = {name: value for name, value in postgres.SETTINGS.items() if name not in BY_THE_IMAGE}
        self.with_command(["postgres", *(part for name, value in chosen.items() for part in ("-c", f"{name}={value}"))])
        self.with_kwargs(labels=dict(owned.labels), network=owned.network, shm_size="256m")
        _publish(self, self.port, port)

    def _connect(self) -> None:
        """Whoever started it asks until it answers."""


def settings(node: Node, nodes: Sequence[Node]) -> Mapping[str, str]:
    """Those of a local process but for the listeners: clients come by a port of this machine, peers by the stack's network."""
    return {
        **kafka.settings(node, nodes, data=KAFKA_DATA),
        "controller.quorum.voters": ",".join(f"{one.number}@{_peer(one)}:{one.controller}" for one in nodes),
        "listeners": f"PLAINTEXT://:{node.broker},INTERNAL://:{INTERNAL},CONTROLLER://:{node.controller}",
        "advertised.listeners": f"PLAINTEXT://{node.address},INTERNAL://{_peer(node)}:{INTERNAL}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INTERNAL",
    }


def _peer(node: Node) -> str:
    return node.host if node.apart else node.name


def _publish(container: DockerContainer, inside: int, outside: int) -> None:
    """On the loopback alone, since this broker asks nobody for a password."""
    container.ports[f"{inside}/tcp"] = ("127.0.0.1", outside)  # type: ignore[assignment]  # docker-py takes an address too
