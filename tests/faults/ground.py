"""Where a scenario happens: servers, one database, the topic, the processes of the service, its clients and what they lived."""

import asyncio
import dataclasses
import json
import os
import random
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx

from chassis.provision import AUDITOR, Database, chassis_migrations, dsn_of, provision
from chassis.topics import ensure_topics
from contracts.catalogue import Topic
from raccroche.stack import Stack

TOPIC = "raccroche.offers"
TESTS = Path(__file__).resolve().parents[1]
COUNTED = "create table counted (offer_id text primary key, times integer not null, last integer not null)"
CALM_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One command as its client lived it. status: none where the client never learnt it."""

    command: UUID
    offer: str
    began: int
    ended: int
    status: int | None
    answer: bytes


@dataclass(kw_only=True)
class Service:
    """One instance of the specimen, started again whenever it dies."""

    name: str
    port: int
    environment: dict[str, str]
    log: Path
    failpoints: list[str] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None
    deaths: Counter[str] = field(default_factory=Counter)
    stopped: bool = False
    watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.watching = asyncio.create_task(self._supervise())

    async def _supervise(self) -> None:
        while not self.stopped:
            armed = self.failpoints.pop(0) if self.failpoints else None
            environment = {**self.environment, **({"FAILPOINT": armed} if armed else {})}
            with self.log.open("ab") as log:
                self.process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "faults.specimen", env=environment, stdout=log, stderr=log
                )
            code = await self.process.wait()
            if not self.stopped:
                self.deaths[armed.partition(":")[0] if armed and code == -signal.SIGKILL else f"exit {code}"] += 1
                await asyncio.sleep(0.1)

    def kill(self) -> bool:
        return self.signal(signal.SIGKILL)

    def signal(self, what: signal.Signals) -> bool:
        if self.process is None or self.process.returncode is not None:
            return False
        self.process.send_signal(what)
        return True

    async def stop(self) -> None:
        self.stopped = True
        self.signal(signal.SIGCONT)
        self.kill()
        if self.watching is not None:
            await self.watching


@dataclass(kw_only=True)
class Ground:
    """Fresh for each scenario: database and topic anew."""

    stack: Stack
    folder: Path
    rng: random.Random
    dsns: dict[str, str] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    token: str = ""

    async def prepare(self, *, replication: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.token = self.stack.issue_token("ops")
        made = Database(name=f"fault_{uuid4().hex[:10]}", migrations=(chassis_migrations(),))
        roles = {suffix: f"{made.name}_{suffix}" for suffix in made.login_roles}
        await provision(self.stack.admin_dsn, [dataclasses.replace(made)], {**dict.fromkeys(roles.values(), "fault"), AUDITOR: "fault"})
        self.dsns = {
            suffix: dsn_of(self.stack.admin_dsn, database=made.name, user=role, password="fault") for suffix, role in roles.items()
        } | {"admin": dsn_of(self.stack.admin_dsn, database=made.name), "name": made.name}
        async with self.admin() as admin:
            await admin.execute(
                f"{COUNTED}; grant select, insert, update, delete on counted to {made.name}_consumer; grant select on counted to {made.name}_app"
            )
        await self.fresh_topic(replication)

    async def fresh_topic(self, replication: int) -> None:
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": self.stack.bootstrap, "log_level": 0})

        def delete() -> None:
            if TOPIC in admin.list_topics(timeout=20).topics:
                admin.delete_topics([TOPIC])[TOPIC].result(20)

        await asyncio.to_thread(delete)
        for _ in range(40):
            await asyncio.sleep(0.25)
            try:
                await ensure_topics(self.stack.bootstrap, [Topic(name=TOPIC, speaker="offers", partitions=6)], replication=replication)
                if TOPIC in (await asyncio.to_thread(admin.list_topics, None, 20)).topics:
                    return
            except Exception:  # noqa: BLE001 -- the old topic is still going
                continue
        raise RuntimeError("the topic could not be made anew")

    def admin(self):
        return _connected(self.dsns["admin"])

    async def serve(
        self, name: str = "one", *, failpoints: list[str] | None = None, environment: Mapping[str, str] | None = None
    ) -> Service:
        """Start an instance and wait until it is ready."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        secrets = self.stack.layout.secrets
        service = Service(
            name=name, port=port, log=self.folder / f"{name}.log", failpoints=failpoints or [],
            environment={
                **os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent / "chassis" / "tests"))),
                "APP_DSN": self.dsns["app"], "CONSUMER_DSN": self.dsns["consumer"], "RELAY_DSN": self.dsns["relay"],
                "KAFKA_BOOTSTRAP_SERVERS": self.stack.bootstrap, "HTTP_PORT": str(port), "TOKENS_JWKS_FILE": str(secrets / "jwks.json"),
                "TOKENS_ISSUER": "urn:raccroche:local", "TOKENS_AUDIENCE": "raccroche", "REFILL": "local", "INSTANCE": name, **(environment or {}),
            },
        )  # fmt: skip
        self.services.append(service)
        await service.start()
        await self.ready(service)
        return service

    async def ready(self, service: Service, patience: float = 60.0) -> float:
        """Seconds until it is ready."""
        began = time.monotonic()
        async with httpx.AsyncClient(timeout=2) as client:
            while time.monotonic() - began < patience:
                try:
                    if (await client.get(f"http://127.0.0.1:{service.port}/ready")).status_code == 200:
                        return time.monotonic() - began
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        raise RuntimeError(f"{service.name} does not become ready; see {service.log.name}")

    async def clients(self, count: int, seconds: float, offers: list[str], *, copies: float = 0.1) -> None:
        """So many clients insist on holding seats, each with keys of its own, until the time is over."""
        until = time.monotonic() + seconds
        async with httpx.AsyncClient(timeout=5, limits=httpx.Limits(max_connections=count * 2)) as web:

            async def client(number: int) -> None:
                rng = random.Random(self.rng.random() + number)
                while time.monotonic() < until:
                    command, offer = uuid4(), rng.choice(offers)
                    twice = 2 if rng.random() < copies else 1
                    await asyncio.gather(*(self.hold(web, command, offer, rng) for _ in range(twice)))

            await asyncio.gather(*(client(number) for number in range(count)))

    async def hold(self, web: httpx.AsyncClient, command: UUID, offer: str, rng: random.Random, *, patience: int = 60) -> Call:
        """Ask until there is a definite answer, at any instance."""
        began, status, answer = time.monotonic_ns(), None, b""
        for _ in range(patience):
            service = rng.choice(self.services)
            try:
                reply = await web.post(
                    f"http://127.0.0.1:{service.port}/hold", json={"offer_id": offer},
                    headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": str(command)},
                )  # fmt: skip
            except httpx.HTTPError:
                self.struck["client heard nothing"] += 1
                await asyncio.sleep(0.05 + rng.random() * 0.3)
                continue
            if reply.status_code < 500:
                status, answer = reply.status_code, reply.content
                break
            self.struck[f"answered {reply.status_code}"] += 1
            await asyncio.sleep(0.05 + rng.random() * 0.3)
        call = Call(command=command, offer=offer, began=began, ended=time.monotonic_ns(), status=status, answer=answer)
        self.calls.append(call)
        return call

    async def calm(self, patience: float = CALM_SECONDS) -> float:
        """Wait until everything said is heard; the seconds that it took.

        Raises:
            RuntimeError: it does not come to rest.
        """
        began = time.monotonic()
        while time.monotonic() - began < patience:
            try:
                if await self._at_rest():
                    return time.monotonic() - began
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                self.struck["calm: database away"] += 1
            await asyncio.sleep(0.2)
        raise RuntimeError("the service does not come to rest")

    async def _at_rest(self) -> bool:
        from faults.oracles import ends

        async with self.admin() as admin:
            if await admin.fetchval("select exists (select 1 from outbox)"):
                return False
            marks = {
                row["partition"]: row["next_offset"]
                for row in await admin.fetch("select partition, next_offset from marks where consumer = 'specimen'")
            }
        return all(marks.get(partition, 0) == end for partition, end in (await asyncio.to_thread(ends, self.stack.bootstrap)).items())

    async def leave(self) -> None:
        for service in self.services:
            await service.stop()
        (self.folder / "calls.jsonl").write_text("".join(json.dumps({
            "command": str(call.command), "offer": call.offer, "began": call.began, "ended": call.ended, "status": call.status,
        }) + "\n" for call in self.calls))  # fmt: skip

    @property
    def deaths(self) -> Counter[str]:
        return sum((service.deaths for service in self.services), Counter())


class _connected:
    """A connection for the length of a block."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def __aenter__(self) -> asyncpg.Connection:
        self._connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=30)
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        self._connection.terminate()
