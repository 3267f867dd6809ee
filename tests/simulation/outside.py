"""What comes from outside: clients that insist, strangers on the topic, restarts, leaders lost, members moved."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from specimens import HoldSeat

from chassis.decider import Request
from chassis.handler import TryAgain
from simulation.broker import PARTITIONS, Written
from simulation.processes import Process
from simulation.speaking import ask
from simulation.variants import OFFERS, AnswerLost, Call
from simulation.world import World


async def client(world: World, number: int, *, asks: int) -> None:
    for _ in range(asks):
        await asyncio.sleep(world.rng.random() * 0.3)
        copies = 2 if world.rng.random() < 0.15 else 1
        offer, command_id = world.rng.choice(OFFERS), world.new_id()
        patient = world.rng.random() < 0.9
        await asyncio.gather(*(_insist(world, command_id, offer, patient) for _ in range(copies)))


async def _insist(world: World, command_id: UUID, offer: str, patient: bool) -> None:
    request = Request(
        command=HoldSeat(offer_id=offer), command_id=command_id, actor="client", correlation_id=command_id, route="test"
    )  # fmt: skip
    began, outcome = asyncio.get_running_loop().time(), None
    while outcome is None:
        try:
            outcome = await ask(world, request)
        except (AnswerLost, TryAgain):
            if not patient:
                break
            await asyncio.sleep(world.rng.random() * 0.3)
    world.calls.append(Call(command_id=command_id, offer_id=offer, began=began, ended=asyncio.get_running_loop().time(), outcome=outcome))


async def trouble(world: World, processes: Sequence[Process]) -> None:
    """What strikes from outside: restarts of the database, leaders lost, locks cut, members moved, foreign records."""
    while True:
        await asyncio.sleep(world.rng.random() * 0.3)
        match world.rng.randrange(6):
            case 0:
                world.struck["killed from outside"] += world.rng.choice(processes).kill()
            case 1:
                world.struck["records lost with a leader"] += world.broker.lose_leader(world.rng.randrange(PARTITIONS))
                world.struck["leader lost"] += 1
            case 2:
                world.struck["lock cut"] += world.lock is not None
                world.lock = None
            case 3:
                world.owners[world.rng.randrange(PARTITIONS)] = set(world.rng.sample((0, 1), world.rng.choice((1, 1, 2))))
                world.struck["members moved"] += 1
            case 4:
                await _foreign(world)
            case 5:
                world.restart_database()


async def _foreign(world: World) -> None:
    """A stranger writes to the topic."""
    shape = world.rng.choice((
        Written(key=b"stranger", value=None, headers=()),
        Written(key=b"stranger", value=b"{}", headers=()),
        Written(key=None, value=b"\xff\x00", headers=(("ce_id", None),)),
        Written(key=b"stranger", value=b"1", headers=(("ce_type", b"\xff"),)),
    ))  # fmt: skip
    partition = world.rng.randrange(PARTITIONS)
    if await world.broker.write(partition, [shape]):
        world.poison += 1
