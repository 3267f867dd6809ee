"""Where a stack keeps what: one folder for everything, so that two checkouts never disturb each other."""

import json
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICES = ("intake", "followup", "offers", "transmission", "history")
DATABASES = (*(f"raccroche_{name}" for name in SERVICES), "raccroche_keyring")


@dataclass(frozen=True)
class Layout:
    """Paths under a stack's root. What the supervisor writes: `state`; what `up` writes for it: `plan`."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.resolve())

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def shape(self) -> Path:
        return self.kafka / "shape.json"

    @property
    def containers(self) -> Path:
        """There where broker and database are containers; keeps the tag that their names bear."""
        return self.root / "containers.json"

    @property
    def held(self) -> Path:
        """A file per process that is to stay down, named after it."""
        return self.root / "held"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def plan(self) -> Path:
        return self.root / "plan.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def lock(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def clock_offset(self) -> Path:
        return self.root / "clock-offset"

    def make(self) -> None:
        for folder in (self.root, self.log, self.secrets, self.held):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.chmod(0o700)


def read_json(path: Path) -> dict[str, Any]:  # Any: a JSON document
    """The document, or an empty one where there is none."""
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}


def write_json(path: Path, document: Mapping[str, object]) -> None:
    """All or nothing: a reader never sees half of it."""
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps(document, indent=1))
    beside.replace(path)


def kept_ports(layout: Layout, names: Iterable[str]) -> dict[str, int]:
    """A free loopback port per name, chosen once and kept: addresses stay the same over `down` and `up`."""
    ports = {name: int(port) for name, port in read_json(layout.ports).items()}
    missing = [name for name in names if name not in ports]
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in missing]
    for name, server in zip(missing, taken, strict=True):
        ports[name] = server.getsockname()[1]
        server.close()
    if missing:
        write_json(layout.ports, ports)
    return ports
