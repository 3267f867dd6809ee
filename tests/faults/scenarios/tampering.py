"""Somebody changes what is stored: no role of the service may, and what a superuser changes is found."""

from collections import Counter
from collections.abc import Awaitable, Callable
from hashlib import sha256
from uuid import uuid4

import asyncpg

from faults.ground import Ground
from faults.scenario import OFFERS, Scenario, bitten
from raccroche.copies import HISTORY, STORE
from raccroche.verification import Kept, verify

SOURCE = "/raccroche/offers"
FORBIDDEN = (
    "update events set body = ''", "delete from events", "truncate events", "alter table events disable trigger all",
    "insert into events select * from events on conflict (event_id) do update set body = ''",
    "update relay_log set chain = ''", "delete from relay_log", "set session_replication_role = replica",
)  # fmt: skip

ONE = "(select event_id from relay_log order by random() limit 1)"

type Tampering = Callable[[asyncpg.Connection], Awaitable[object]]


def changing(statement: str) -> Tampering:
    return lambda admin: admin.execute(statement.format(ONE))


async def rows_swapped(admin: asyncpg.Connection) -> None:
    """Two events change places, each with its chain as it was."""
    one, other = await admin.fetch("select sequence, event_id from relay_log order by random() limit 2")
    await admin.execute("update relay_log set event_id = $1 where sequence = $2", uuid4(), one["sequence"])
    await admin.execute("update relay_log set event_id = $1 where sequence = $2", one["event_id"], other["sequence"])
    await admin.execute("update relay_log set event_id = $1 where sequence = $2", other["event_id"], one["sequence"])


async def row_inserted(admin: asyncpg.Connection) -> None:
    """A forged event behind the last one, whose chain follows from it."""
    forged = uuid4()
    await admin.execute(
        f"insert into events select $1, 'forged', 1, private, type, subject, happened_at, recorded_at, actor, correlation_id,"
        f" causation_id, command_id, attributes, leaf, body, traceparent, tracestate from events where event_id = {ONE}", forged,
    )  # fmt: skip
    last = await admin.fetchrow("select sequence, chain from relay_log order by sequence desc limit 1")
    leaf = sha256(await admin.fetchval("select attributes from events where event_id = $1", forged)).digest()
    sequence = last["sequence"] + 1
    chain = sha256(b"\x01" + last["chain"] + sequence.to_bytes(8, "big") + leaf).digest()
    await admin.execute("insert into relay_log (private, sequence, event_id, chain) values (false, $1, $2, $3)", sequence, forged, chain)


async def tail_cut(admin: asyncpg.Connection) -> None:
    """The last few events are gone, and every trace of them in the store."""
    gone = await admin.fetch("delete from relay_log where sequence > (select max(sequence) - 3 from relay_log) returning event_id")
    await admin.execute("delete from events where event_id = any($1)", [row["event_id"] for row in gone])


TAMPERINGS: dict[str, Tampering] = {
    "a bit of a body": changing(
        "update events set body = set_byte(body, 3, get_byte(body, 3) # (1 << floor(random() * 8)::int)) where event_id = {}"
    ),
    "a bit of the attributes": changing(
        "update events set attributes = set_byte(attributes, 20, get_byte(attributes, 20) # 1) where event_id = {}"
    ),
    "a timestamp": changing("update events set happened_at = happened_at + interval '1 microsecond' where event_id = {}"),
    "an actor": changing("update events set actor = 'somebody' where event_id = {}"),
    "a chain": changing("update relay_log set chain = sha256(chain) where event_id = {}"),
    "a row deleted": changing("delete from events where event_id = {}"),
    "rows swapped": rows_swapped,
    "a row inserted": row_inserted,
    "the tail cut off": tail_cut,
}


async def tampered(ground: Ground) -> None:
    """No role may change an event; what a superuser changes, a thousand times in nine ways, chain and other copy tell."""
    await ground.serve("one", environment={"SPECIMEN_WITNESS": "1"})
    await ground.load(4, 2, OFFERS)
    await ground.calm()
    for role in ("app", "consumer", "relay"):
        await _refused(ground, role)
    async with ground.admin() as admin:
        await admin.execute("alter table events disable trigger user")
        found: Counter[str] = Counter()
        for number in range(int(ground.span(1_000, 200))):
            name = ground.rng.choice(list(TAMPERINGS))
            transaction = admin.transaction()
            await transaction.start()
            await TAMPERINGS[name](admin)
            found[name] += bool(await _faults(admin))
            await transaction.rollback()
            ground.strike(f"changed: {name}")
            if found[name] < ground.struck[f"changed: {name}"]:
                raise AssertionError(f"tampering {number} was not found: {name}")
        if alarm := await _faults(admin):
            raise AssertionError(f"a false alarm: {alarm[0]}")
        ground.figures["changes found"] = sum(found.values())
        ground.figures["events in the store"] = await admin.fetchval("select count(*) from events")
    bitten(ground, "refused to a role", *(f"changed: {name}" for name in TAMPERINGS))


async def _refused(ground: Ground, role: str) -> None:
    connection = await asyncpg.connect(ground.dsns[role])
    try:
        for statement in FORBIDDEN:
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                ground.came_of_it["refused to a role"] += 1
            else:
                raise AssertionError(f"{role} may {statement}")
    finally:
        connection.terminate()


async def _faults(admin: asyncpg.Connection) -> list[object]:
    """What the house's own `history verify` finds, with both copies."""
    store = [Kept(**dict(row)) for row in await admin.fetch(STORE, SOURCE)]
    history = [Kept(**dict(row)) for row in await admin.fetch(HISTORY, SOURCE)]
    return list(verify(SOURCE, store=store, history=history).faults)


SCENARIOS = (Scenario(name="tampering", guarantee="G12", play=tampered, smoke=True, operations=100),)
