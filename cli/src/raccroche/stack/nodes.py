"""How many nodes the broker has, and how one finds each: chosen once per root, since what is on their disks depends on it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from raccroche.stack.layout import Layout, read_json, write_json

SIZES = (1, 3)


class NotThisMany(Exception):
    """Not a number of nodes that a stack can have, or not the one that this root has."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One process that is broker and controller. host: where both of its listeners are."""

    number: int
    name: str
    host: str = "127.0.0.1"
    broker: int
    controller: int

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
    """What a broker's disks were laid out for."""

    nodes: int

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
            Node(number=number, name=self.process(number), broker=ports[self.process(number)], controller=ports[self.controller(number)])
            for number in self.numbers
        )

    @classmethod
    def of(cls, layout: Layout) -> Self | None:
        """The shape of what is on the disk; none where no broker was yet."""
        if kept := read_json(layout.shape):
            return cls(nodes=int(kept["nodes"]))
        return cls(nodes=1) if (layout.kafka / "data" / "meta.properties").exists() else None  # a root older than this file

    def keep(self, layout: Layout) -> None:
        layout.kafka.mkdir(parents=True, exist_ok=True)
        write_json(layout.shape, asdict(self))


def shape_of(layout: Layout, wanted: int | None) -> Shape:
    """What the root has, else what is wanted, else one node.

    Raises:
        NotThisMany: no such cluster, or another one than the root's.
    """
    if wanted is not None and wanted not in SIZES:
        raise NotThisMany(f"a broker of {wanted} nodes is not offered: {' or '.join(map(str, SIZES))}")
    found = Shape.of(layout)
    if found is None:
        return Shape(nodes=wanted or 1)
    if wanted is not None and wanted != found.nodes:
        raise NotThisMany(
            f"the broker under {layout.root} has {found.nodes} node{'s'[: found.nodes - 1]}, not {wanted}: "
            f"take another root, or remove {layout.kafka} and with it everything that the broker holds"
        )
    return found
