"""The scenarios: what strikes, in which guarantee's name, and what must have bitten for the run to count."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import httpx
from confluent_kafka import Producer

from chassis.outbox import Outbox
from faults.ground import TOPIC, Ground
from faults.oracles import scan

OFFERS = [f"specimen--{n}" for n in range(200)]
HOT = [f"hot--{n}" for n in range(6)]


class Void(Exception):
    """The fault never bit: the run proves nothing."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """smoke: part of the short form, on one broker node. cluster: needs three nodes."""

    name: str
    guarantee: str
    play: Callable[[Ground], Awaitable[None]]
    smoke: bool = False
    cluster: bool = False


def bitten(ground: Ground, *names: str) -> None:
    """Each of these must have struck at least once."""
    missing = [name for name in names if not (ground.deaths[name] or ground.struck[name])]
    if missing:
        raise Void(f"never bit: {', '.join(missing)}")


async def _kill_now_and_then(ground: Ground, seconds: float, pause: tuple[float, float]) -> None:
    """SIGKILL at random times, each counted; the next one only when the service answers again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(ground.rng.uniform(*pause))
        service = ground.rng.choice(ground.services)
        ground.struck["SIGKILL at a random time"] += service.kill()
        await ground.ready(service)


async def killed_at_random(ground: Ground) -> None:
    """G1, G11: kill -9 of the service at random times under load."""
    await ground.serve("one")
    await asyncio.gather(ground.clients(16, 20, [*OFFERS, "bad"]), _kill_now_and_then(ground, 18, (0.2, 1.0)))
    bitten(ground, "SIGKILL at a random time", "client heard nothing")


RELAY_STEPS = ("relay_after_select", "relay_after_chain_commit", "relay_after_first_ack", "relay_after_acks")
CONSUMER_STEPS = ("consumer_before_first_write", "consumer_mid_batch", "consumer_after_effects", "consumer_before_commit",
                  "consumer_before_group_commit")  # fmt: skip


def killed_at(names: tuple[str, ...], times: tuple[int, ...]) -> Callable[[Ground], Awaitable[None]]:
    async def play(ground: Ground) -> None:
        """G3, G7: the process dies at each of these steps, the nth time it is passed, while commands come."""
        service = await ground.serve("one")
        service.failpoints += [f"{name}:{nth}" for nth in times for name in names]
        ground.struck["SIGKILL to begin"] += service.kill()
        until = time.monotonic() + 20 * len(names) * len(times)
        while time.monotonic() < until and any(not ground.deaths[name] for name in names):
            await ground.clients(4, 1.0, OFFERS)
        service.failpoints.clear()
        ground.struck["SIGKILL to end"] += service.kill()  # the next one is armed with nothing
        await ground.ready(service)
        await ground.clients(8, 3, OFFERS)
        bitten(ground, *names)

    return play


async def database_crashes(ground: Ground) -> None:
    """G1, G2, G7: PostgreSQL is stopped in the way of a crash every few seconds, and backends are killed."""
    await ground.serve("one")

    async def strike() -> None:
        for _ in range(4):
            await asyncio.sleep(ground.rng.uniform(1.5, 2.5))
            async with ground.admin() as admin:
                ground.struck["backend killed"] += await admin.fetchval(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
                )
            await asyncio.sleep(ground.rng.uniform(0.5, 1.0))
            await ground.stack.crash("postgres")
            ground.struck["database crashed"] += 1
            await asyncio.sleep(2.5)

    await asyncio.gather(ground.clients(16, 24, OFFERS), strike())
    bitten(ground, "backend killed", "database crashed")


async def one_stream(ground: Ground) -> None:
    """G2: sixty-four clients and two instances on a few streams; no seat beyond the last, the only seat once."""
    await ground.serve("one")
    await ground.serve("two")
    await asyncio.gather(ground.clients(64, 10, HOT), ground.clients(16, 10, ["one--1", "one--2"]))
    async with ground.admin() as admin:
        held = dict(await admin.fetch("select subject, max(stream_version) from events group by subject"))
    if any(held.get(offer, 0) > 1 for offer in ("one--1", "one--2")) or any(held[offer] > 40 for offer in HOT):
        raise AssertionError(f"seats given twice: {held}")
    ground.struck["refused"] = sum(call.status == 409 for call in ground.calls)
    bitten(ground, "refused")


async def broker_away(ground: Ground) -> None:
    """G3: Kafka is held down for a while, commands go on; then the backlog drains."""
    await ground.serve("one")
    names = [name for name in ground.stack.status()["processes"] if name.startswith("kafka")]  # type: ignore[union-attr]
    loading = asyncio.create_task(ground.clients(8, 36, OFFERS))
    await asyncio.sleep(3)
    for name in names:
        await ground.stack.hold(name)
    await asyncio.sleep(1)
    before = len(ground.calls)
    await asyncio.sleep(25)
    ground.struck["commands while Kafka was away"] += len(ground.calls) - before
    for name in names:
        await ground.stack.release(name)
    await loading
    bitten(ground, "commands while Kafka was away")


async def late_commits(ground: Ground) -> None:
    """G4: every interleaving of two appends with a relay that looks between any two steps; then a transaction left open beside."""
    await ground.serve("one")
    await ground.services[0].stop()
    async with ground.admin() as one, ground.admin() as other, ground.admin() as idle, ground.admin() as reading:
        await idle.execute("begin")
        await idle.execute("create temporary table idle (n int)")
        schedules = _schedules()
        for number, schedule in enumerate(schedules):
            seen: list[str] = []
            for who, step in schedule:
                await _step(one if who == 0 else other, step, f"late--{number}-{who}")
                entries = await Outbox(connection=reading).waiting((), 100)
                await Outbox(connection=reading).place(entries)
                await Outbox(connection=reading).said([entry.outbox_id for entry in entries])
                seen += [entry.subject for entry in entries]
            expected = sorted(f"late--{number}-{who}" for who in (0, 1) if (who, "commit") in schedule)
            if sorted(seen) != expected:
                raise AssertionError(f"schedule {schedule}: seen {seen}, committed {expected}")
        ground.struck["interleavings"] = len(schedules)
        await reading.execute("delete from relay_log; delete from outbox")
        await reading.execute("alter table events disable trigger user; delete from events")
    ground.services.clear()
    await ground.serve("after")
    await ground.clients(4, 2, OFFERS)
    bitten(ground, "interleavings")


def _schedules() -> list[list[tuple[int, str]]]:
    """All orders of begin, append, commit or rollback of two transactions."""

    def interleave(a: list[tuple[int, str]], b: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
        if not a or not b:
            return [a or b]
        return [[a[0], *rest] for rest in interleave(a[1:], b)] + [[b[0], *rest] for rest in interleave(a, b[1:])]

    found = []
    for first in ("commit", "rollback"):
        for second in ("commit", "rollback"):
            found += interleave([(0, "begin"), (0, "append"), (0, first)], [(1, "begin"), (1, "append"), (1, second)])
    return found


async def _step(connection: asyncpg.Connection, step: str, subject: str) -> None:
    if step != "append":
        await connection.execute(step)
        return
    from specimens import STORE, hold, seats

    await STORE.append(connection, [STORE.record(seats(1, subject), 1, hold())], [])


async def two_relays(ground: Ground) -> None:
    """G5: two instances; the connection that holds the relay's lock is cut while it sends, again and again."""
    await ground.serve("one")
    await ground.serve("two")

    async def cut() -> None:
        for _ in range(20):
            await asyncio.sleep(0.7)
            async with ground.admin() as admin:
                ground.struck["lock cut"] += await admin.fetchval(
                    "select count(pg_terminate_backend(pid)) from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())"
                )

    await asyncio.gather(ground.clients(16, 16, OFFERS), cut())
    bitten(ground, "lock cut")


async def leaders_killed(ground: Ground) -> None:
    """G5, G6: the leader of a partition, the controller and the group's coordinator are killed in turn."""
    await ground.serve("one")

    async def strike() -> None:
        for which in ("leader", "controller", "coordinator"):
            await asyncio.sleep(3)
            cluster = ground.stack.cluster
            match which:
                case "leader":
                    name = str((await cluster.leaders(TOPIC))[0])
                case "controller":
                    name = await asyncio.to_thread(cluster.controller)
                case _:
                    name = await cluster.coordinator("specimen")
            await ground.stack.kill(name)
            ground.struck[f"{which} killed"] += 1
            await asyncio.sleep(8)

    await asyncio.gather(ground.clients(12, 34, OFFERS), strike())
    bitten(ground, "leader killed", "controller killed", "coordinator killed")


async def broker_frozen(ground: Ground) -> None:
    """G6: one broker of three stands still for longer than its session, then comes back with its old view."""
    await ground.serve("one")

    async def strike() -> None:
        await asyncio.sleep(3)
        name = str((await ground.stack.cluster.leaders(TOPIC))[0])
        await ground.stack.pause(name)
        ground.struck["broker frozen"] += 1
        await asyncio.sleep(14)
        await ground.stack.resume(name)

    await asyncio.gather(ground.clients(12, 28, OFFERS), strike())
    bitten(ground, "broker frozen")


async def topic_made_anew(ground: Ground) -> None:
    """G6: the topic is deleted and made again under a running service; it is refilled and nothing counts twice."""
    await ground.serve("one")
    await ground.clients(8, 4, OFFERS)
    await ground.calm()
    nodes = sum(name.startswith("kafka") for name in ground.stack.status()["processes"])  # type: ignore[union-attr]
    await ground.fresh_topic(3 if nodes > 1 else 1)
    ground.struck["topic made anew"] += 1
    until = time.monotonic() + 40
    while not ground.deaths["exit 1"] and time.monotonic() < until:
        await asyncio.sleep(0.2)
    ground.struck["the watchdog ended it"] += ground.deaths["exit 1"]
    await ground.ready(ground.services[0])
    await ground.clients(8, 4, OFFERS)
    bitten(ground, "topic made anew", "the watchdog ended it")


async def frozen_member(ground: Ground) -> None:
    """G8: a member stands still beyond its session in the midst of work, another takes over, the first comes back."""
    await ground.serve("one")
    await ground.serve("two")

    async def strike() -> None:
        for service in ground.services:
            await asyncio.sleep(2)
            ground.struck["member frozen"] += service.signal(signal.SIGSTOP)
            await asyncio.sleep(13)
            service.signal(signal.SIGCONT)

    await asyncio.gather(ground.clients(8, 34, OFFERS), strike())
    bitten(ground, "member frozen")


async def rebalance_storm(ground: Ground) -> None:
    """G8: members come and go every two seconds."""
    await ground.serve("one")
    await ground.serve("two")

    async def strike() -> None:
        for number in range(10):
            await asyncio.sleep(2)
            ground.struck["member gone"] += ground.services[number % 2].signal(signal.SIGTERM if number % 3 else signal.SIGKILL)

    await asyncio.gather(ground.clients(8, 24, OFFERS), strike())
    bitten(ground, "member gone")


def stalled(stall: str) -> Callable[[Ground], Awaitable[None]]:
    async def play(ground: Ground) -> None:
        """G8: the consumer goes silent; the watchdog ends the process within a minute and the next one catches up."""
        service = await ground.serve("one", environment={"SPECIMEN_STALL": stall})
        await ground.serve("door", environment={"SPECIMEN_CONSUMER": "another"})
        await asyncio.sleep(6)
        began = time.monotonic()
        service.environment.pop("SPECIMEN_STALL")
        ground.services.reverse()
        loading = asyncio.create_task(ground.clients(4, 3, OFFERS))
        while not service.deaths["exit 1"] and time.monotonic() - began < 75:
            await asyncio.sleep(0.2)
        ground.struck["seconds until it was ended"] = int(time.monotonic() - began)
        if not service.deaths["exit 1"] or ground.struck["seconds until it was ended"] > 60:
            raise AssertionError("the watchdog did not end it within 60 s")
        await loading
        await ground.ready(service)
        await ground.clients(8, 3, OFFERS)

    return play


async def poisoned(ground: Ground) -> None:
    """G9: twenty shapes of records that nobody can believe, and a handler with a bug; all are set aside, nothing else is."""
    await ground.serve("one")
    await ground.clients(4, 3, [*OFFERS, "bad"])
    producer = Producer({"bootstrap.servers": ground.stack.bootstrap, "log_level": 0})
    shapes = _shapes(await asyncio.to_thread(scan, ground.stack.bootstrap), ground.rng)
    for key, value, headers in shapes:
        producer.produce(TOPIC, key=key, value=value, headers=headers)
    await asyncio.to_thread(producer.flush, 20)
    ground.struck["poison said"] = len(shapes)
    await ground.clients(4, 4, [*OFFERS, "bad"])
    await ground.calm()
    async with ground.admin() as admin:
        parked = await admin.fetchval(
            "select count(*) from parked where consumer = 'specimen' and subject like 'poison%' or subject is null"
        )
    if parked != len(shapes):
        raise AssertionError(f"{len(shapes)} poisoned records, {parked} set aside")
    bitten(ground, "poison said")


type Shape = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


def _shapes(records: list, rng: random.Random) -> list[Shape]:
    """Twenty ways to be wrong, made from a record that is right."""
    _, _, _, good, value = rng.choice(records)
    sound = [(("content-type" if name == "content-type" else f"ce_{name}"), text.encode()) for name, text in good.items()] + [
        ("ce_foreign", b"1")
    ]

    def but(**changed: str | None) -> list[tuple[str, bytes | None]]:
        kept = [(name, text) for name, text in sound if name.removeprefix("ce_") not in changed]
        return [*kept, *((f"ce_{name}", text.encode()) for name, text in changed.items() if text is not None)]

    shapes: list[Shape] = [
        (b"poison1", None, []), (b"poison2", b"", []), (b"poison3", b"\x00", []), (b"poison4", b"{}", []), (b"poison5", b"\xff\xfe", []),
        (b"poison6", b"x" * 900_000, []), (b"poison7", value, [("ce_id", None)]), (b"poison8", value, [("ce_id", b"\xff")]),
        (b"poison9", value, but(id=None)), (b"poison10", value, but(type="fr.raccroche.offers.Unheard.v1")), (b"poison11", value, but(type="fr.raccroche.offers.SeatsChanged.v2")),
        (b"poison12", value, but(digest="0" * 64)), (b"poison13", value + b" ", but()), (b"poison14", value, but(streamversion="0")),
        (b"poison15", value, but(streamversion="one")), (b"poison16", value, but(source="/elsewhere")), (b"poison17", value, but(sequence="x")),
        (b"poison18", value, but(time="yesterday")), (b"poison19", value, [*but(), *but()]), (None, value, but()),
    ]  # fmt: skip
    return shapes


async def copies(ground: Ground) -> None:
    """G11: sixteen copies at once, answers lost by kills, the same key after a restart, the same key with another body."""
    await ground.serve("one")
    async with httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=64)) as web:
        keys = [uuid4() for _ in range(40)]

        async def burst(key) -> None:
            await asyncio.gather(*(ground.hold(web, key, OFFERS[key.int % 200], ground.rng) for _ in range(16)))

        async def kill() -> None:
            for _ in range(3):
                await asyncio.sleep(0.4)
                ground.struck["SIGKILL at a random time"] += ground.services[0].kill()
                await ground.ready(ground.services[0])

        await asyncio.gather(*(burst(key) for key in keys), kill())
        for key in keys:
            await ground.hold(web, key, OFFERS[key.int % 200], ground.rng)
        other = await web.post(
            f"http://127.0.0.1:{ground.services[0].port}/hold", json={"offer_id": "another"},
            headers={"Authorization": f"Bearer {ground.token}", "Idempotency-Key": str(keys[0])},
        )  # fmt: skip
    if other.status_code != 422:
        raise AssertionError(f"the same key with another body: {other.status_code}")
    bitten(ground, "SIGKILL at a random time")


async def tampered(ground: Ground) -> None:
    """G12: no role may change an event; what a superuser changes, each of two hundred times, a recomputed chain tells."""
    await ground.serve("one")
    await ground.clients(8, 4, OFFERS)
    await ground.calm()
    for role in ("app", "consumer", "relay"):
        connection = await asyncpg.connect(ground.dsns[role])
        for statement in ("update events set body = ''", "delete from events", "truncate events", "alter table events disable trigger all",
                          "update relay_log set chain = ''", "set session_replication_role = replica"):  # fmt: skip
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                ground.struck["refused to a role"] += 1
            else:
                raise AssertionError(f"{role} may {statement}")
        await connection.close()
    async with ground.admin() as admin:
        for number in range(200):
            transaction = admin.transaction()
            await transaction.start()
            await admin.execute(ground.rng.choice(TAMPERINGS))
            found = await _verification(admin)
            await transaction.rollback()
            ground.struck["tamperings"] += 1
            if not found:
                raise AssertionError(f"tampering {number} was not found")
        if await _verification(admin):
            raise AssertionError("a false alarm")
    bitten(ground, "refused to a role", "tamperings")


TAMPERINGS = tuple(
    statement.format("(select event_id from events order by random() limit 1)")
    for statement in (
        "update events set body = body || ' '::bytea where event_id = {}",
        "update events set attributes = set_byte(attributes, 20, (get_byte(attributes, 20) + 1) % 256) where event_id = {}",
        "update events set type = type || 'x' where event_id = {}",
        "update events set happened_at = happened_at + interval '1 second' where event_id = {}",
        "update events set actor = 'somebody' where event_id = {}",
        "update relay_log set chain = sha256(chain) where event_id = {}",
        "delete from relay_log where event_id = {}",
        "delete from events where event_id = {}",
    )
)


async def _verification(admin: asyncpg.Connection) -> list[object]:
    """What the house's own `history verify` finds in this store, alone."""
    from raccroche.copies import STORE
    from raccroche.verification import Kept, verify

    kept = [Kept(**dict(row)) for row in await admin.fetch(STORE, "/raccroche/offers")]
    faults = verify("/raccroche/offers", store=kept, history=[]).faults
    return [fault for fault in faults if fault.what != "not in history"]


SCENARIOS = (
    Scenario(name="killed at random times", guarantee="G1", play=killed_at_random, smoke=True),
    Scenario(name="PostgreSQL crashes", guarantee="G1", play=database_crashes),
    Scenario(name="sixty-four clients on one stream", guarantee="G2", play=one_stream, smoke=True),
    Scenario(name="the relay killed at each step", guarantee="G3", play=killed_at(RELAY_STEPS, (1,)), smoke=True),
    Scenario(name="Kafka away", guarantee="G3", play=broker_away),
    Scenario(name="late commits, all interleavings", guarantee="G4", play=late_commits, smoke=True),
    Scenario(name="two relays alive", guarantee="G5", play=two_relays),
    Scenario(name="leader, controller, coordinator killed", guarantee="G6", play=leaders_killed, cluster=True),
    Scenario(name="a broker frozen", guarantee="G6", play=broker_frozen, cluster=True),
    Scenario(name="the topic made anew", guarantee="G6", play=topic_made_anew),
    Scenario(
        name="the consumer killed in the middle",
        guarantee="G7",
        play=killed_at(("consumer_mid_batch", "consumer_before_commit"), (1,)),
        smoke=True,
    ),
    Scenario(name="the consumer killed at each step", guarantee="G7", play=killed_at(CONSUMER_STEPS, (1,))),
    Scenario(name="a member frozen beyond its session", guarantee="G8", play=frozen_member),
    Scenario(name="rebalance storm", guarantee="G8", play=rebalance_storm),
    Scenario(name="stall: the loop spins", guarantee="G8", play=stalled("spin")),
    Scenario(name="stall: the client is mute", guarantee="G8", play=stalled("mute")),
    Scenario(name="stall: a handler never returns", guarantee="G8", play=stalled("stuck")),
    Scenario(name="twenty shapes of poison", guarantee="G9", play=poisoned, smoke=True),
    Scenario(name="sixteen copies, answers lost", guarantee="G11", play=copies, smoke=True),
    Scenario(name="tampering", guarantee="G12", play=tampered, smoke=True),
)
