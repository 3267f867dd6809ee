"""Broker and database as containers of the official images, on the local Docker engine."""

import io
import tarfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from signal import Signals

from docker.errors import APIError, NotFound

from raccroche.stack import kafka, postgres
from raccroche.stack.containers import sweeping
from raccroche.stack.containers.engine import AWAY, engine, have
from raccroche.stack.containers.images import KAFKA_DATA, KAFKA_IMAGE, POSTGRES_IMAGE
from raccroche.stack.containers.owned import Owned
from raccroche.stack.drawing import ADMIN
from raccroche.stack.layout import Layout, kept_ports
from raccroche.stack.nodes import Node
from raccroche.stack.secrets import Secrets
from raccroche.stack.source import Broker, Database

RUNS_NO_MORE = {404, 409, 500}  # 500: the engine's answer to `unpause` of what is not paused


@dataclass(frozen=True)
class Containers:
    """Each is stood for by a process of ours, which the supervisor watches; blows strike the container itself."""

    layout: Layout

    def database(self, show: Callable[[str], None]) -> Database:
        have(POSTGRES_IMAGE, show)
        port = kept_ports(self.layout, ["postgres"])["postgres"]
        password = Secrets(self.layout).passwords[ADMIN]
        return Database(admin_dsn=postgres.admin_dsn(port, password), kind=f"a container of {POSTGRES_IMAGE}")

    def broker(self, nodes: Sequence[Node], show: Callable[[str], None]) -> Broker:
        have(KAFKA_IMAGE, show)
        self.layout.kafka.mkdir(parents=True, exist_ok=True)
        kafka.cluster_id(self.layout, nodes)
        what = "a container" if len(nodes) == 1 else f"{len(nodes)} containers"
        return Broker(bootstrap=",".join(node.address for node in nodes), kind=f"{what} of {KAFKA_IMAGE}", nodes=tuple(nodes))

    def begin(self) -> None:
        sweeping.remove(self.layout)
        with suppress(*AWAY):  # others' leavings must not keep this stack from starting; the next start tries again
            sweeping.sweep()
        owned = Owned(self.layout)
        with engine() as client:
            client.networks.create(owned.network, driver="bridge", labels=dict(owned.labels))

    def clear(self) -> int:
        return sweeping.remove(self.layout)

    def strike(self, name: str, blow: Signals) -> None:
        with engine() as client:
            try:
                container = client.containers.get(Owned(self.layout).name(name))
                match blow:
                    case Signals.SIGSTOP:
                        container.pause()
                    case Signals.SIGCONT:
                        container.unpause()
                    case _:
                        container.kill(blow.name)
            except APIError as refused:
                if refused.status_code not in RUNS_NO_MORE:
                    raise

    def is_still(self, name: str) -> bool:
        with engine() as client:
            try:
                return str(client.containers.get(Owned(self.layout).name(name)).status) == "paused"
            except NotFound:
                return False

    def recorded(self, node: Node, file: str) -> str | None:
        """Of a dead node nothing can be had: its container is gone."""
        return self._read(node.name, f"{KAFKA_DATA}/{file}")

    def wipe(self, nodes: Sequence[Node]) -> None:
        sweeping.forget(self.layout, *(node.name for node in nodes))

    def run(self, name: str, *words: str) -> str:
        """What a command says that is run within a container.

        Raises:
            ConnectionError: it cannot be run now, or ends otherwise than well.
        """
        with engine() as client:
            try:
                status, said = client.containers.get(Owned(self.layout).name(name)).exec_run(list(words))
            except APIError as refused:
                raise ConnectionError(f"{name}: {refused.explanation}") from None
        if status:
            raise ConnectionError(f"{name}: {words[0]} ended with status {status}: {said.decode(errors='replace')[-400:]}")
        return str(said.decode(errors="replace"))

    def _read(self, name: str, path: str) -> str | None:
        """A file of a container, running or paused."""
        with engine() as client:
            try:
                chunks, _ = client.containers.get(Owned(self.layout).name(name)).get_archive(path)
                content = b"".join(chunks)
            except APIError:  # not there, or it went while it was asked
                return None
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            file = archive.extractfile(archive.getmembers()[0])
            return file.read().decode() if file else None
