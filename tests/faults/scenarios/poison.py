"""Records that nobody can believe, and records that were said before."""

import asyncio
import random
from collections.abc import Iterable, Sequence

import asyncpg
from confluent_kafka import Producer

from chassis.clock import WallClock
from chassis.redrive import Redrive
from chassis.subscription import Subscription
from chassis.topics import identity_of
from faults.evidence import Record, scanned
from faults.ground import Ground
from faults.scenario import OFFERS, WITH_A_BUG, Scenario, bitten
from faults.specimen import counted
from faults.topic import PARTITIONS, TOPIC

type Header = tuple[str, bytes | None]
type Shape = tuple[int, bytes | None, bytes | None, list[Header]]
"""Partition, key, value, headers."""


async def poisoned(ground: Ground) -> None:
    """Twenty shapes of records that nobody can believe, at random places, and a handler with a bug: set aside, and nothing else is.

    Once the bug is mended, a redrive gives the rows that there would be without it.
    """
    service = await ground.serve("one")
    await ground.load(4, 3, WITH_A_BUG)
    shapes = _shapes(await asyncio.to_thread(scanned, ground.stack.bootstrap), ground.rng)
    loading = asyncio.create_task(ground.load(8, ground.span(10, 6), WITH_A_BUG))
    for shape in shapes:
        await asyncio.sleep(0.1)
        await asyncio.to_thread(_say, ground.stack.bootstrap, [shape])
    ground.poison = len(shapes)
    ground.strike("poison said", len(shapes))
    await loading
    await ground.calm()
    async with ground.admin() as admin:
        ground.came_of_it["set aside"] = await admin.fetchval("select count(*) from parked where consumer = $1", ground.consumer)
    service.environment["SPECIMEN_MENDED"] = "1"
    ground.strike("SIGKILL to mend the bug", service.kill(), kills=True)
    await service.ready()
    ground.came_of_it["taken again"] = await _redriven(ground)
    ground.mended = True
    await ground.load(4, 2, WITH_A_BUG)
    bitten(ground, "poison said", "set aside", "taken again")


async def _redriven(ground: Ground) -> int:
    """What the house's own redrive resolves, with the mended handler."""
    subscription = Subscription(
        consumer=ground.consumer, actor="/raccroche/offers", speakers=("offers",), projections=(counted("counted", mended=True),)
    )
    async with asyncpg.create_pool(ground.dsns["consumer"], min_size=1, max_size=2) as pool:
        redrive = Redrive(
            subscription=subscription, pool=pool, broker=await identity_of(ground.stack.bootstrap, [TOPIC]),
            places=[(TOPIC, partition) for partition in range(PARTITIONS)], clock=WallClock(),
        )  # fmt: skip
        return sum([len((await redrive.of(subject)).resolved) for subject in await redrive.subjects()])


async def said_again(ground: Ground) -> None:
    """A producer of ours says one record in twenty again, and whole old stretches with neighbours swapped: no effect is had twice."""
    await ground.serve("one")
    for _ in range(int(ground.span(4, 2))):
        loading = asyncio.create_task(ground.load(8, 5, OFFERS))
        records = await asyncio.to_thread(scanned, ground.stack.bootstrap)
        some = [one for one in records if ground.rng.random() < 0.05]
        start = ground.rng.randrange(max(1, len(records) - 300))
        old = _neighbours_swapped(records[start : start + 300], ground.rng)
        await asyncio.to_thread(_say, ground.stack.bootstrap, [_whole(one) for one in [*some, *old]])
        ground.said_again += len(some) + len(old)
        ground.strike("record said again", len(some))
        ground.strike("old stretch said again", int(bool(old)))
        await loading
    bitten(ground, "record said again", "old stretch said again")


def _neighbours_swapped(records: Sequence[Record], rng: random.Random) -> list[Record]:
    """Now and then two neighbours of different subjects change places; no subject's own order does."""
    found = list(records)
    for place in range(len(found) - 1):
        if found[place].key != found[place + 1].key and rng.random() < 0.3:
            found[place], found[place + 1] = found[place + 1], found[place]
    return found


def _whole(record: Record) -> Shape:
    headers: list[Header] = [(_header(name), text.encode()) for name, text in record.headers.items()]
    return record.partition, record.key.encode(), record.value, headers


def _header(name: str) -> str:
    return name if name == "content-type" else f"ce_{name}"


def _say(bootstrap: str, shapes: Iterable[Shape]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "enable.idempotence": True})
    for partition, key, value, headers in shapes:
        producer.produce(TOPIC, partition=partition, key=key, value=value, headers=headers)
    if producer.flush(30):
        raise TimeoutError("the broker does not take our records")


def _shapes(records: Sequence[Record], rng: random.Random) -> list[Shape]:
    """Twenty ways to be wrong, made from a record that is right."""
    _, _, value, good = _whole(rng.choice(records))
    sound: list[Header] = [*good, ("ce_foreign", b"1")]

    def but(**changed: str | None) -> list[Header]:
        kept = [(name, text) for name, text in sound if name.removeprefix("ce_") not in changed]
        return [*kept, *((f"ce_{name}", text.encode()) for name, text in changed.items() if text is not None)]

    wrong: list[tuple[bytes | None, list[Header]]] = [
        (None, []), (b"", []), (b"\x00", []), (b"{}", []), (b"\xff\xfe", []), (b"x" * 900_000, []),
        (value, [("ce_id", None)]), (value, [("ce_id", b"\xff")]), (value, but(id=None)),
        (value, but(type="fr.raccroche.offers.Unheard.v1")), (value, but(type="fr.raccroche.offers.SeatsChanged.v2")),
        (value, but(digest="0" * 64)), ((value or b"") + b" ", but()), (value, but(streamversion="0")), (value, but(streamversion="one")),
        (value, but(source="/elsewhere")), (value, but(sequence="x")), (value, but(time="yesterday")), (value, [*but(), *but()]),
    ]  # fmt: skip
    named = [(f"poison{number}".encode(), *one) for number, one in enumerate(wrong)]
    return [(rng.randrange(PARTITIONS), *one) for one in [*named, (None, value, but())]]


SCENARIOS = (
    Scenario(name="old records said again, neighbours swapped", guarantee="G7", also=("G5",), play=said_again, smoke=True, operations=500),
    Scenario(name="twenty shapes of poison", guarantee="G9", play=poisoned, smoke=True, operations=500),
)
