"""Where a scenario happens: one database and the topic made anew, the processes of the service, its clients, and what struck them."""

import asyncio
import json
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
from confluent_kafka import KafkaException

from chassis.provision import AUDITOR, Database, chassis_migrations, dsn_of, provision
from faults.clients import Call, Clients, never
from faults.evidence import TABLES, ends
from faults.nursery import Nursery
from faults.service import Service, armed_with_nothing
from faults.topic import TOPIC, make_anew
from raccroche.stack import Stack

TESTS = Path(__file__).resolve().parents[1]
HISTORY_MIGRATIONS = TESTS.parent / "services" / "history" / "migrations"
CALM_SECONDS = 90.0
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, KafkaException)


@dataclass(kw_only=True)
class Ground:
    """Fresh for each scenario.

    brief: the short form. struck: faults injected, by name; killed: those of them that ended a process without its leave.
    came_of_it: what was seen to change by them. figures: what was measured. said_again: records that the scenario itself repeats.
    consumer: the name of the specimen's consumer, another in each scenario, so that no dead member of the last one is waited for.
    """

    stack: Stack
    folder: Path
    rng: random.Random
    brief: bool = False
    dsns: dict[str, str] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)
    nurseries: dict[str, Nursery] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    came_of_it: Counter[str] = field(default_factory=Counter)
    figures: dict[str, float | int | str] = field(default_factory=dict)
    other_operations: int = 0
    said_again: int = 0
    poison: int = 0
    mended: bool = False
    consumer: str = field(default_factory=lambda: f"specimen-{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.clients = Clients(token=self.stack.issue_token("ops"), rng=self.rng, came_of_it=self.came_of_it)

    def span(self, whole: float, brief: float) -> float:
        """Seconds, or how many, in the whole form and in the short one."""
        return brief if self.brief else whole

    def strike(self, what: str, times: int = 1, *, kills: bool = False) -> None:
        """Note that something was struck; kills: a process was ended without its leave."""
        if times:
            self.struck[what] += times
            self.killed[what] += times if kills else 0

    async def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        made = Database(name=f"fault_{uuid4().hex[:10]}", migrations=(chassis_migrations(), HISTORY_MIGRATIONS))
        roles = {suffix: f"{made.name}_{suffix}" for suffix in made.login_roles}
        await provision(self.stack.admin_dsn, [made], {**dict.fromkeys(roles.values(), "fault"), AUDITOR: "fault"})
        admin = self.stack.admin_dsn
        self.dsns = {suffix: dsn_of(admin, database=made.name, user=role, password="fault") for suffix, role in roles.items()}
        self.dsns |= {"admin": dsn_of(admin, database=made.name), "name": made.name}
        async with self.admin() as connection:
            for table in TABLES:
                await connection.execute(
                    f"create table {table} (offer_id text primary key, times integer not null, last integer not null, trail text not null);"
                    f"grant select, insert, update, delete on {table} to {made.name}_consumer; grant select on {table} to {made.name}_app"
                )
        await make_anew(self.stack.bootstrap, replication=len(self.nodes))

    @property
    def nodes(self) -> list[str]:
        """The broker's processes."""
        return [name for name in self.stack.status()["processes"] if name.startswith("kafka")]  # type: ignore[union-attr]

    def admin(self) -> "_Connected":
        return _Connected(self.dsns["admin"])

    async def serve(
        self, name: str = "one", *, arm: Callable[[], str | None] = armed_with_nothing, environment: Mapping[str, str] | None = None,
        patiently: bool = True,
    ) -> Service:  # fmt: skip
        """Start an instance; patiently: return when it is ready."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        secrets = self.stack.layout.secrets
        service = Service(
            nursery=self._nursery(environment or {}), name=name, port=port, log=self.folder / f"{name}.log", arm=arm,
            environment={
                **os.environ, "APP_DSN": self.dsns["app"], "CONSUMER_DSN": self.dsns["consumer"], "RELAY_DSN": self.dsns["relay"],
                "KAFKA_BOOTSTRAP_SERVERS": self.stack.bootstrap, "HTTP_PORT": str(port), "TOKENS_JWKS_FILE": str(secrets / "jwks.json"),
                "TOKENS_ISSUER": "urn:raccroche:local", "TOKENS_AUDIENCE": "raccroche", "REFILL": "local",
                "SPECIMEN_CONSUMER": self.consumer,
                **(environment or {}),
            },
        )  # fmt: skip
        self.services.append(service)
        await service.start()
        if patiently:
            await service.ready()
        return service

    def _nursery(self, environment: Mapping[str, str]) -> Nursery:
        """One for each hash seed, which a fork cannot choose."""
        seed = environment.get("PYTHONHASHSEED", "0")
        if seed not in self.nurseries:
            path = os.pathsep.join((str(TESTS), str(TESTS.parent / "chassis" / "tests")))
            self.nurseries[seed] = Nursery(environment={"PYTHONHASHSEED": seed, "PYTHONPATH": path})
        return self.nurseries[seed]

    async def serve_door(self) -> Service:
        """An instance that takes commands and counts nothing: it is in a group of its own."""
        return await self.serve("door", environment={"SPECIMEN_CONSUMER": f"door-{self.consumer}", "SPECIMEN_TABLE": ""})

    async def load(
        self, count: int, seconds: float, offers: Sequence[str], *, copies: float = 0.1, pause: float = 0,
        enough: Callable[[], bool] = never,
    ) -> None:  # fmt: skip
        """Clients at all instances; see there."""
        ports = [service.port for service in self.services]
        await self.clients.insist(count, seconds, offers, ports, copies=copies, pause=pause, enough=enough)

    async def hold(self, web: httpx.AsyncClient, command: UUID, offer: str) -> Call:
        return await self.clients.hold(web, command, offer, [service.port for service in self.services], self.rng)

    async def calm(self, patience: float = CALM_SECONDS) -> float:
        """Wait until everything said is heard, without any act of ours; the seconds that it took.

        Raises:
            RuntimeError: it does not come to rest.
        """
        began = time.monotonic()
        while time.monotonic() - began < patience:
            try:
                if await self._at_rest():
                    return time.monotonic() - began
            except AWAY:
                pass
            await asyncio.sleep(0.2)
        raise RuntimeError("the service does not come to rest")

    async def _at_rest(self) -> bool:
        async with self.admin() as admin:
            if await admin.fetchval("select exists (select 1 from outbox)"):
                return False
            marks = await admin.fetch("select partition, next_offset from marks where consumer = $1 and topic = $2", self.consumer, TOPIC)
        found = {row["partition"]: row["next_offset"] for row in marks}
        return all(found.get(partition, 0) == end for partition, end in (await asyncio.to_thread(ends, self.stack.bootstrap)).items())

    async def leave(self) -> None:
        await asyncio.gather(*(service.stop() for service in self.services))
        await asyncio.gather(*(nursery.close() for nursery in self.nurseries.values()))
        lines = [
            json.dumps({"command": str(c.command), "offer": c.offer, "began": c.began, "ended": c.ended, "status": c.status})
            for c in self.clients.calls
        ]
        (self.folder / "calls.jsonl").write_text("\n".join(lines))

    @property
    def deaths(self) -> Counter[str]:
        return sum((service.deaths for service in self.services), Counter())

    @property
    def kills(self) -> int:
        """Processes that were ended without their leave, by a signal from outside or at a failpoint."""
        return sum(self.killed.values()) + sum(count for name, count in self.deaths.items() if not name.startswith("exit"))

    @property
    def interruptions(self) -> int:
        """How often a relay may have been stopped between saying and noting it."""
        restarts = sum(service.said("relay starts again") for service in self.services)
        return 1 + sum(self.struck.values()) + sum(self.deaths.values()) + restarts


class _Connected:
    """A connection for the length of a block."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def __aenter__(self) -> asyncpg.Connection:
        self._connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=60)
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        self._connection.terminate()
