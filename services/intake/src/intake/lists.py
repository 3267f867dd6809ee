"""The lists themselves: their encrypted bodies, how far each is read, and the verdicts of their lines."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from chassis.decider import Trace
from chassis.event_store import Connection
from contracts.intake import ExitOrigin, Finding, ListFormat
from intake import parts
from intake.formats import ADAPTERS
from intake.rules import Verdict

VERDICTS: tuple[Verdict, ...] = ("accepted", "accepted_with_remarks", "rejected", "held", "not_kept")
FORMATS: Mapping[str, ExitOrigin] = {"report": "report", "self": "self", "campaign": "campaign", "risk": "list"}
"""Lists that nobody sent as such: all have the columns of our CSV. A signal of risk tells no exit."""
KEPT_REFUSED = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A list that is being read: whose, how far, and the event that all of it follows from."""

    list_id: UUID
    sender: str
    format: ListFormat
    reference_date: date
    size: int
    charset: str | None
    last_line: int
    received_event: UUID
    correlation_id: UUID
    trace: Trace
    origin: ExitOrigin = "list"


@dataclass(frozen=True, kw_only=True)
class LineVerdict:
    """What became of one line. A line that is not kept has its number and its verdict, nothing more.

    departement: of a held line, that of residence, else of the establishment. people: whom a held line may mean.
    """

    line: int
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    hmac: bytes | None = None
    sealed_line: bytes | None = None
    departement: str | None = None
    people: tuple[UUID, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A list that was received: whose, its size in bytes, and by which keyed digest the same sending is recognised."""

    sender: str
    size: int
    fingerprint: bytes


class ProgressLost(Exception):
    """The list stands elsewhere than this reader left it: read its state again."""


async def keep_received(
    connection: Connection,
    *,
    list_id: UUID,
    sender: str,
    list_format: str,
    reference_date: date,
    size: int,
    fingerprint: bytes,
    at: datetime,
    charset: str | None = None,
) -> None:
    await connection.execute(KEEP, list_id, sender, list_format, reference_date, size, fingerprint, at, charset)


async def kept(connection: Connection, list_id: UUID) -> Kept | None:
    row = await connection.fetchrow(KEPT, list_id)
    return Kept(**dict(row)) if row else None


async def keep_refused(connection: Connection, *, list_id: UUID, sender: str, rule: str, at: datetime) -> None:
    """That a file was refused, by whom and why; nothing of the file."""
    await connection.execute(KEEP_REFUSED, list_id, sender, rule, at)


async def claim(connection: Connection, besides: Collection[UUID] = ()) -> Job | None:
    """The oldest list that nobody reads, locked to this connection until `release` or its end. besides: lists to pass over.

    Of one sender's complete lists only the first, since each is compared with the one before, which holds where that one is passed over.
    """
    complete = [name for name, adapter in ADAPTERS.items() if adapter.complete]
    for row in await connection.fetch(OPEN, complete):
        if row["list_id"] in besides or not await connection.fetchval(LOCK, _lock_of(row["list_id"])):
            continue
        if (job := await job_of(connection, row["list_id"])) is not None:
            return job
        await release(connection, row["list_id"])
    return None


async def job_of(connection: Connection, list_id: UUID, *, closed: bool = False) -> Job | None:
    """The list, if it is not closed; or, if so asked, if it is."""
    row = await connection.fetchrow(JOB, list_id, f"list-{list_id}", closed)
    if row is None:
        return None
    return Job(
        list_id=list_id, sender=row["sender"], format="csv" if row["format"] in FORMATS else row["format"],
        reference_date=row["reference_date"], size=row["size"], charset=row["charset"], last_line=row["last_line"],
        received_event=row["event_id"],
        correlation_id=row["correlation_id"], trace=Trace(traceparent=row["traceparent"], tracestate=row["tracestate"]),
        origin=FORMATS.get(row["format"], "list"),
    )  # fmt: skip


async def release(connection: Connection, list_id: UUID) -> None:
    await connection.execute(UNLOCK, _lock_of(list_id))


def _lock_of(list_id: UUID) -> int:
    return int.from_bytes(list_id.bytes[:8], signed=True)


async def advance(connection: Connection, job: Job, *, after: int, verdicts: Sequence[LineVerdict], at: datetime) -> None:
    """Write verdicts and progress, in the transaction of their facts.

    Raises:
        ProgressLost: the list is not where `after` says.
    """
    counts = Counter(one.verdict for one in verdicts)
    moved = await connection.execute(ADVANCE, job.list_id, after, verdicts[-1].line, *(counts[verdict] for verdict in VERDICTS))
    if moved != "UPDATE 1":
        raise ProgressLost
    rows = [
        (
            job.list_id, one.line, one.verdict, [f.field for f in one.findings], [f.rule for f in one.findings], one.hmac, one.sealed_line,
            at, one.departement, one.people,
        )
        for one in verdicts
    ]  # fmt: skip
    await connection.copy_records_to_table("line_verdict", records=rows, columns=VERDICT_COLUMNS)


async def lists_with(connection: Connection, hmacs: Sequence[bytes]) -> dict[bytes, set[UUID]]:
    """The lists of which an accepted line had this very record."""
    found: dict[bytes, set[UUID]] = {}
    for row in await connection.fetch(WITH_HMAC, hmacs):
        found.setdefault(row["hmac"], set()).add(row["list_id"])
    return found


async def counts_of(connection: Connection, list_id: UUID) -> dict[Verdict, int]:
    row = await connection.fetchrow(COUNTS, list_id)
    return {verdict: int(row[verdict]) if row else 0 for verdict in VERDICTS}


async def close(connection: Connection, list_id: UUID, at: datetime) -> None:
    """The body goes in the transaction of `ListClosed`."""
    await connection.execute(CLOSE, list_id, at)
    await parts.drop(connection, list_id)


async def coverage(connection: Connection, list_id: UUID | None = None) -> dict[str, int]:
    """How many lists of each format are known, this one counted though it is open; a single report covers nothing."""
    return {row["format"]: row["n"] for row in await connection.fetch(COVERAGE, list_id)}


async def pending(connection: Connection) -> int:
    """Lists that are not read to their end; those that wait for a human are nobody's lag."""
    return int(await connection.fetchval(PENDING))


async def forget_refused(connection: Connection, now: datetime) -> None:
    """Refused and held lines are kept for 30 days, then only their verdict."""
    await connection.execute(FORGET, now - KEPT_REFUSED)


async def forget_held(connection: Connection, people: Sequence[UUID]) -> None:
    """Of held lines that may mean one of these only the verdict is left, as after 30 days."""
    await connection.execute(FORGET_HELD, people)


KEEP = """
insert into lists (list_id, sender, format, reference_date, size, fingerprint, received_at, charset) values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
KEPT = "select sender, size, fingerprint from lists where list_id = $1"
KEEP_REFUSED = "insert into refused_lists (list_id, sender, rule, refused_at) values ($1, $2, $3, $4)"
OPEN = """
select l.list_id from lists l left join held_list h using (list_id)
where l.closed_at is null and (h.list_id is null or h.decision = 'released') and not exists (
  select from lists b left join held_list hb using (list_id)
  where l.format = any($1::text[]) and b.sender = l.sender and b.format = l.format and b.closed_at is null
    and (hb.list_id is null or hb.decision = 'released') and (b.received_at, b.list_id) < (l.received_at, l.list_id)
) order by l.received_at, l.list_id
"""
PENDING = """
select count(*) from lists l left join held_list h using (list_id)
where l.closed_at is null and (h.list_id is null or h.decision = 'released')
"""
LOCK = "select pg_try_advisory_lock($1)"
UNLOCK = "select pg_advisory_unlock($1)"
JOB = """
select l.sender, l.format, l.reference_date, l.size, l.charset, l.last_line, e.event_id, e.correlation_id, e.traceparent, e.tracestate
from lists l join events e on e.stream_id = $2 and e.stream_version = 1
where l.list_id = $1 and (l.closed_at is not null) = $3
"""
ADVANCE = """
update lists set last_line = $3, accepted = accepted + $4, accepted_with_remarks = accepted_with_remarks + $5,
  rejected = rejected + $6, held = held + $7, not_kept = not_kept + $8
where list_id = $1 and last_line = $2 and closed_at is null
"""
VERDICT_COLUMNS = ("list_id", "line", "verdict", "fields", "rules", "hmac", "sealed_line", "at", "departement", "people")
WITH_HMAC = "select hmac, list_id from line_verdict where hmac = any($1::bytea[])"
COUNTS = "select accepted, accepted_with_remarks, rejected, held, not_kept from lists where list_id = $1 for update"
CLOSE = "update lists set closed_at = $2 where list_id = $1"
COVERAGE = """
select l.format, count(*) as n from lists l left join held_list h using (list_id)
where (l.closed_at is not null or l.list_id = $1) and (h.list_id is null or h.decision = 'released')
  and l.format not in ('report', 'self', 'risk') group by l.format order by l.format
"""
FORGET = "update line_verdict set sealed_line = null, people = null where sealed_line is not null and at < $1"
FORGET_HELD = """
update line_verdict set sealed_line = null, people = null
where verdict = 'held' and sealed_line is not null and people && $1::uuid[]
"""
MOVED = """
update lists set accepted = accepted + $2, accepted_with_remarks = accepted_with_remarks + $3, rejected = rejected + $4,
  held = held + $5, not_kept = not_kept + $6 where list_id = $1
"""
