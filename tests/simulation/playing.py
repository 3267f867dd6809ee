"""One seed, one verdict: plays a world to its rest and asks the oracles; the same seed always gives the same story."""

import hashlib
import random
from dataclasses import dataclass

from simulation.oracles import Fault, faults
from simulation.virtual import NothingWillHappen, play
from simulation.world import NeverQuiet, Rates, Variant, World


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
        anew = play(_whole(world))
        found = tuple(faults(world, anew))
    except (NeverQuiet, NothingWillHappen) as stall:
        found = (Fault(guarantee="G8", what="stall", detail=type(stall).__name__),)
    return Verdict(seed=seed, faults=found, struck=dict(world.struck), operations=len(world.calls), story=_story(world))


async def _whole(world: World) -> dict[object, object]:
    await world.run()
    return await world.heard_anew()


def _story(world: World) -> str:
    told = [
        sorted((row.stream, row.version, str(row.event_id)) for row in world.a.table("events").values()),
        world.broker.log,
        sorted(map(repr, world.b.table("counted_members").values())),
        [(call.command_id, call.ended) for call in world.calls],
    ]
    return hashlib.sha256(repr(told).encode()).hexdigest()
