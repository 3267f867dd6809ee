"""Two members that hear for one consumer, each watched from outside; and the same projection heard anew."""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from specimens import HoldSeat

from chassis.consumer import Consumer
from chassis.heard import Heard, RawRecord, Unreadable, read
from chassis.projection import Projection
from chassis.redrive import Redrive
from chassis.share import HoleInPartition
from chassis.subscription import Subscription
from chassis.topics import BrokerIdentity
from chassis.trouble import INFRASTRUCTURE
from chassis.watchdog import LOOK_SECONDS, Look, Verdict
from contracts.offers import SeatsChanged
from simulation.broker import PARTITIONS, TOPIC
from simulation.memory import Memory, MemoryPool
from simulation.ports import MemoryRows
from simulation.processes import Incarnation
from simulation.variants import BAD_FROM, BAD_OFFER, OFFERS, Counted
from simulation.world import World

IDENTITY = BrokerIdentity(cluster_id="c1", topic_ids={TOPIC: "t1"})
IDLE_SECONDS = 0.05


def consumer(world: World, name: str, memory: Memory) -> Consumer:
    echo = world.handler(memory, name)
    subscription = Subscription(
        consumer=name, actor=f"/raccroche/{name}", speakers=("offers",), projections=(counted(world, f"counted_{name}"),),
        policies={SeatsChanged: (when_seats_changed_then_hold_seat,)}, handlers={HoldSeat: echo},
    )  # fmt: skip
    return Consumer(
        subscription=subscription, pool=MemoryPool(connect=lambda: world.connect(memory)), broker_identity=IDENTITY, clock=world.clock,
        refill=False, committed=lambda: None, kept_in=world.variant.ledger,
    )  # fmt: skip


def counted(world: World, table: str) -> Projection[Counted]:
    def count(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
        event = heard.event
        if event.offer_id == BAD_OFFER and event.held == BAD_FROM and not world.mended:
            raise ZeroDivisionError("the handler's bug")
        return Counted(
            offer_id=event.offer_id, times=(row.times if row else 0) + 1, last=event.held, seen_at=world.variant.in_rows(world)
        )  # fmt: skip

    return Projection(
        table=table, row=Counted, key_column="offer_id", hears=(SeatsChanged,), key=lambda event: event.offer_id,
        apply=count, rows=MemoryRows(),
    )  # fmt: skip


def hearing(world: World, member: int) -> Callable[[Incarnation], Any]:
    async def hear(now: Incarnation) -> None:
        members, positions, mute = consumer(world, "members", world.b), {}, False
        now.spawn(_watch(world, now, member))
        while True:
            mute = mute or world.strikes("client mute", world.rates.mute)
            batch = [] if mute else await _batch(world, member, positions)
            await asyncio.sleep(0.01 if batch else IDLE_SECONDS)
            if batch and not await _hear(world, members, batch):
                positions.clear()

    return hear


async def _watch(world: World, now: Incarnation, member: int) -> None:
    """The house's own verdict on what is seen from outside; it ends the process."""
    verdict, clock = Verdict(), asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        assigned = frozenset((TOPIC, one) for one in range(PARTITIONS) if member in world.owners[one])
        ends = {(TOPIC, one): end for one, end in enumerate(world.broker.copied)}
        marks = {(TOPIC, one): marked(world, one) for one in range(PARTITIONS)}
        if verdict.of(Look(at=clock(), marks=marks, ends=ends, assigned=assigned, beat=clock())):
            world.struck["ended by the watchdog"] += 1
            now.die()


async def _batch(world: World, member: int, positions: dict[int, int]) -> list[RawRecord]:
    """One poll of the client: some records of each partition that this member has."""
    batch: list[RawRecord] = []
    for partition in range(PARTITIONS):
        if member not in world.owners[partition]:
            positions.pop(partition, None)
            continue
        if partition not in positions:
            await asyncio.sleep(0.001)
            positions[partition] = position(world, partition)
        batch += _poll(world, partition, positions)
    return batch


def _poll(world: World, partition: int, positions: dict[int, int]) -> list[RawRecord]:
    if world.strikes("delivered again", 0.05):
        positions[partition] = max(positions[partition] - 4, 0)
    if world.strikes("offset skipped", 0.02):
        positions[partition] += 1
    found = world.broker.read(partition, positions[partition], 1 + world.rng.randrange(20))
    if world.variant.client_decodes and not all(map(_decodable, found)):
        return []
    positions[partition] += len(found)
    world.group[partition] = max(positions[partition], world.group.get(partition, 0))
    return found


async def _hear(world: World, consumer: Consumer, batch: Sequence[Any]) -> bool:
    try:
        await consumer.hear(batch)
    except HoleInPartition:
        world.struck["went back to the mark"] += 1
        return False
    return True


def position(world: World, partition: int) -> int:
    """Where the members' hearing begins: the mark; the group's offset for a mutant."""
    return world.group.get(partition, 0) if world.variant.acknowledged_first else marked(world, partition)


def marked(world: World, partition: int) -> int:
    return int((world.b.table("marks").get(("members", TOPIC, partition)) or ("t1", 0))[1])


async def redrive(world: World) -> None:
    """Have the effects of what was set aside, patiently, until nothing more can be had."""
    members = consumer(world, "members", world.b)
    redriving = Redrive(
        subscription=members.subscription, pool=members.pool, broker=IDENTITY, clock=world.clock, kept_in=world.variant.ledger,
        places=[(TOPIC, partition) for partition in range(PARTITIONS)],
    )  # fmt: skip
    while True:
        try:
            redriven = [await redriving.of(subject) for subject in await redriving.subjects() if subject in OFFERS]
        except INFRASTRUCTURE:
            world.struck["redrive began again"] += 1
            continue
        resolved = sum(len(one.resolved) for one in redriven)
        world.struck["redriven"] += resolved
        if not resolved:
            return


async def heard_anew(world: World) -> dict[object, Counted]:
    """The projection as another consumer builds it from the topic's beginning, in an empty database, days later."""
    world.clock.ahead = timedelta(days=3)
    memory = Memory()
    anew = consumer(world, "anew", memory)
    for partition in reversed(range(PARTITIONS)):
        records = world.broker.read(partition, 0, 1_000_000)
        if records:
            await anew.hear(records)
    world.clock.ahead = timedelta()
    return {key: dataclasses.asdict(row) for key, row in memory.table("counted_anew").items()}


def _decodable(raw: RawRecord) -> bool:
    try:
        read(raw)
    except Unreadable:
        return False
    return True


def when_seats_changed_then_hold_seat(event: SeatsChanged) -> list[HoldSeat]:
    """Each seat held at one offer holds one at its echo: effects of policies can be counted."""
    return [HoldSeat(offer_id=f"echo-{event.offer_id}")]
