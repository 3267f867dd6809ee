"""The demonstration against containers: each kind is killed on the way, the image is changed under load, volumes are kept over down and up."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

from chassis.provision import dsn_of
from compose.engine import Engine, must
from compose.publishing import Publishers
from contracts.catalogue import TOPICS
from raccroche.demo.command import examine
from raccroche.demo.journey import Journey
from raccroche.demo.settling import settle
from raccroche.fiction import generate
from raccroche.ops.snapshot import Snapshot, compare, take
from raccroche.server.server import said
from raccroche.stack import SERVICES


@dataclass(kw_only=True)
class Strikes:
    """What happens beside the journey, a moment after each phase began; the journey asks again whatever was cut."""

    engine: Engine
    tag: str
    show: Callable[[str], None]
    done: list[str] = field(default_factory=list)
    publishers: Publishers

    async def during(self, phase: str) -> None:
        """A moment after the phase began."""
        planned: dict[str, Callable[[], Awaitable[None]]] = {
            "enrolments": lambda: self._inside("intake"),
            "leavers": lambda: self._outside("kafka"),
            "contacts and bilans": self._upgrade,
            "referrals": lambda: self._outside("postgres"),
            "deliveries": lambda: self._inside("transmission"),
            "late enrolments": self._listeners,
        }
        if phase in planned:
            await asyncio.sleep(0.3)
            await planned[phase]()

    async def _listeners(self) -> None:
        await asyncio.gather(*(self._inside(service) for service in ("followup", "offers", "history")))

    async def _inside(self, service: str) -> None:
        """SIGKILL to the process; the restart policy alone brings it back."""
        _, before = await self.engine.started(service)
        script = "for one in /proc/[0-9]*; do read -r name < $one/comm; case $name in python*) kill -9 ${one#/proc/};; esac; done"
        await self.engine.docker("exec", self.engine.container(service), "bash", "-c", script)
        async with asyncio.timeout(60):
            while (await self.engine.started(service))[1] == before:
                await asyncio.sleep(0.2)
        await self.engine.until_healthy(service)
        self._did(f"{service} killed, started again by its restart policy")

    async def _outside(self, service: str) -> None:
        """SIGKILL to the whole container, and start it again."""
        before, _ = await self.engine.started(service)
        await self.engine.docker("kill", self.engine.container(service))
        await self.engine.docker("start", self.engine.container(service))
        await self.engine.until_healthy(service)
        must((await self.engine.started(service))[0] != before, f"{service} was not started again")
        self._did(f"{service} killed and started again")

    async def _upgrade(self) -> None:
        """Another image for every service while commands come; each is asked until it is answered, and none has its effect twice."""
        old = await self.engine.docker("inspect", "-f", "{{.Image}}", self.engine.container("offers"))
        self.engine.tag = self.tag
        stopping = asyncio.Event()
        publishing = asyncio.create_task(self.publishers.publish_until(stopping))
        began = time.monotonic()
        await self.engine.up()
        stopping.set()
        await publishing
        new = await self.engine.docker("inspect", "-f", "{{.Image}}", self.engine.container("offers"))
        must(new != old, "the upgrade changed nothing")
        self._did(
            f"image changed in {time.monotonic() - began:.0f} s, {len(self.publishers.waits)} commands meanwhile, "
            f"the longest wait {max(self.publishers.waits.values()):.1f} s"
        )

    def _did(self, what: str) -> None:
        self.done.append(what)
        self.show(f"— {what}")


@dataclass(kw_only=True)
class Disturbed(Journey):
    """A journey whose phases end when what happened beside them is over."""

    strikes: Strikes

    async def _phase(self, name: str, work: Coroutine[None, None, None]) -> None:
        strike = asyncio.create_task(self.strikes.during(name))
        await super()._phase(name, work)
        await strike


async def play(engine: Engine, people: int, seed: int, show: Callable[[str], None]) -> dict[str, object]:
    """The journey with strikes, its report, the same report after down and up.

    Raises:
        Wrong: something is not as promised.
    """
    server = engine.server
    began = time.monotonic()
    await engine.up()
    show(f"— up and healthy after {time.monotonic() - began:.0f} s")
    broker, database = await said(server)
    strikes = Strikes(engine=engine, tag=f"{engine.tag}-next", show=show, publishers=Publishers(engine=engine))
    journey = Disturbed(stack=server, fiction=generate(people, seed), show=show, strikes=strikes)
    began = time.monotonic()
    await journey.play()
    must(len(strikes.done) == 8, f"only {strikes.done} happened")
    async with journey.observing() as observers:
        await settle(observers, show)
    result, _ = await examine(server, journey)
    must(not result.differences, f"differs from the truth: {', '.join(result.differences)}")
    show(f"— {result.document['detections']} detections, every figure is the truth's, chains {result.document['chain_verified']}")
    before = await _snapshot(engine)
    await strikes.publishers.each_once()
    await engine.down()
    await engine.up()
    async with journey.observing() as observers:
        await settle(observers, show)
    again, _ = await examine(server, journey)
    must(again.document == result.document, "the report after down and up is another one")
    found = compare(before, await _snapshot(engine))
    must(not found, f"not the same after down and up: {', '.join(one.what for one in found)}")
    show("— down and up: every record and every row is there")
    return {
        **result.document, "people": people, "seed": seed, "broker": broker, "database": database, "strikes": strikes.done,
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip


async def _snapshot(engine: Engine) -> Snapshot:
    databases = {f"raccroche_{name}": dsn_of(engine.server.admin_dsn, database=f"raccroche_{name}") for name in SERVICES}
    return await take(engine.server.bootstrap, [topic.name for topic in TOPICS], databases)
