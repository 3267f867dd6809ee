"""Broker and database as this machine's own processes."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from signal import SIGQUIT, Signals

import psutil

from raccroche.stack import kafka, postgres
from raccroche.stack.children import lives, running, send
from raccroche.stack.drawing import ADMIN
from raccroche.stack.jars import fetch
from raccroche.stack.java import find_java
from raccroche.stack.layout import Layout, kept_ports
from raccroche.stack.nodes import Node
from raccroche.stack.secrets import Secrets
from raccroche.stack.source import Broker, Database


@dataclass(frozen=True)
class Processes:
    """Known by the pids that the supervisor wrote down, and by the folders of the root."""

    layout: Layout

    def database(self, _show: Callable[[str], None]) -> Database:
        found = postgres.find_binaries()
        password = Secrets(self.layout).passwords[ADMIN]
        postgres.initialise(self.layout, found, password)
        port = kept_ports(self.layout, ["postgres"])["postgres"]
        return Database(admin_dsn=postgres.admin_dsn(port, password), kind=found.why, binaries=str(found.folder))

    def broker(self, nodes: Sequence[Node], show: Callable[[str], None]) -> Broker:
        java = find_java()
        jars = fetch(show)
        kafka.initialise(self.layout, java, jars, nodes)
        what = "a local process" if len(nodes) == 1 else f"{len(nodes)} local processes"
        return Broker(
            bootstrap=",".join(node.address for node in nodes), kind=f"{what} on Java {java.version} from {java.why}", nodes=tuple(nodes),
            java={"path": java.path, "version": java.version, "why": java.why}, jars=str(jars),
        )  # fmt: skip

    def begin(self) -> None:
        """What an earlier supervisor left, the supervisor itself ends."""

    def clear(self) -> int:
        return 0

    def strike(self, name: str, blow: Signals) -> None:
        now = running(self.layout, name)
        if lives(now["pid"], now["born"]):
            send(now["pid"], blow, with_children=blow != SIGQUIT)  # which the postmaster tells its backends

    def is_still(self, name: str) -> bool:
        return bool(psutil.Process(running(self.layout, name)["pid"]).status() == psutil.STATUS_STOPPED)

    def recorded(self, node: Node, file: str) -> str | None:
        try:
            return (node.folder(self.layout) / "data" / file).read_text()
        except FileNotFoundError:
            return None

    def wipe(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            shutil.rmtree(node.folder(self.layout) / "data", ignore_errors=True)
