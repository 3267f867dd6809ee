"""A process of the service is killed: at random times, and at each named step of handler, relay and consumer."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from faults.ground import Ground
from faults.scenario import OFFERS, WITH_A_BUG, Scenario, bitten
from faults.service import Service

HANDLER_STEPS = ("handler_before_commit", "handler_after_commit")
RELAY_STEPS = ("relay_after_select", "relay_after_chain_commit", "relay_after_first_ack", "relay_after_acks")
CONSUMER_STEPS = ("consumer_before_first_write", "consumer_mid_batch", "consumer_after_effects", "consumer_before_commit",
                  "consumer_before_group_commit")  # fmt: skip
LATEST = 10
AT_RANDOM = "SIGKILL at a random time"
PAUSE = 0.02
"""Seconds between two commands of a client: the processor is for those who start again."""


async def killed_at_random(ground: Ground) -> None:
    """kill -9 of the service's instances at random times under load: what was acknowledged stays, and is done once."""
    for name in ("one", "two", "three")[: int(ground.span(3, 1))]:
        await ground.serve(name, environment={"SPECIMEN_MEMBER": name})
    wanted, until = ground.span(55, 4), time.monotonic() + ground.span(120, 25)

    def enough() -> bool:
        return ground.struck[AT_RANDOM] >= wanted or time.monotonic() > until

    async def strike(service: Service) -> None:
        while not enough():
            await asyncio.sleep(ground.rng.uniform(0.1, 0.8))
            ground.strike(AT_RANDOM, service.kill(), kills=True)
            await service.ready()

    loading = ground.load(12, 150, WITH_A_BUG, pause=PAUSE, enough=enough)
    await asyncio.gather(loading, *(strike(service) for service in ground.services))
    await ground.load(8, 2, OFFERS)
    bitten(ground, AT_RANDOM, "client heard nothing")


@dataclass(kw_only=True)
class Arming:
    """Draws a failpoint for each life: one that was reached least often, the nth time that it is passed, until all were often enough."""

    ground: Ground
    names: Sequence[str]
    times: int
    rng: random.Random
    drawn: list[str] = field(default_factory=list)

    def __call__(self) -> str | None:
        if self.done:
            return None
        fewest = min(self.names, key=lambda name: (self.ground.deaths[name], self.drawn.count(name)))
        self.drawn.append(fewest)
        return f"{fewest}:{self.rng.randint(1, LATEST)}"

    @property
    def done(self) -> bool:
        return all(self.ground.deaths[name] >= self.times for name in self.names)


def killed_at(names: Sequence[str], *, times: int, briefly: int, patience: float) -> Callable[[Ground], Awaitable[None]]:
    async def play(ground: Ground) -> None:
        """The process ends itself by SIGKILL at each of these steps, often, while commands come: nothing is lost, nothing is done twice."""
        await ground.serve_door()
        arming = Arming(ground=ground, names=names, times=int(ground.span(times, briefly)), rng=ground.rng)
        for name in ("one", "two", "three")[: int(ground.span(3, 2))]:
            await ground.serve(name, arm=arming, environment={"SPECIMEN_MEMBER": name}, patiently=False)
        if not names[0].startswith("consumer"):
            ground.services[0].arm = arming
            ground.strike("SIGKILL to arm it", ground.services[0].kill(), kills=True)
        await ground.load(8, patience, OFFERS, pause=PAUSE, enough=lambda: arming.done)
        arming.times = 0
        for service in ground.services:
            ground.strike("SIGKILL to disarm it", service.kill(), kills=True)  # the next life is armed with nothing
        await asyncio.gather(*(service.ready() for service in ground.services))
        await ground.load(8, 3, OFFERS)
        bitten(ground, *names)

    return play


SCENARIOS = (
    Scenario(
        name="killed at random times", guarantee="G1", also=("G2", "G3", "G7", "G11"), smoke=True, operations=300, play=killed_at_random,
    ),
    Scenario(
        name="the handler killed before and after its commit", guarantee="G1", also=("G2", "G3", "G11"), smoke=True, operations=100,
        play=killed_at(HANDLER_STEPS, times=13, briefly=2, patience=100),
    ),
    Scenario(
        name="the relay killed at each step", guarantee="G3", also=("G4", "G5"), smoke=True, operations=100,
        play=killed_at(RELAY_STEPS, times=9, briefly=1, patience=110),
    ),
    Scenario(
        name="the consumer killed at each step", guarantee="G7", also=("G8", "G9"), smoke=True, operations=100,
        play=killed_at(CONSUMER_STEPS, times=8, briefly=1, patience=120),
    ),
)  # fmt: skip
