"""Commits that come late: every interleaving of two and of three appends, then long and rolled back transactions at random."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from specimens import STORE, hold, seats

from chassis.outbox import Outbox
from faults.ground import Ground
from faults.scenario import OFFERS, Scenario, Void, bitten

type Step = tuple[int, str]

WRITERS = 10
ROLLED_BACK = 0.3


async def interleavings(ground: Ground) -> None:
    """Every interleaving of two and of three appends with a relay that looks between any two steps, a transaction left open beside."""
    async with ground.admin() as idle, ground.admin() as reading:
        await idle.execute("begin; create temporary table idle (n int)")
        connections = [await asyncpg.connect(ground.dsns["admin"]) for _ in range(3)]
        for number, schedule in enumerate([*schedules(2, ("begin", "append")), *schedules(3, ("begin and append",))]):
            seen = await _played(schedule, connections, reading, number)
            expected = sorted(_subject(number, who) for who, step in schedule if step == "commit")
            if sorted(seen) != expected:
                raise AssertionError(f"schedule {schedule}: seen {seen}, committed {expected}")
            ground.strike("interleaving")
        for connection in connections:
            connection.terminate()
        await reading.execute("delete from relay_log; delete from outbox; alter table events disable trigger user; delete from events")
    await ground.serve("after")
    await ground.load(4, 2, OFFERS)
    ground.other_operations = ground.struck["interleaving"]
    bitten(ground, "interleaving")


def schedules(many: int, before: tuple[str, ...]) -> Iterator[list[Step]]:
    """All orders of so many transactions, each of which ends by commit or rollback."""
    for ends in itertools.product(("commit", "rollback"), repeat=many):
        steps = [[*before, end] for end in ends]
        turns = sorted(set(itertools.permutations([who for who in range(many) for _ in steps[who]])))
        for turn in turns:
            left = [iter(each) for each in steps]
            yield [(who, next(left[who])) for who in turn]


async def _played(schedule: list[Step], connections: list[asyncpg.Connection], reading: asyncpg.Connection, number: int) -> list[str]:
    """The subjects that the relay saw, which looked after every step and never looked back."""
    outbox, seen = Outbox(connection=reading), []
    for who, step in schedule:
        connection = connections[who]
        if step.startswith("begin"):
            await connection.execute("begin")
        if step.endswith("append"):
            await STORE.append(connection, [STORE.record(seats(1, _subject(number, who)), 1, hold())], [])
        if step in {"commit", "rollback"}:
            await connection.execute(step)
        entries = await outbox.waiting((), 100)
        await outbox.place(entries)
        await outbox.said([entry.outbox_id for entry in entries])
        seen += [entry.subject for entry in entries]
    return seen


def _subject(number: int, who: int) -> str:
    return f"late--{number}-{who}"


@dataclass(kw_only=True)
class Cursor:
    """A reader that only ever moves forward, as one would write it in an afternoon."""

    query: str
    last: int = 0
    seen: Counter[UUID] = field(default_factory=Counter)

    async def read(self, connection: asyncpg.Connection) -> None:
        for row in await connection.fetch(self.query, self.last):
            self.seen[row["event_id"]] += 1
            self.last = row["place"]


SHADOW = """
create table shadow (place bigint generated always as identity (cache 1) primary key, xid xid8 not null default pg_current_xact_id(),
  event_id uuid not null);
create table early (n integer)
"""
OURS = "select sequence as place, event_id from relay_log where sequence > $1 order by sequence"
NAIVE = "select place, event_id from shadow where place > $1 order by place"
XMIN = "select place, event_id from shadow where place > $1 and xid < pg_snapshot_xmin(pg_current_snapshot()) order by place"


async def long_transactions(ground: Ground) -> None:
    """Holds of up to 200 ms, three in ten rolled back, sessions left idle: our reader passes over nothing, the two usual cursors do."""
    await ground.serve("one")
    seconds = ground.span(40, 10)
    async with ground.admin() as admin:
        await admin.execute(SHADOW)
    committed: set[UUID] = set()
    readers = {"ours": Cursor(query=OURS), "the naive cursor": Cursor(query=NAIVE), "the cursor behind xmin": Cursor(query=XMIN)}
    until = time.monotonic() + seconds
    reading = asyncio.create_task(_read_all(ground, list(readers.values())))
    await asyncio.gather(
        *(_write(ground, number, until, committed) for number in range(WRITERS)),
        _idle(ground.dsns["admin"], seconds / 5, seconds / 5), _idle(ground.stack.admin_dsn, 3 * seconds / 5, seconds / 5),
    )  # fmt: skip
    await ground.calm()
    await asyncio.sleep(1)
    reading.cancel()
    ground.strike("rolled back", ground.came_of_it.pop("rolled back"))
    ground.strike("session left idle in a transaction", 2)
    ground.figures["committed"] = ground.other_operations = len(committed)
    for name, cursor in readers.items():
        ground.figures[f"passed over by {name}"] = len(committed - cursor.seen.keys())
    ours = readers["ours"]
    if committed != ours.seen.keys() or max(ours.seen.values()) > 1:
        raise AssertionError("our reader passed over an event, or saw one twice")
    if not all(ground.figures[f"passed over by {name}"] for name in readers if name != "ours"):
        raise Void("a cursor that must lose did not lose")


async def _read_all(ground: Ground, cursors: list[Cursor]) -> None:
    async with ground.admin() as connection:
        while True:
            for cursor in cursors:
                await cursor.read(connection)
            await asyncio.sleep(0.01)


async def _write(ground: Ground, number: int, until: float, committed: set[UUID]) -> None:
    """One writer with its own subjects; half of its transactions write something else first."""
    rng = random.Random(ground.rng.random())
    versions: Counter[str] = Counter()
    async with ground.admin() as connection:
        while time.monotonic() < until:
            subject = f"long--{number}-{rng.randrange(20)}"
            transaction = connection.transaction()
            await transaction.start()
            if rng.random() < 0.5:
                await connection.execute("insert into early values (1)")
                await asyncio.sleep(rng.uniform(0, 0.1))
            recording = STORE.record(seats(versions[subject] + 1, subject), versions[subject] + 1, hold())
            await STORE.append(connection, [recording], [])
            await connection.execute("insert into shadow (event_id) values ($1)", recording.event_id)
            await asyncio.sleep(rng.uniform(0, 0.2))
            if rng.random() < ROLLED_BACK:
                await transaction.rollback()
                ground.came_of_it["rolled back"] += 1
            else:
                await transaction.commit()
                versions[subject] += 1
                committed.add(recording.event_id)


async def _idle(dsn: str, after: float, seconds: float) -> None:
    """A session that has written something and says no more for a while."""
    await asyncio.sleep(after)
    connection = await asyncpg.connect(dsn)
    await connection.execute("begin; create temporary table idle (n int)")
    await asyncio.sleep(seconds)
    connection.terminate()


SCENARIOS = (
    Scenario(name="late commits, all interleavings of two and three", guarantee="G4", play=interleavings, smoke=True, operations=500),
    Scenario(name="long transactions, rollbacks, idle sessions", guarantee="G4", also=("G5",), play=long_transactions, operations=500),
)
