"""A stack as its users handle it: up, down, addresses, tokens; what it took for broker and database, and why."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import asyncpg
import httpx

from chassis.provision import AUDITOR, dsn_of
from raccroche.stack import faults, network
from raccroche.stack.children import end, end_leftovers, lives
from raccroche.stack.choosing import source_of
from raccroche.stack.cluster import Cluster
from raccroche.stack.layout import SERVICES, Layout, kept_ports, read_json
from raccroche.stack.network import NoNetwork
from raccroche.stack.nodes import Node, NotThisBroker, Shape
from raccroche.stack.planning import Wish, check, planned
from raccroche.stack.programs import Plan
from raccroche.stack.secrets import Secrets
from raccroche.stack.source import Source

UP_SECONDS = 180.0
DOWN_SECONDS = 120.0
SECONDS_A_DAY = 86_400


class NotUp(Exception):
    """The stack could not be brought up, or is not; says why and where to look."""


def quiet(_: str) -> None:
    """Shows nothing."""


class Stack:
    """One stack under one root.

    services: which of the five to run. nodes: of the broker, 1 or 3; not said, those that the root has.
    namespaces: each node in a network of its own, so that it can be isolated (Linux and root only); not said, as the root has it.
    containers: broker and database as containers, not as processes; not said, as the root has it, or `RACCROCHE_STACK` says.
    environment: more variables per service. show: told what goes on.
    """

    def __init__(
        self, root: Path, *, services: tuple[str, ...] = SERVICES, nodes: int | None = None, namespaces: bool | None = None,
        containers: bool | None = None, environment: Mapping[str, Mapping[str, str]] | None = None, show: Callable[[str], None] = quiet,
    ) -> None:  # fmt: skip
        self.layout = Layout(root)
        self.services = services
        self._wish = Wish(services=services, environment=environment or {}, nodes=nodes, namespaces=namespaces, containers=containers)
        self._show = show
        self._secrets = Secrets(self.layout)
        self._spawned = 0.0

    @property
    def root(self) -> Path:
        return self.layout.root

    async def up(self) -> bool:
        """Bring everything up and wait until it is ready; False when it was up already.

        Raises:
            NotUp: something did not start; everything that did is stopped again.
        """
        if self.is_up():
            self._or_not_up(lambda: check(self.layout, self._wish))
            return False
        self.layout.make()
        self._secrets.make(first=not self.layout.plan.exists())  # where there is a plan there may be a database that knows them
        self.layout.clock_offset.touch()
        self._or_not_up(lambda: planned(self.layout, self._wish, self._show)).save(self.layout.plan)
        if not lives(self.status().get("pid"), self.status().get("born")):
            self._spawn()
        await self._until_up()
        return True

    def advance_clock(self, days: int) -> int:
        """Move the services' clock forward; by how many days it is ahead then."""
        file = self.layout.clock_offset
        offset = int(file.read_text() or 0) + days * SECONDS_A_DAY
        file.write_text(str(offset))
        return offset // SECONDS_A_DAY

    def is_up(self) -> bool:
        state = self.status()
        return state.get("phase") == "up" and lives(state.get("pid"), state.get("born"))

    def status(self) -> dict[str, object]:
        """What the supervisor wrote last: phase, processes with pid, port, since and restarts, events."""
        return read_json(self.layout.state)

    async def down(self) -> bool:
        """Stop what `up` started, and nothing else; False when nothing ran."""
        before = self.status()
        pid, birth = before.get("pid"), before.get("born")
        supervised = lives(pid, birth)
        if supervised:
            await asyncio.to_thread(end, pid, birth, signal.SIGTERM, DOWN_SECONDS)  # type: ignore[arg-type]  # lives() checked both
        left = await asyncio.to_thread(end_leftovers, self.status())
        left += await asyncio.to_thread(self.source.clear)
        self._or_not_up(lambda: network.remove(self.layout))
        return supervised or left > 0

    async def kill(self, name: str) -> None:
        """SIGKILL to one process of the stack and all that it started; the supervisor starts it again."""
        faults.strike(self.layout, name, signal.SIGKILL)

    async def crash(self, name: str) -> None:
        """PostgreSQL's immediate shutdown (SIGKILL for the others); the supervisor starts it again."""
        faults.crash(self.layout, name)

    async def pause(self, name: str) -> None:
        """SIGSTOP: it lives, keeps its connections and does nothing."""
        await faults.pause(self.layout, name)

    async def resume(self, name: str) -> None:
        faults.strike(self.layout, name, signal.SIGCONT)

    async def hold(self, name: str) -> None:
        """SIGKILL, and down it stays until `release`."""
        await faults.hold(self.layout, name)

    async def release(self, name: str) -> None:
        """Returns when it was started again, which is before it is ready."""
        await faults.release(self.layout, name)

    async def isolate(self, name: str) -> None:
        """Cut a node of the broker off from its peers and from everybody, until `rejoin`; it goes on running.

        Raises:
            NotUp: the node has no network of its own.
        """
        network.cut(self.layout, self._apart(name))

    async def rejoin(self, name: str) -> None:
        network.mend(self.layout, self._apart(name))

    async def mute(self, name: str, towards: str | None = None) -> None:
        """An asymmetric cut until `unmute`: what this node of the broker sends is lost, what is sent to it arrives.

        towards: another node; none, everybody who is no node, which is every client.

        Raises:
            NotUp: the node has no network of its own.
        """
        node = self._apart(name)
        network.silence(self.layout, node, self._apart(towards).host if towards else network.outside(node))

    async def unmute(self, name: str, towards: str | None = None) -> None:
        node = self._apart(name)
        network.unsilence(self.layout, node, self._apart(towards).host if towards else network.outside(node))

    async def lose_broker(self) -> None:
        """Every node is destroyed with all that it held while everything else goes on; new, empty ones start under another cluster id.

        Returns when they were started, which is before they are ready. Nobody makes the topics again.
        """
        await faults.lose_broker(self.layout, Plan.load(self.layout.plan))

    def _apart(self, name: str) -> Node:
        for node in Plan.load(self.layout.plan).nodes:
            if node.name == name and node.apart:
                return node
        raise NotUp(f"{name} is no broker node with a network of its own: Stack(root, nodes=3, namespaces=True)")

    @property
    def source(self) -> Source:
        """Where broker and database come from."""
        return source_of(self.layout)

    @property
    def bootstrap(self) -> str:
        return Plan.load(self.layout.plan).bootstrap

    @property
    def cluster(self) -> Cluster:
        """Who leads, coordinates, controls."""
        return Cluster(source=self.source, nodes=Plan.load(self.layout.plan).nodes)

    @property
    def admin_dsn(self) -> str:
        return Plan.load(self.layout.plan).admin_dsn

    def auditor_dsn(self, database: str) -> str:
        return dsn_of(self.admin_dsn, database=database, user=AUDITOR, password=self._secrets.passwords[AUDITOR])

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{Plan.load(self.layout.plan).ports[name]}"

    def issue_token(
        self, role: str, *, uai: str | None = None, territory: tuple[str, ...] = (), organisation: str | None = None, sub: str | None = None
    ) -> str:
        return self._secrets.token(role, uai=uai, territory=territory, organisation=organisation, sub=sub)

    @property
    def broker_said(self) -> str:
        return str(self._said("broker"))

    @property
    def database_said(self) -> str:
        return str(self._said("database"))

    def _said(self, what: str) -> object:
        said = self.status().get("said")
        return said.get(what) if isinstance(said, dict) else None

    async def unready(self) -> dict[str, list[str]]:
        """The services that are not ready, and what each misses."""
        async with httpx.AsyncClient(timeout=3) as client:
            answers = await asyncio.gather(*(self._missing(client, name) for name in self.services))
        return {name: missing for name, missing in zip(self.services, answers, strict=True) if missing}

    async def _missing(self, client: httpx.AsyncClient, name: str) -> list[str]:
        try:
            answer = await client.get(f"{self.address(name)}/ready")
            return list(answer.json()["missing"])
        except (httpx.HTTPError, ValueError, KeyError):
            return ["does not answer"]

    def wipe_broker(self) -> None:
        """Lose everything that the broker holds, but not how many nodes it has; the stack must be down."""
        self._must_be_down()
        shape = Shape.of(self.layout)
        if shape is not None:
            self.source.wipe(shape.laid_out(kept_ports(self.layout, shape.port_names)))
        shutil.rmtree(self.layout.kafka)
        if shape is not None:
            shape.keep(self.layout)

    async def wipe_database(self, name: str) -> None:
        """Drop one database; the stack must be down. Starts broker and database, without services, for as long as it takes."""
        self._must_be_down()
        alone = Stack(self.root, services=())
        await alone.up()
        try:
            connection = await asyncpg.connect(self.admin_dsn)
            try:
                await connection.execute(f'drop database "{name}" with (force)')
            finally:
                await connection.close()
        finally:
            await alone.down()

    def _must_be_down(self) -> None:
        if self.is_up():
            raise NotUp("take the stack down first")

    @staticmethod
    def _or_not_up[T](done: Callable[[], T]) -> T:
        try:
            return done()
        except (NotThisBroker, NoNetwork) as refused:
            raise NotUp(str(refused)) from None

    def _spawn(self) -> None:
        with (self.layout.log / "supervisor.log").open("ab") as log:
            subprocess.Popen(  # noqa: S603 -- this interpreter, our own module
                [sys.executable, "-m", "raccroche.stack.supervisor", str(self.root)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._spawned = time.time()

    async def _until_up(self) -> None:
        until = time.monotonic() + UP_SECONDS
        told = ""
        while time.monotonic() < until:
            state = self.status()
            phase = str(state.get("phase", "starting"))
            fresh = float(str(state.get("born") or 0)) >= self._spawned - 2
            if fresh and phase.startswith("failed"):
                raise NotUp(f"{phase.removeprefix('failed: ')} (logs: {self.layout.log})")
            if fresh and phase == "up":
                missing = await self.unready()
                if not missing:
                    self._show(f"{self.broker_said}; {self.database_said}")
                    return
                now = "waiting for " + ", ".join(missing)
                if now != told:
                    self._show(told := now)
            await asyncio.sleep(0.1)
        raise NotUp(f"not ready within {UP_SECONDS:.0f} s: {await self.unready() or self.status().get('phase')} (logs: {self.layout.log})")
