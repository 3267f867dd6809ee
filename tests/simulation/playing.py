"""One seed, one verdict: plays a world to its rest and asks the oracles; the same seed always gives the same story."""

import asyncio
import hashlib
import random
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from simulation.broker import PARTITIONS
from simulation.members import heard_anew, hearing, position, redrive
from simulation.oracles import Fault, faults
from simulation.outside import client, trouble
from simulation.processes import Process
from simulation.speaking import answering, relaying
from simulation.variants import NeverQuiet, Rates, Variant
from simulation.virtual import NothingWillHappen, play
from simulation.world import World

STORM_SECONDS = 3.0
REDRIVE_SECONDS = 1.5
PATIENCE_SECONDS = 180.0
LONGEST_SECONDS = 900.0
"""Virtual seconds of a whole run; no sound one comes near it."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """story: a digest of all that was stored, said and shown; two runs of a seed must agree on it."""

    seed: int
    faults: tuple[Fault, ...]
    struck: dict[str, int]
    operations: int
    story: str


def run_seed(seed: int, variant: Variant | None = None, rates: Rates | None = None) -> Verdict:
    """Play one world."""
    random.seed(seed)  # the core draws the pauses between its retries from here
    world = World(seed=seed, variant=variant or Variant(), rates=rates or Rates())
    try:
        found = tuple(play(asyncio.wait_for(_whole(world), LONGEST_SECONDS)))
    except (NeverQuiet, NothingWillHappen, TimeoutError) as stall:
        found = (Fault(guarantee="G8", what="stall", detail=type(stall).__name__),)
    return Verdict(seed=seed, faults=found, struck=dict(world.struck), operations=len(world.calls), story=_story(world))


async def _whole(world: World) -> list[Fault]:
    """A storm and its judgement; then the handler's bug is mended, and what was set aside is redriven in a second storm.

    Raises:
        NeverQuiet: with all faults over, it never comes to rest.
    """
    mains = {
        "answering": partial(answering, world),
        "relay 1": partial(relaying, world),
        "relay 2": partial(relaying, world),
        "member 1": hearing(world, 0),
        "member 2": hearing(world, 1),
    }
    processes = [Process(name=name, main=main, pause=lambda: 0.05 + world.rng.random() * 0.3) for name, main in mains.items()]
    supervising = [asyncio.create_task(process.supervise()) for process in processes]
    await asyncio.sleep(0.01)
    await _storm(world, processes, STORM_SECONDS, [client(world, number, asks=10) for number in range(4)])
    found = faults(world, await heard_anew(world))
    world.mended = True
    await _storm(world, processes, REDRIVE_SECONDS, [client(world, 4, asks=6), client(world, 5, asks=6), redrive(world)])
    await redrive(world)
    for task in supervising:
        task.cancel()
    for process in processes:
        process.kill()
    return found + faults(world, await heard_anew(world))


async def _storm(world: World, processes: Sequence[Process], seconds: float, work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Work under faults, then calm until nothing is left to do.

    Raises:
        NeverQuiet: with the faults over, somebody is still not answered, or something is never heard.
    """
    world.storm = True
    working = [asyncio.create_task(one) for one in work]
    striking = asyncio.create_task(trouble(world, processes))
    await asyncio.sleep(seconds)
    striking.cancel()
    world.storm = False
    world.owners = [{partition % 2} for partition in range(PARTITIONS)]
    done, never = await asyncio.wait(working, timeout=PATIENCE_SECONDS)
    if never:
        raise NeverQuiet
    for one in done:
        one.result()
    await _quiet(world)


async def _quiet(world: World) -> None:
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not _at_rest(world):
        if asyncio.get_running_loop().time() > until:
            raise NeverQuiet
        await asyncio.sleep(0.2)


def _at_rest(world: World) -> bool:
    if world.a.table("outbox") or world.broker.wire or world.late:
        return False
    heard = [position(world, one) for one in range(PARTITIONS)]
    return heard == [len(log) for log in world.broker.log]


def _story(world: World) -> str:
    told = [
        sorted((row.stream, row.version, str(row.event_id)) for row in world.a.table("events").values()),
        world.broker.log,
        sorted(map(repr, world.b.table("counted_members").values())),
        [(call.command_id, call.ended) for call in world.calls],
    ]
    return hashlib.sha256(repr(told).encode()).hexdigest()
