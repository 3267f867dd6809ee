"""Kafka is struck: away, its leaders killed, frozen, two of three nodes gone, its topic made anew, all of it destroyed."""

import asyncio
import time

from confluent_kafka import KafkaException

from chassis.topics import TopicMissing, identity_of
from faults.ground import Ground
from faults.scenario import OFFERS, Scenario, bitten
from faults.topic import TOPIC, make, make_anew
from faults.watching import leaders_changing
from raccroche.stack.cluster import NobodyKnows


async def away(ground: Ground, names: list[str], seconds: float) -> None:
    """Hold these nodes down for so long under load; the commands that were taken meanwhile, and the seconds until all is said and heard."""
    loading = asyncio.create_task(ground.load(8, seconds + 12, OFFERS))
    await asyncio.sleep(3)
    await asyncio.gather(*(ground.stack.hold(name) for name in names))
    ground.strike("broker held down", len(names), kills=True)
    await asyncio.sleep(1)
    before = ground.clients.definite
    await asyncio.sleep(seconds)
    ground.came_of_it["commands taken meanwhile"] += ground.clients.definite - before
    await asyncio.gather(*(ground.stack.release(name) for name in names))
    await loading
    ground.figures["seconds until the backlog was heard"] = round(await ground.calm())
    bitten(ground, "commands taken meanwhile")


async def kafka_away(ground: Ground) -> None:
    """Kafka is held down for half a minute and commands go on; then everything that was committed is said, and nothing else."""
    await ground.serve("one")
    await away(ground, ground.nodes, 30)


async def two_away(ground: Ground) -> None:
    """Two brokers of three are away: the broker acknowledges nothing, commands are taken all the same, then the backlog drains."""
    await ground.serve("one")
    await away(ground, ground.nodes[1:], 20)


async def who(ground: Ground, which: str) -> str:
    """The node that leads the first partition, controls, or coordinates the specimen's group; asked until somebody knows."""
    cluster = ground.stack.cluster
    async with asyncio.timeout(60):
        while True:
            try:
                match which:
                    case "leader":
                        if (leader := (await cluster.leaders(TOPIC))[0]) is not None:
                            return leader
                    case "controller":
                        return await asyncio.to_thread(cluster.controller)
                    case _:
                        return await cluster.coordinator(ground.consumer)
            except NobodyKnows:
                pass
            await asyncio.sleep(0.3)


async def leaders_killed(ground: Ground) -> None:
    """The leader of a partition, the controller and the group's coordinator are killed in turn, twice."""
    await ground.serve("one")

    async def strike() -> None:
        for which in ("leader", "controller", "coordinator") * 2:
            await asyncio.sleep(2)
            await ground.stack.kill(await who(ground, which))
            ground.strike(f"{which} killed", kills=True)
            await asyncio.sleep(9)

    async with leaders_changing(ground):
        await asyncio.gather(ground.load(12, 68, OFFERS), strike())
    bitten(ground, "leader killed", "controller killed", "coordinator killed", "leader changes")


async def broker_frozen(ground: Ground) -> None:
    """The leader of a partition stands still for longer than its session, then comes back with its old view."""
    await ground.serve("one")

    async def strike() -> None:
        await asyncio.sleep(3)
        name = await who(ground, "leader")
        await ground.stack.pause(name)
        ground.strike("broker frozen")
        await asyncio.sleep(14)
        await ground.stack.resume(name)

    async with leaders_changing(ground):
        await asyncio.gather(ground.load(12, 28, OFFERS), strike())
    bitten(ground, "broker frozen", "leader changes")


async def topic_made_anew(ground: Ground) -> None:
    """The topic is deleted and made again under a running service: the watchdog ends it, the next one refills it, nothing counts twice."""
    service = await ground.serve("one")
    await ground.load(8, ground.span(8, 4), OFFERS)
    await ground.calm()
    await make_anew(ground.stack.bootstrap, replication=len(ground.nodes))
    ground.strike("topic made anew")
    await ended(ground, 40)
    await service.ready()
    await ground.load(8, ground.span(8, 4), OFFERS)
    bitten(ground, "topic made anew", "ended itself")


async def ended(ground: Ground, patience: float) -> None:
    """Wait until every instance has given up once."""
    until = time.monotonic() + patience
    while not all(service.ended_itself for service in ground.services) and time.monotonic() < until:
        await asyncio.sleep(0.2)
    ground.came_of_it["ended itself"] += sum(service.ended_itself for service in ground.services)


async def cluster_destroyed(ground: Ground) -> None:
    """All nodes are destroyed with all they hold while commands go on; on the new, empty cluster the topic is refilled from the store."""
    for name in ("one", "two"):
        await ground.serve(name)
    loading = asyncio.create_task(ground.load(8, 60, OFFERS))
    await asyncio.sleep(6)
    before = await identity_of(ground.stack.bootstrap, [])
    await ground.stack.lose_broker()
    ground.strike("cluster destroyed", len(ground.nodes), kills=True)
    began, taken = time.monotonic(), ground.clients.definite
    await _topic_there(ground)
    ground.figures["seconds until there was a topic again"] = round(time.monotonic() - began)
    await ended(ground, 60)
    ground.came_of_it["commands taken meanwhile"] += ground.clients.definite - taken
    await loading
    ground.figures["seconds until it was refilled and heard"] = round(await ground.calm())
    after = await identity_of(ground.stack.bootstrap, [])
    ground.came_of_it["another cluster id"] += before.cluster_id != after.cluster_id
    bitten(ground, "cluster destroyed", "ended itself", "another cluster id", "commands taken meanwhile")


async def _topic_there(ground: Ground) -> None:
    """As somebody does who brings a cluster up: make the topic as soon as it can be made."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            await make(ground.stack.bootstrap, replication=len(ground.nodes))
            await identity_of(ground.stack.bootstrap, [TOPIC])
            return
        except (KafkaException, TopicMissing):
            await asyncio.sleep(0.3)
    raise TimeoutError("the new cluster does not take a topic")


SCENARIOS = (
    Scenario(name="Kafka away for half a minute", guarantee="G3", also=("G1", "G6", "G7"), play=kafka_away, operations=500),
    Scenario(
        name="leader, controller, coordinator killed",
        guarantee="G6",
        also=("G3", "G5", "G7", "G8"),
        play=leaders_killed,
        needs="nodes",
        operations=500,
    ),
    Scenario(name="a broker frozen beyond its session", guarantee="G6", also=("G5",), play=broker_frozen, needs="nodes", operations=500),
    Scenario(name="two brokers of three away", guarantee="G6", also=("G1", "G3", "G5"), play=two_away, needs="nodes", operations=500),
    Scenario(name="the topic made anew", guarantee="G6", also=("G7",), play=topic_made_anew, smoke=True, operations=500),
    Scenario(
        name="the whole cluster destroyed under load",
        guarantee="G6",
        also=("G5", "G7"),
        play=cluster_destroyed,
        needs="nodes",
        operations=500,
    ),
)
