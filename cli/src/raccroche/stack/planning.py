"""Before a stack starts: what it takes for broker and database and why, made ready on the disk, written down as a plan."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from raccroche.stack import network
from raccroche.stack.choosing import agree_on_source, settled
from raccroche.stack.layout import SERVICES, Layout, kept_ports
from raccroche.stack.nodes import SIZES, NotThisBroker, Shape, agree
from raccroche.stack.programs import Plan
from raccroche.stack.source import Broker, Database


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the caller asked for. nodes, namespaces, containers: none, as the root has it."""

    services: tuple[str, ...]
    environment: Mapping[str, Mapping[str, str]]
    nodes: int | None
    namespaces: bool | None
    containers: bool | None


def check(layout: Layout, wish: Wish) -> None:
    """Can it be had here? What a root has does not change because somebody asks for something else, whether it is up or not.

    Raises:
        NotThisBroker: the root has another one, or there is none like that.
        NoNetwork: no network namespaces here.
    """
    agree_on_source(layout, wish.containers)
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
        NoJava, NoPostgres, WrongJar, KafkaFailed, NoEngine, NoImage: a part of it is not to be had.
    """
    check(layout, wish)
    database = _database(layout, wish, show)
    show(f"database: {database.kind}")
    broker = _broker(layout, wish, show)
    show(f"broker: {broker.kind}")
    return Plan(
        services=wish.services, environment=wish.environment, ports=kept_ports(layout, SERVICES),
        admin_dsn=database.admin_dsn, database_kind=database.kind, binaries=database.binaries,
        bootstrap=broker.bootstrap, broker_kind=broker.kind, nodes=broker.nodes, java=broker.java, jars=broker.jars,
        containers=_in_containers(layout, broker),
    )  # fmt: skip


def _database(layout: Layout, wish: Wish, show: Callable[[str], None]) -> Database:
    if (given := os.environ.get("DATABASE_URL")) is not None:
        return Database(admin_dsn=given, kind="given by DATABASE_URL")
    return settled(layout, wish.containers).database(show)


def _broker(layout: Layout, wish: Wish, show: Callable[[str], None]) -> Broker:
    if (given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS")) is not None:
        return Broker(bootstrap=given, kind="given by KAFKA_BOOTSTRAP_SERVERS")
    source = settled(layout, wish.containers)
    shape = Shape.of(layout) or Shape(nodes=wish.nodes or 1, subnet=network.free_range(layout) if wish.namespaces else None)
    broker = source.broker(shape.laid_out(kept_ports(layout, shape.port_names)), show)
    shape.keep(layout)
    return broker


def _in_containers(layout: Layout, broker: Broker) -> tuple[str, ...]:
    """Those of the stack's processes that stand for one."""
    if not layout.containers.exists():
        return ()
    return (*(["postgres"] if "DATABASE_URL" not in os.environ else []), *(node.name for node in broker.nodes))
