"""The service that answers commands, and its relays."""

import asyncio

from specimens import HoldSeat

from chassis.decider import Outcome, Request
from chassis.relay import Relay
from simulation.broker import TOPIC, MemoryVoice
from simulation.processes import Incarnation
from simulation.variants import AnswerLost
from simulation.world import World


async def answering(world: World, now: Incarnation) -> None:
    world.answers = (now, world.handler(world.a, "offers"))
    await asyncio.Event().wait()


async def ask(world: World, request: Request[HoldSeat]) -> Outcome:
    """A command over the wire.

    Raises:
        AnswerLost: whatever became of it.  TryAgain: nothing was done.
    """
    now, handler = world.answers
    await asyncio.sleep(world.rng.random() * 0.005)
    if now.dead:
        raise AnswerLost
    answering = now.spawn(handler.handle(request))
    await asyncio.wait([answering])
    if answering.cancelled() or world.strikes("answer lost", world.rates.answer_lost):
        raise AnswerLost from answering.exception() if not answering.cancelled() else None
    return answering.result()


async def relaying(world: World, now: Incarnation) -> None:
    while True:
        try:
            while world.variant.relays_hold_lock and world.lock is not None and not world.lock.dead and world.lock is not now:
                await asyncio.sleep(0.5)
            world.lock = now
            outbox = world.variant.outbox(connection=world.connect(world.a))
            voice = MemoryVoice(broker=world.broker, in_flight=world.variant.in_flight)
            relay = Relay(dsn="", topic=TOPIC, bootstrap="", refill=False)
            await relay.relay(outbox, voice)
        except Exception:  # noqa: BLE001 -- as Relay.run does
            world.struck["relay began again"] += 1
            if world.lock is now:
                world.lock = None
            await asyncio.sleep(0.2)
