"""Brokers that are cut off: from everybody, from each other only, or so that their acknowledgements never arrive."""

import asyncio
from collections.abc import Awaitable, Callable

from faults.ground import Ground
from faults.scenario import OFFERS, Scenario, Void, bitten
from faults.scenarios.broker import who
from faults.watching import backlog_growing, leaders_changing

SESSION_SECONDS = 6
STALLED_SECONDS = 45
BACKLOG = 200


def _cut(what: str, seconds: float, *, cut: Callable[[Ground, str], Awaitable[None]], mend: Callable[[Ground, str], Awaitable[None]],
         changes: bool) -> Callable[[Ground], Awaitable[None]]:  # fmt: skip
    async def play(ground: Ground) -> None:
        """The leader of a partition is cut off under load, for longer than its session; then the cut is mended."""
        await ground.serve("one")

        async def strike() -> None:
            await asyncio.sleep(3)
            name = await who(ground, "leader")
            await cut(ground, name)
            ground.strike(what)
            try:
                await asyncio.sleep(seconds)
            finally:
                await mend(ground, name)

        async with leaders_changing(ground), backlog_growing(ground):
            await asyncio.gather(ground.load(12, seconds + 10, OFFERS), strike())
        ground.figures["seconds until all was heard"] = round(await ground.calm())
        ground.came_of_it["the relay began again"] += sum(service.said("relay starts again") for service in ground.services)
        bitten(ground, what, *(["leader changes"] if changes else []))
        if ground.came_of_it["most events that waited"] < BACKLOG:
            raise Void(f"never more than {ground.came_of_it['most events that waited']} events waited for an acknowledgement")

    return play


async def _isolate(ground: Ground, name: str) -> None:
    await ground.stack.isolate(name)


async def _rejoin(ground: Ground, name: str) -> None:
    await ground.stack.rejoin(name)


async def _from_peers(ground: Ground, name: str) -> None:
    """Clients reach it and hear it; what it sends to the other nodes is lost."""
    for peer in ground.nodes:
        if peer != name:
            await ground.stack.mute(name, towards=peer)


async def _to_peers(ground: Ground, name: str) -> None:
    for peer in ground.nodes:
        if peer != name:
            await ground.stack.unmute(name, towards=peer)


async def _from_clients(ground: Ground, name: str) -> None:
    """It takes what clients send, and its peers hear it; its answers to clients are lost."""
    await ground.stack.mute(name)


async def _to_clients(ground: Ground, name: str) -> None:
    await ground.stack.unmute(name)


SCENARIOS = (
    Scenario(
        name="acknowledgements stalled for 45 s", guarantee="G5", also=("G3", "G6"), needs="networks", operations=500,
        play=_cut("answers of a leader lost", STALLED_SECONDS, cut=_from_clients, mend=_to_clients, changes=False),
    ),
    Scenario(
        name="a broker isolated beyond its session", guarantee="G6", also=("G5", "G8"), needs="networks", operations=500,
        play=_cut("broker isolated", 3 * SESSION_SECONDS, cut=_isolate, mend=_rejoin, changes=True),
    ),
    Scenario(
        name="a leader that clients see and its followers do not", guarantee="G6", also=("G5",), needs="networks", operations=500,
        play=_cut("leader muted towards its followers", 4 * SESSION_SECONDS, cut=_from_peers, mend=_to_peers, changes=True),
    ),
)  # fmt: skip
