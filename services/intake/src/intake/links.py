"""Where it is kept who is linked to whom: the linked are decided upon as one, and no link changes meanwhile."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID, uuid5

import asyncpg

from chassis.decider import Outcome, Request
from chassis.event_store import Conflict, Connection
from chassis.handler import Handler, StreamBusy
from contracts.intake import ContractSeen, DiplomaSeen, EnrolmentSeen, ExitSeen, PersonEvent
from intake import lists
from intake.domain.commands import PersonCommand
from intake.domain.linked import LINKED, LinkedCommand, LinkPersons, Member, Together, UnlinkPersons
from intake.domain.person import Person

ATTEMPTS = 12
FACTS = [fact.wire_type() for fact in (ExitSeen, EnrolmentSeen, ContractSeen, DiplomaSeen)]
type PersonHandler = Handler[PersonCommand, Person, PersonEvent]
type LinkedHandler = Handler[LinkedCommand, Together, PersonEvent]


class NotKnown(Exception):
    """There is no such person, or nothing of them that could be decided upon."""


def together(persons: PersonHandler) -> LinkedHandler:
    """The same streams and store, read as linked persons."""
    return Handler(decider=LINKED, store=persons.store, pool=persons.pool, committed=persons.committed)


async def groups(connection: Connection, people: Sequence[UUID]) -> Mapping[UUID, tuple[UUID, ...]]:
    """Of each who is linked, everybody whom links reach, in the order of their ids; no link changes until the transaction ends.

    Two transactions that decide about one group come one after the other.
    """
    await connection.execute(SHARED)
    found = await reached(connection, people)
    if found:
        await connection.execute(ONE_BY_ONE, sorted({str(members[0]) for members in found.values()}))
    return found


async def reached(connection: Connection, people: Sequence[UUID]) -> Mapping[UUID, tuple[UUID, ...]]:
    """The same without waiting for anybody: as it was a moment ago."""
    return {row["start"]: tuple(row["members"]) for row in await connection.fetch(REACHED, people)}


async def fact_ids(connection: Connection, people: Iterable[UUID]) -> Mapping[UUID, list[UUID]]:
    """The ids of each person's facts, in the order in which they were told."""
    found: dict[UUID, list[UUID]] = {person_id: [] for person_id in people}
    for row in await connection.fetch(FACT_IDS, [f"person-{person_id}" for person_id in found], FACTS):
        found[UUID(row["stream_id"].removeprefix("person-"))].append(row["event_id"])
    return found


async def members(connection: Connection, people: Sequence[UUID], *, asked_by: UUID) -> tuple[Member, ...]:
    """These persons with what a decision needs of them.

    asked_by: the ids of what may be found derive from it.

    Raises:
        NotKnown: of one of them nothing is known.
    """
    facts = await fact_ids(connection, people)
    rows = await connection.fetch(DERIVED, people)
    if len(rows) != len(people):
        raise NotKnown
    return tuple(
        Member(
            person_id=row["person_id"], detection_id=uuid5(asked_by, f"detection {row['person_id']}"), facts=tuple(facts[row["person_id"]]),
            majority_month=row["majority_month"], departement=row["departement"],
        )
        for row in rows
    )  # fmt: skip


async def change(persons: PersonHandler, request: Request[LinkPersons | UnlinkPersons]) -> Outcome:
    """Link or unlink, with the rows that follow from it, in one transaction; the command's members and coverage are filled in here.

    Raises:
        NotKnown. chassis.handler.KeyReused. StreamBusy: others kept writing first; nothing was written.
    """
    for _ in range(ATTEMPTS):
        try:
            async with persons.pool.acquire() as connection, connection.transaction():
                outcome = await _change(persons, connection, request)
        except (Conflict, asyncpg.DeadlockDetectedError):
            continue
        persons.committed()
        return outcome
    raise StreamBusy("others kept writing first")


async def _change(persons: PersonHandler, connection: Connection, request: Request[LinkPersons | UnlinkPersons]) -> Outcome:
    await connection.execute(ALONE)
    command = request.command
    pair = sorted({command.person_id, command.other_id})
    everybody = {*pair, *(one for group in (await reached(connection, pair)).values() for one in group)}
    known = await members(connection, sorted(everybody), asked_by=request.command_id)
    coverage = await lists.coverage(connection)
    asked = replace(request, command=replace(command, members=known, coverage=coverage))
    (outcome,) = await together(persons).handle_in(connection, [asked])
    if outcome.status == "done" and not outcome.repeated:
        await connection.execute(KEEP if isinstance(command, LinkPersons) else FORGET, *pair)
    return outcome


LINKS = "hashtextextended('person links', 0)"
SHARED = f"select pg_advisory_xact_lock_shared({LINKS})"
ALONE = f"select pg_advisory_xact_lock({LINKS})"
ONE_BY_ONE = """
select pg_advisory_xact_lock(hashtextextended(k, 1)) from (select k from unnest($1::text[]) as t (k) order by k) sorted
"""
REACHED = """
with recursive link as (
  select person_id, other_id from person_link union all select other_id, person_id from person_link
), reached (start, person_id) as (
  select person_id, person_id from link where person_id = any($1::uuid[])
  union select r.start, l.other_id from reached r join link l using (person_id)
)
select start, array_agg(person_id order by person_id) as members from reached group by start
"""
DERIVED = """
select person_id, majority_month, departement from person_derived where person_id = any($1::uuid[]) order by person_id
"""
KEEP = "insert into person_link (person_id, other_id) values ($1, $2) on conflict do nothing"
FORGET = "delete from person_link where person_id = $1 and other_id = $2"
FACT_IDS = """
select event_id, stream_id from events where stream_id = any($1::text[]) and type = any($2::text[]) order by stream_id, stream_version
"""
