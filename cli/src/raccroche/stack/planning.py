"""Before a stack starts: what it takes for broker and database and why, made ready on the disk, written down as a plan."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from raccroche.stack import kafka, network, postgres
from raccroche.stack.jars import fetch
from raccroche.stack.java import find_java
from raccroche.stack.layout import SERVICES, Layout, kept_ports
from raccroche.stack.nodes import SIZES, Node, NotThisBroker, Shape, agree
from raccroche.stack.programs import Plan
from raccroche.stack.secrets import ADMIN, Secrets


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the caller asked for. nodes, namespaces: none, as the root has it."""

    services: tuple[str, ...]
    environment: Mapping[str, Mapping[str, str]]
    nodes: int | None
    namespaces: bool | None


@dataclass(frozen=True, kw_only=True)
class Database:
    """binaries: none where it is somebody else's."""

    admin_dsn: str
    kind: str
    binaries: str | None = None


@dataclass(frozen=True, kw_only=True)
class Broker:
    """Without nodes, Java and jars it is somebody else's."""

    bootstrap: str
    kind: str
    nodes: tuple[Node, ...] = ()
    java: Mapping[str, object] | None = None
    jars: str | None = None


def check(layout: Layout, wish: Wish) -> None:
    """Can it be had here? What a root has does not change because somebody asks for something else, whether it is up or not.

    Raises:
        NotThisBroker: the root has another one, or there is none like that.
        NoNetwork: no network namespaces here.
    """
    if "KAFKA_BOOTSTRAP_SERVERS" in os.environ:
        if wish.nodes is not None or wish.namespaces is not None:
            raise NotThisBroker("the broker is given by KAFKA_BOOTSTRAP_SERVERS: how many nodes it has and where is not ours to say")
        return
    if wish.nodes is not None and wish.nodes not in SIZES:
        raise NotThisBroker(f"a broker of {wish.nodes} nodes is not offered: {' or '.join(map(str, SIZES))}")
    found = Shape.of(layout)
    if found is not None:
        agree(layout, found, wish.nodes, wish.namespaces)
    if wish.namespaces or (found is not None and found.subnet is not None):
        network.check()


def planned(layout: Layout, wish: Wish, show: Callable[[str], None]) -> Plan:
    """Decide, and prepare what was decided.

    Raises:
        NotThisBroker: the root has another one, or there is none like that.
        NoNetwork: no network namespaces here.
        NoJava, NoPostgres, WrongJar, KafkaFailed: a part of it is not to be had.
    """
    check(layout, wish)
    database = _database(layout)
    show(f"database: {database.kind}")
    broker = _broker(layout, wish, show)
    show(f"broker: {broker.kind}")
    return Plan(
        services=wish.services, environment=wish.environment, ports=kept_ports(layout, SERVICES),
        admin_dsn=database.admin_dsn, database_kind=database.kind, binaries=database.binaries,
        bootstrap=broker.bootstrap, broker_kind=broker.kind, nodes=broker.nodes, java=broker.java, jars=broker.jars,
    )  # fmt: skip


def _database(layout: Layout) -> Database:
    if (given := os.environ.get("DATABASE_URL")) is not None:
        return Database(admin_dsn=given, kind="given by DATABASE_URL")
    found = postgres.find_binaries()
    password = Secrets(layout).passwords[ADMIN]
    postgres.initialise(layout, found, password)
    port = kept_ports(layout, ["postgres"])["postgres"]
    return Database(admin_dsn=postgres.admin_dsn(port, password), kind=found.why, binaries=str(found.folder))


def _broker(layout: Layout, wish: Wish, show: Callable[[str], None]) -> Broker:
    if (given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS")) is not None:
        return Broker(bootstrap=given, kind="given by KAFKA_BOOTSTRAP_SERVERS")
    shape = Shape.of(layout) or Shape(nodes=wish.nodes or 1, subnet=network.free_range(layout) if wish.namespaces else None)
    java = find_java()
    jars = fetch(show)
    shape.keep(layout)
    laid_out = shape.laid_out(kept_ports(layout, shape.port_names))
    kafka.initialise(layout, java, jars, laid_out)
    what = "a local process" if shape.nodes == 1 else f"{shape.nodes} local processes"
    return Broker(
        bootstrap=",".join(node.address for node in laid_out), kind=f"{what} on Java {java.version} from {java.why}", nodes=laid_out,
        java={"path": java.path, "version": java.version, "why": java.why}, jars=str(jars),
    )  # fmt: skip
