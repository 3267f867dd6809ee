"""Whole lists that wait for a human: noticed as they come, kept sealed, decided upon, or refused when 30 days are over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

import asyncpg
import orjson

from chassis.clock import Clock
from chassis.decider import Request, Trace
from chassis.event_store import Connection, Recording
from chassis.handler import Handler, KeyReused
from chassis.timers import Timer
from contracts.intake import ListEvent, ListHeld
from intake import lists
from intake.domain.holding import HOLDING_V1, Arrival, Doubts, Earlier, HoldingRule, doubts_about
from intake.domain.list import SentList
from intake.domain.list_commands import HoldList, ListCommand, RefuseList
from intake.inspection import Inspected

ACTOR = "/raccroche/intake"
UNDECIDED = timedelta(days=30)
TIMER = "held_list"


class Repeated(Exception):
    """The same sender sent the very same list before, under the id `same_as`: nothing is new."""

    def __init__(self, same_as: UUID) -> None:
        super().__init__(f"the same list is {same_as}")
        self.same_as = same_as


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """What must be known of a list that comes in to say whether it is held."""

    list_id: UUID
    sender: str
    format: str
    reference_date: date
    inspected: Inspected
    fingerprint: bytes
    received: UUID
    trace: Trace


async def refuse_repeats(pool: asyncpg.Pool, list_id: UUID, fingerprint: bytes, at: datetime) -> None:
    """Nothing, unless this list is here under another id; that it came again is kept.

    Raises:
        Repeated: it is. chassis.handler.KeyReused: under this id another list was repeated.
    """
    same_as, repeated = await pool.fetchval(SAME_AS, fingerprint), await pool.fetchval(REPEATED, list_id)
    if repeated is not None and repeated != same_as:
        raise KeyReused("this id belongs to another list")
    if same_as is not None and same_as != list_id:
        await pool.execute(KEEP_REPEATED, list_id, same_as, at)
        raise Repeated(same_as)


async def arrive(
    connection: Connection,
    handler: Handler[ListCommand, SentList, ListEvent],
    arrived: Arrived,
    *,
    at: datetime,
    rule: HoldingRule = HOLDING_V1,
) -> None:
    """In the transaction that takes a list in: remember its source, and hold it if it must be held.

    Raises:
        Repeated: somebody committed the same list meanwhile. chassis.event_store.Conflict: come again.
    """
    source = (arrived.sender, arrived.format, arrived.inspected.content)
    await connection.execute(LOCK, "|".join(source))
    if await connection.execute(KEEP_SOURCE, arrived.list_id, *source, arrived.inspected.lines, arrived.fingerprint) != "INSERT 0 1":
        raise Repeated(await connection.fetchval(SAME_AS, arrived.fingerprint))
    doubts = doubts_about(await _arrival(connection, arrived, rule), rule)
    if not doubts.reasons:
        await _keep_establishments(connection, arrived.sender, arrived.format, sorted(arrived.inspected.establishments))
        return
    await handler.handle_in(connection, [_hold(arrived, doubts, rule)])
    await connection.execute(
        KEEP_HELD, arrived.list_id, doubts.reasons, rule.version, doubts.usual, doubts.newer, sorted(arrived.inspected.establishments), at
    )


async def _arrival(connection: Connection, arrived: Arrived, rule: HoldingRule) -> Arrival:
    source = (arrived.sender, arrived.format, arrived.inspected.content)
    rows = await connection.fetch(EARLIER, *source, arrived.list_id, rule.last)
    others = sorted(arrived.inspected.establishments - {arrived.sender})
    return Arrival(
        reference_date=arrived.reference_date,
        lines=arrived.inspected.lines,
        earlier=[Earlier(**dict(row)) for row in rows],
        of_others=bool(others) and await connection.fetchval(OF_OTHERS, arrived.format, others, arrived.sender),
    )


def _hold(arrived: Arrived, doubts: Doubts, rule: HoldingRule) -> Request[ListCommand]:
    command = HoldList(
        list_id=arrived.list_id, reasons=doubts.reasons, rule_version=rule.version, lines=arrived.inspected.lines,
        usual=doubts.usual, newer=doubts.newer,
    )  # fmt: skip
    return Request(
        command=command, command_id=uuid5(arrived.list_id, "hold"), actor=ACTOR, correlation_id=arrived.received, route="holding",
        trace=arrived.trace,
    )  # fmt: skip


async def _keep_establishments(connection: Connection, sender: str, list_format: str, establishments: Sequence[str]) -> None:
    await connection.execute(KEEP_ESTABLISHMENTS, sender, list_format, establishments)


def deadlines_of(event: ListEvent, recording: Recording) -> Sequence[Timer]:
    """A list that nobody decides upon is refused when its time is over."""
    if not isinstance(event, ListHeld):
        return ()
    timer = Timer(
        timer_id=uuid5(recording.event_id, TIMER),
        due_at=recording.recorded_at + UNDECIDED,
        kind=TIMER,
        subject=event.subject,
        body=orjson.dumps({"list_id": str(event.list_id)}),
        trace=recording.trace,
    )
    return (timer,)


def refusal_of(timer: Timer) -> RefuseList:
    """What the timer of a held list asks."""
    return RefuseList(list_id=UUID(orjson.loads(timer.body)["list_id"]), motive="not_decided_in_time")


async def released(connection: Connection, list_id: UUID, clock: Clock) -> None:
    """In the transaction of `ListReleased`: the list is read next, and its sender may report these establishments from now on."""
    row = await connection.fetchrow(DECIDE, list_id, "released", clock.now())
    if row is not None:
        await connection.execute(KEEP_RELEASED, list_id, row["establishments"])


async def refused(connection: Connection, list_id: UUID, clock: Clock) -> None:
    """In the transaction of `ListRefused`: the body goes."""
    if await connection.fetchrow(DECIDE, list_id, "refused", clock.now()) is not None:
        await lists.close(connection, list_id, clock.now())


SAME_AS = "select list_id from list_source where fingerprint = $1"
REPEATED = "select same_as from repeated_list where list_id = $1"
KEEP_REPEATED = "insert into repeated_list (list_id, same_as, at) values ($1, $2, $3) on conflict (list_id) do nothing"
LOCK = "select pg_advisory_xact_lock(hashtextextended($1, 0))"
KEEP_SOURCE = """
insert into list_source (list_id, sender, format, content, lines, fingerprint) values ($1, $2, $3, $4, $5, $6)
on conflict (fingerprint) do nothing
"""
EARLIER = """
select s.list_id, l.reference_date, s.lines from list_source s
join lists l using (list_id) left join held_list h using (list_id)
where s.sender = $1 and s.format = $2 and s.content = $3 and s.list_id <> $4 and (h.list_id is null or h.decision = 'released')
order by l.received_at desc, s.list_id limit $5
"""
OF_OTHERS = """
select exists (
  select from sender_establishment o where o.format = $1 and o.uai = any($2::text[]) and o.sender <> $3
  and not exists (select from sender_establishment own where own.sender = $3 and own.format = $1 and own.uai = o.uai)
)
"""
KEEP_ESTABLISHMENTS = """
insert into sender_establishment (sender, format, uai) select $1, $2, uai from unnest($3::text[]) as reported (uai)
on conflict do nothing
"""
KEEP_HELD = """
insert into held_list (list_id, reasons, rule_version, usual, newer, establishments, held_at) values ($1, $2, $3, $4, $5, $6, $7)
"""
DECIDE = """
update held_list set decision = $2, decided_at = $3 where list_id = $1 and decision is null returning establishments
"""
KEEP_RELEASED = """
insert into sender_establishment (sender, format, uai)
select s.sender, s.format, uai from list_source s, unnest($2::text[]) as reported (uai) where s.list_id = $1 on conflict do nothing
"""
