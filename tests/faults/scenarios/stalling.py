"""The consumer goes silent in each of the states that client libraries are known for (STACK T20 to T25); the watchdog's bound."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from faults.ground import Ground
from faults.scenario import OFFERS, Scenario, Void, bitten
from faults.watching import members_changing

BOUND_SECONDS = 60
LISTENER = "failed on partition assignment"


def stalled(state: str) -> Callable[[Ground], Awaitable[None]]:
    async def play(ground: Ground) -> None:
        """Hearing stops without a word: the watchdog ends the process within a minute, and the next one catches up by itself."""
        await ground.serve_door()
        sign = ground.folder / "stall"
        sign.unlink(missing_ok=True)
        service = await ground.serve("one", environment={"SPECIMEN_STALL": state, "SPECIMEN_STALL_FROM": str(sign)})
        await ground.load(8, 2, OFFERS)
        service.environment.pop("SPECIMEN_STALL")
        sign.touch()
        ground.strike("stalled")
        began = time.monotonic()
        loading = asyncio.create_task(ground.clients.insist(4, 8, OFFERS, [ground.services[0].port]))
        while not service.ended_itself and time.monotonic() - began < BOUND_SECONDS + 15:
            await asyncio.sleep(0.1)
        took = time.monotonic() - began
        ground.figures["seconds until it was ended"] = round(took, 1)
        if not service.ended_itself or took > BOUND_SECONDS or not service.said("the watchdog ends the process"):
            raise AssertionError(f"the watchdog did not end it within {BOUND_SECONDS} s")
        ground.came_of_it["ended by the watchdog"] += 1
        await loading
        await service.ready()
        ground.figures["seconds from its end until it had caught up"] = round(await ground.calm(), 1)
        await ground.load(8, 2, OFFERS)
        bitten(ground, "ended by the watchdog")

    return play


async def handler_sleeps(ground: Ground) -> None:
    """A handler takes longer than the poll interval: its member is expelled and comes back, no effect is lost or had twice."""
    sign = ground.folder / "stall"
    sign.unlink(missing_ok=True)
    await ground.serve("one", environment={"SPECIMEN_STALL": "sleeps", "SPECIMEN_STALL_FROM": str(sign)})
    await ground.serve("two")
    await ground.load(8, 3, OFFERS)
    sign.touch()
    ground.strike("handler sleeps")
    async with members_changing(ground):
        await ground.load(8, 32, OFFERS)
    bitten(ground, "handler sleeps", "rebalances")


async def listener_raises(ground: Ground) -> None:
    """Whoever is told of assignments raises each time, while members come and go: nothing is heard twice or passed over."""
    sign = ground.folder / "stall"
    sign.touch()
    stall = {"SPECIMEN_STALL": "listener", "SPECIMEN_STALL_FROM": str(sign)}
    await ground.serve("one", environment=stall, patiently=False)
    await ground.serve_door()
    await ground.load(8, 4, OFFERS)
    async with members_changing(ground):
        for _ in range(3):
            two = await ground.serve("two", environment=stall, patiently=False)
            await ground.load(8, 7, OFFERS)
            ground.services.remove(two)
            await two.stop()
            ground.strike("member killed", kills=True)
    if not ground.services[0].said(LISTENER):
        raise Void("the listener never raised")
    ground.strike("listener raised", ground.services[0].said(LISTENER))
    bitten(ground, "rebalances")


SCENARIOS = (
    Scenario(name="stall: the loop is blocked (T22, spins)", guarantee="G8", operations=300, play=stalled("blocked")),
    Scenario(name="stall: the fetching task is dead (T20)", guarantee="G8", operations=300, play=stalled("fetcher")),
    Scenario(name="stall: it left its group and does not know (T21)", guarantee="G8", operations=300, play=stalled("left")),
    Scenario(name="stall: asking for records never returns (T22)", guarantee="G8", operations=300, play=stalled("waits")),
    Scenario(name="stall: a handler never returns (T23, for ever)", guarantee="G8", operations=300, play=stalled("handler")),
    Scenario(name="stall: a handler beyond the poll interval (T23)", guarantee="G8", also=("G7",), play=handler_sleeps, operations=500),
    Scenario(name="stall: a listener that raises (T25)", guarantee="G8", also=("G7",), play=listener_raises, operations=500),
)
