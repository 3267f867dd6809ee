"""Where broker and database come from: this machine's own processes, or containers. Whoever uses a stack does not know."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from signal import Signals
from typing import Protocol

from raccroche.stack.nodes import Node


@dataclass(frozen=True, kw_only=True)
class Database:
    """binaries: of a local process."""

    admin_dsn: str
    kind: str
    binaries: str | None = None


@dataclass(frozen=True, kw_only=True)
class Broker:
    """Without nodes it is somebody else's. java, jars: of local processes."""

    bootstrap: str
    kind: str
    nodes: tuple[Node, ...] = ()
    java: Mapping[str, object] | None = None
    jars: str | None = None


class Source(Protocol):
    """Both of them under one root."""

    def database(self, show: Callable[[str], None]) -> Database:
        """Make ready what a start needs."""

    def broker(self, nodes: Sequence[Node], show: Callable[[str], None]) -> Broker: ...

    def begin(self) -> None:
        """Before the first start: nothing of an earlier life is in the way."""

    def clear(self) -> int:
        """After the last end: nothing is left but the data; how much was."""

    def strike(self, name: str, blow: Signals) -> None:
        """A signal to one of them and all that it started; nothing where it is dead already.

        SIGSTOP and SIGCONT: it stands still, it goes on.
        """

    def is_still(self, name: str) -> bool: ...

    def recorded(self, node: Node, file: str) -> str | None:
        """A small file of the node's log folder, none where there is none, or none can be had now."""

    def wipe(self, nodes: Sequence[Node]) -> None:
        """Destroy all that these nodes keep; they must be down."""
