"""A list is complete: its people are decided upon, then it closes and its body goes."""

from uuid import UUID, uuid5

from chassis.decider import Request, Trace
from chassis.event_store import Connection
from intake import links, lists, sources
from intake.batch import Desk, request_of, settled
from intake.domain.commands import DecideDropout, PersonCommand
from intake.domain.detection import Rule
from intake.domain.linked import DecideTogether
from intake.domain.list_commands import CloseList
from intake.lists import Job

AT_ONCE = 200


async def decide_some(desk: Desk, connection: Connection, job: Job, rule: Rule, trace: Trace, *, run: UUID | None = None) -> int:
    """Decide upon some of the people whom the list touched; how many, 0 when all are done.

    run: names a later decision about the same list, which is not the first one repeated.

    Raises:
        chassis.event_store.Conflict: roll back and come again.
    """
    async with connection.transaction():
        rows = await connection.fetch(TOUCHED, job.list_id, AT_ONCE)
        if not rows:
            return 0
        people = [row["person_id"] for row in rows]
        linked, coverage = await links.groups(connection, people), await lists.coverage(connection, job.list_id)
        facts = await links.fact_ids(connection, people)
        requests: list[Request[PersonCommand]] = []
        for row in rows:
            person_id = row["person_id"]
            if person_id in linked:
                continue
            command = DecideDropout(
                person_id=person_id,
                detection_id=uuid5(run or job.list_id, f"detection {person_id}"),
                rule=rule,
                facts=tuple(facts[person_id]),
                coverage=coverage,
                reference_date=job.reference_date,
                age=row["age"],
                majority_month=row["majority_month"],
                departement=row["departement"],
            )
            requests.append(
                request_of(job, f"decide {person_id}", command, trace, of=run, cause=facts[person_id][-1] if facts[person_id] else None)
            )
        settled(await desk.person_handler.handle_in(connection, requests))
        for row in (one for one in rows if one["person_id"] in linked):
            person_id = row["person_id"]
            known = await links.members(connection, linked[person_id], asked_by=run or job.list_id)
            together = DecideTogether(members=known, rule=rule, coverage=coverage, reference_date=job.reference_date, age=row["age"])
            asked = request_of(job, f"decide {person_id}", together, trace, of=run, cause=facts[person_id][-1])
            settled(await links.together(desk.person_handler).handle_in(connection, [asked]))
        await connection.execute(DECIDED, job.list_id, people)
        return len(rows)


async def decide_rest(desk: Desk, connection: Connection, job: Job, rule: Rule, trace: Trace, *, run: UUID) -> None:
    """Decide upon all whom the list touched, in the transaction of the later decision that `run` names.

    Raises:
        chassis.event_store.Conflict: roll back and come again.
    """
    while await decide_some(desk, connection, job, rule, trace, run=run):
        pass


async def close(desk: Desk, connection: Connection, job: Job, trace: Trace) -> None:
    """Say the totals and delete the body, together."""
    async with connection.transaction():
        counts = await lists.counts_of(connection, job.list_id)
        command = CloseList(
            list_id=job.list_id,
            lines=sum(counts.values()),
            accepted=counts["accepted"],
            accepted_with_remarks=counts["accepted_with_remarks"],
            rejected=counts["rejected"],
            held=counts["held"],
            not_kept=counts["not_kept"],
        )
        settled(await desk.list_handler.handle_in(connection, [request_of(job, "close", command, trace)]))
        await sources.hear(connection, desk.source_handler, job, now=desk.clock.now(), trace=trace)
        await lists.close(connection, job.list_id, desk.clock.now())


TOUCHED = """
select t.person_id, t.age, d.majority_month, d.departement from touched t join person_derived d using (person_id)
where t.list_id = $1 order by t.person_id limit $2
"""
DECIDED = "delete from touched where list_id = $1 and person_id = any($2::uuid[])"
