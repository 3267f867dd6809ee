"""How many nodes the broker has, and how one finds each: chosen once per root, since what is on their disks depends on it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from raccroche.stack.layout import Layout, read_json, write_json

SIZES = (1, 3)


class NotThisBroker(Exception):
    """Not a broker that a stack can have, or not the one that this root has."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One process that is broker and controller. host: where both of its listeners are. apart: in a network of its own."""

    number: int
    name: str
    host: str = "127.0.0.1"
    broker: int
    controller: int
    apart: bool = False

    @property
    def address(self) -> str:
        return f"{self.host}:{self.broker}"

    @property
    def voter(self) -> str:
        return f"{self.number}@{self.host}:{self.controller}"

    def folder(self, layout: Layout) -> Path:
        """Settings and log. The only node keeps the folder of before there were several."""
        return layout.kafka if self.name == "kafka" else layout.kafka / self.name


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a broker's disks were laid out for. subnet: the first three numbers of the addresses, where each node has its own network."""

    nodes: int
    subnet: str | None = None

    @property
    def numbers(self) -> range:
        return range(1, self.nodes + 1)

    def process(self, number: int) -> str:
        """What the process of a node is called, in the stack's status and everywhere."""
        return "kafka" if self.nodes == 1 else f"kafka-{number}"

    def controller(self, number: int) -> str:
        """What the port of a node's controller is called."""
        return "controller" if self.nodes == 1 else f"controller-{number}"

    @property
    def port_names(self) -> list[str]:
        return [name for number in self.numbers for name in (self.process(number), self.controller(number))]

    def laid_out(self, ports: Mapping[str, int]) -> tuple[Node, ...]:
        return tuple(
            Node(
                number=number, name=self.process(number), apart=self.subnet is not None,
                host="127.0.0.1" if self.subnet is None else f"{self.subnet}.{10 + number}",
                broker=ports[self.process(number)], controller=ports[self.controller(number)],
            )
            for number in self.numbers
        )  # fmt: skip

    @classmethod
    def of(cls, layout: Layout) -> Self | None:
        """The shape of what is on the disk; none where no broker was yet."""
        if kept := read_json(layout.shape):
            return cls(nodes=int(kept["nodes"]), subnet=kept["subnet"])
        return cls(nodes=1) if (layout.kafka / "data" / "meta.properties").exists() else None  # a root older than this file

    def keep(self, layout: Layout) -> None:
        layout.kafka.mkdir(parents=True, exist_ok=True)
        write_json(layout.shape, asdict(self))


def agree(layout: Layout, shape: Shape, nodes: int | None, namespaces: bool | None) -> None:  # noqa: FBT001 -- none: not said
    """Is it what was asked for? What was not said is not asked for.

    Raises:
        NotThisBroker: the root has another one.
    """
    is_apart = shape.subnet is not None
    found = f"{shape.nodes} node{'s'[: shape.nodes - 1]} {'with' if is_apart else 'without'} networks of their own"
    if nodes not in {None, shape.nodes} or namespaces not in {None, is_apart}:
        raise NotThisBroker(
            f"the broker under {layout.root} has {found}, which is not what was asked for: "
            f"take another root, or remove {layout.kafka} and with it everything that the broker holds"
        )
