"""What a stack runs: the plan that `up` makes, and the commands and environments that follow from it."""

import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from chassis.provision import dsn_of
from raccroche.stack import kafka, network, postgres
from raccroche.stack.children import Program
from raccroche.stack.containers.owned import Owned
from raccroche.stack.java import Java
from raccroche.stack.layout import Layout
from raccroche.stack.nodes import Node
from raccroche.stack.secrets import AUDIENCE, ISSUER, Secrets


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that was decided before the supervisor starts.

    No nodes: the broker is somebody else's; neither binaries nor containers: the database. Java and jars: of local processes only.
    """

    services: tuple[str, ...]
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ports: Mapping[str, int]
    nodes: tuple[Node, ...]
    bootstrap: str
    broker_kind: str
    admin_dsn: str
    database_kind: str
    java: Mapping[str, object] | None
    jars: str | None
    binaries: str | None
    containers: tuple[str, ...] = ()

    def save(self, path: Path) -> None:
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Self:
        document = json.loads(path.read_text())
        nodes = tuple(Node(**node) for node in document["nodes"])
        return cls(**{**document, "services": tuple(document["services"]), "containers": tuple(document["containers"]), "nodes": nodes})


def database_program(layout: Layout, plan: Plan) -> Program | None:
    if "postgres" in plan.containers:
        return _container(layout, "postgres", plan.ports["postgres"])
    if plan.binaries is None:
        return None
    binaries = postgres.Binaries(folder=Path(plan.binaries), why=plan.database_kind)
    return Program(
        name="postgres", command=postgres.command(layout, binaries, plan.ports["postgres"]), log=layout.log / "postgres.log",
        polite=signal.SIGINT, demote=postgres.as_unprivileged(), port=plan.ports["postgres"],
    )  # fmt: skip


def _container(layout: Layout, name: str, port: int, together: str = "") -> Program:
    return Program(
        name=name, command=[sys.executable, "-m", "raccroche.stack.containers.running", str(layout.root), name],
        log=layout.log / f"{name}.log", port=port, together=together, container=Owned(layout).name(name),
    )  # fmt: skip


def java_of(plan: Plan) -> Java:
    """The Java that was chosen; only where the broker is ours."""
    assert plan.java is not None
    return Java(path=str(plan.java["path"]), version=int(str(plan.java["version"])), why=str(plan.java["why"]))


def kafka_programs(layout: Layout, plan: Plan) -> list[Program]:
    if plan.java is None or plan.jars is None:
        return [_container(layout, node.name, node.broker, "kafka") for node in plan.nodes]
    java = java_of(plan)
    return [
        Program(
            name=node.name, command=network.inside(layout, node, kafka.command(node.folder(layout), java, Path(plan.jars))),
            log=layout.log / f"{node.name}.log", port=node.broker, patience=20, together="kafka",
        )
        for node in plan.nodes
    ]  # fmt: skip


def service_programs(layout: Layout, plan: Plan) -> list[Program]:
    return [
        Program(
            name=name, command=[sys.executable, "-m", name], log=layout.log / f"{name}.log",
            environment=service_environment(layout, plan, name), port=plan.ports[name],
        )
        for name in plan.services
    ]  # fmt: skip


def service_environment(layout: Layout, plan: Plan, name: str) -> dict[str, str]:
    """All that the service `name` is told at its start, and its jobs at theirs."""
    secrets = Secrets(layout)
    database = f"raccroche_{name}"

    def dsn(role: str, of: str = database) -> str:
        return dsn_of(plan.admin_dsn, database=of, user=role, password=secrets.passwords[role])

    found = {
        "APP_DSN": dsn(f"{database}_app"),
        "CONSUMER_DSN": dsn(f"{database}_consumer"),
        "RELAY_DSN": dsn(f"{database}_relay"),
        "KAFKA_BOOTSTRAP_SERVERS": plan.bootstrap,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(plan.ports[name]),
        "TOKENS_JWKS_FILE": str(secrets.jwks_file),
        "TOKENS_ISSUER": ISSUER,
        "TOKENS_AUDIENCE": AUDIENCE,
        "SPANS_FILE": str(layout.log / f"{name}.spans.jsonl"),
    }
    if plan.nodes:
        found |= {"REFILL": "local", "CLOCK_OFFSET_FILE": str(layout.clock_offset)}
    if (master := secrets.master_keys_file(name)) is not None:
        found |= {"KEYRING_DSN": dsn("raccroche_keyring_app", "raccroche_keyring"), "KEYRING_MASTER_KEYS_FILE": str(master)}
    if name == "intake":
        found["IDENTITY_KEY_FILE"] = str(secrets.identity_key_file)
    return {**found, **plan.environment.get(name, {})}
