"""Who stands on an establishment's last complete list: seen there again as the next one is read, kept sealed until then.

Under-16s are no records, so they never stand here; a line about one is compared in memory only.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid5

import asyncpg
from pydantic import TypeAdapter

from chassis.event_store import Connection
from chassis.keyring import Erased, Keyring, Keys
from chassis.timers import Timer
from intake import cleaning
from intake.domain.absence import Named, Place, apart, goes_with, is_under_age_by, meant_by, named, named_of, seen_by
from intake.formats import ADAPTERS
from intake.formats.cells import Adapter, Cells
from intake.identity import Kind, Tokens
from intake.lists import Job
from intake.record import NotKept, Record
from intake.sorting import Prepared, Sorted

TIMER = "roster"
RECORD = TypeAdapter(Record)
"""How a sealed record is written, and read again."""
NOBODY = ""
"""The establishment of a line that tells none: it may be about anybody of the list."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One line of a complete list, opened."""

    list_id: UUID
    line: int
    reference_date: date
    record: Record

    @property
    def place(self) -> Place:
        return self.list_id, self.line


def is_complete(job: Job) -> bool:
    """Whether the list names everybody who is enrolled at its establishments. A single report names one."""
    return job.origin == "list" and ADAPTERS[job.format].complete


async def take(keyring: Keyring, connection: Connection, job: Job, prepared: Sequence[Prepared], found: Sorted) -> None:
    """In the transaction of a batch: whom its lines tell is seen again, and stands on this list from now on."""
    if not is_complete(job):
        return
    told = _by_establishment(prepared)
    for row in await connection.fetch(OVERTAKEN, job.format, job.reference_date, sorted(told)):
        del told[row["uai"]]
    accepted = {one.line for one in found.verdicts if one.verdict in {"accepted", "accepted_with_remarks"}}
    told_before = await _see_records(connection, job, told, accepted)
    kept = [one for lines in told.values() for one in lines if one.raw.line in accepted and _is_enrolment(one)]
    others = {one.raw.line for lines in told.values() for one in lines} - {one.raw.line for one in kept} - told_before.keys()
    unnamed = {
        uai: await _doubt_by_others(keyring, connection, job, uai, [one for one in lines if one.raw.line in others], accepted)
        for uai, lines in told.items()
    }
    if nowhere := sum(not isinstance(one.line, Record | NotKept) and _uai_of(one) is None for one in prepared):
        unnamed[NOBODY] = nowhere
    await _keep(keyring, connection, job, kept, told_before)
    for uai in sorted(unnamed):
        await connection.execute(NOTE, job.list_id, uai, job.format, job.reference_date, unnamed[uai])


def _by_establishment(prepared: Sequence[Prepared]) -> dict[str, list[Prepared]]:
    found: dict[str, list[Prepared]] = defaultdict(list)
    for one in prepared:
        if (uai := _uai_of(one)) is not None:
            found[uai].append(one)
    return found


def _uai_of(one: Prepared) -> str | None:
    return cleaning.uai_of(one.raw.uai) if isinstance(one.raw, Cells) else None


async def _see_records(connection: Connection, job: Job, told: Mapping[str, Sequence[Prepared]], accepted: Set[int]) -> dict[int, date]:
    """The accepted lines of those whom an earlier list told there, and the day of the last that did."""
    told_before: dict[int, date] = {}
    for uai, lines in told.items():
        tokens = {one.raw.line: one.tokens for one in lines if one.tokens is not None and one.raw.line in accepted}
        marks = sorted({mark for theirs in tokens.values() for mark in marks_of(theirs)})
        rows = await connection.fetch(ALIKE, job.list_id, job.format, uai, job.reference_date, marks)
        standing, lists = [frozenset(row["marks"]) for row in rows], [row["list_id"] for row in rows]
        doubted = {place for place, row in enumerate(rows) if row["doubted_in"] is not None}
        agreeing = seen_by(tokens, standing, marks_of)
        seen = {line: apart(tokens[line], places, standing, lists, doubted) for line, places in agreeing.items()}
        await see(connection, job.list_id, [_place(rows[place]) for place in sorted(set[int]().union(*seen.values()))])
        told_before |= {line: max(rows[place]["reference_date"] for place in places) for line, places in seen.items() if places}
    return told_before


def _place(row: asyncpg.Record) -> Place:
    return row["list_id"], row["line"]


def _is_enrolment(one: Prepared) -> bool:
    return isinstance(one.line, Record) and one.line.kind == "enrolment"


async def _doubt_by_others(
    keyring: Keyring, connection: Connection, job: Job, uai: str, lines: Sequence[Prepared], accepted: Set[int]
) -> int:
    """Lines of which nothing is kept here, and that tell nobody for certain, may mean somebody all the same. How many say nothing at all?

    They break a rule, are held, are about an under-16, or tell of a newcomer that they have left: only the last is somebody's own line,
    which the next list need not tell again.
    """
    told = [one for one in lines if isinstance(one.raw, Cells)]
    if not told:
        return 0
    others = [named_by(one.raw, ADAPTERS[job.format]) for one in told if isinstance(one.raw, Cells)]
    standing = await opened(keyring, await connection.fetch(UNSEEN, job.list_id, job.format, uai, job.reference_date))
    names = [named_of(one.record.identity) for one in standing]
    meant = meant_by(others, names)
    seen = {
        place for one, other, theirs in zip(told, others, meant, strict=True) if isinstance(one.line, NotKept)
        for place in theirs if is_under_age_by(other, names[place])
    }  # fmt: skip
    await see(connection, job.list_id, [standing[place].place for place in sorted(seen)])
    doubtful = {
        place: {one.raw.line for one, theirs in zip(told, meant, strict=True) if place in theirs and one.raw.line in accepted}
        for place in set[int]().union(*meant) - seen
    }
    await doubt(connection, job.list_id, {standing[place].place: alike for place, alike in doubtful.items()})
    return sum(not (one.says_who or theirs) for one, theirs in zip(others, meant, strict=True))


def named_by(raw: Cells, adapter: Adapter) -> Named:
    """What the cells of a line tell of who it is about, without any of them having to be right."""
    try:
        birth_date = adapter.date_of(raw.birth_date) if raw.birth_date else None
    except ValueError:
        birth_date = None
    return named(
        ine=cleaning.ine_of(raw.ine), birth_date=birth_date, family_name=raw.family_name, usage_name=raw.usage_name,
        first_names=raw.first_names,
    )  # fmt: skip


def marks_of(tokens: Tokens) -> list[bytes]:
    """What two lines of one establishment about one person have in common, one at least; how far that goes `agreement` says."""
    return [one for one in (tokens.names, tokens.ine_birth, *sorted(tokens.ine_names)) if one is not None]


async def see(connection: Connection, list_id: UUID, places: Sequence[Place]) -> None:
    """The list tells these."""
    if places:
        await connection.execute(SEEN, list_id, *zip(*places, strict=True))


async def doubt(connection: Connection, list_id: UUID, alike: Mapping[Place, Set[int]]) -> None:
    """The list may mean these: they stand until the next one. alike: by which accepted lines, if by any."""
    if not alike:
        return
    await connection.execute(DOUBTED, list_id, *zip(*alike, strict=True))
    pairs = [(*place, list_id, line) for place, lines in alike.items() for line in sorted(lines)]
    await connection.executemany(KEEP_DOUBT, pairs)


async def _keep(keyring: Keyring, connection: Connection, job: Job, lines: Sequence[Prepared], told_before: Mapping[int, date]) -> None:
    enrolled = [(one.line, one.tokens) for one in lines if isinstance(one.line, Record) and one.tokens]
    if not enrolled:
        return
    await connection.execute(KEEP_KEY, job.list_id)
    owner = key_owner(job.list_id)
    await keyring.ensure([owner], ["list"])
    keys = (await keyring.keys([owner]))[owner]
    rows = [
        (job.list_id, record.line, job.format, record.uai, job.reference_date, marks_of(tokens), _sealed(keys, record),
         told_before.get(record.line))
        for record, tokens in enrolled
    ]  # fmt: skip
    await connection.copy_records_to_table("roster", records=rows, columns=COLUMNS)


def key_owner(list_id: UUID) -> UUID:
    """The snapshot of a list has a key of its own, which goes before that of its refused lines."""
    return uuid5(list_id, "roster")


def _field(line: int) -> str:
    return f"roster {line}"


def _sealed(keys: Keys, record: Record) -> bytes:
    return keys.seal_bytes("list", _field(record.line), RECORD.dump_json(replace(record, remarks=())))


async def opened(keyring: Keyring, rows: Sequence[asyncpg.Record]) -> list[Standing]:
    """These lines in the clear; those whose key is gone are nobody's any more."""
    owners = await keyring.keys(sorted({key_owner(row["list_id"]) for row in rows}))
    found: list[Standing] = []
    for row in rows:
        try:
            clear = owners[key_owner(row["list_id"])].open_bytes("list", _field(row["line"]), row["sealed"])
        except Erased:
            continue
        record = RECORD.validate_json(clear)
        found.append(Standing(list_id=row["list_id"], line=row["line"], reference_date=row["reference_date"], record=record))
    return found


async def let_go(connection: Connection, list_ids: Iterable[UUID]) -> None:
    """Records of these lists were deleted; see `forget_keys`."""
    await connection.execute(LEAVING, sorted(set(list_ids)))


async def erase(connection: Connection, erased: Sequence[Mapping[bytes, Kind]]) -> None:
    """Whoever may be one of these persons stands nowhere any more: no list that lacks them says that they left."""
    rows = await connection.fetch(MARKED, sorted({token for tokens in erased for token in tokens}))
    places = [_place(row) for row in rows if any(goes_with(tokens, frozenset(row["marks"])) for tokens in erased)]
    if places:
        await connection.execute(ERASE, *zip(*places, strict=True))
        await let_go(connection, [list_id for list_id, _ in places])


async def expire(connection: Connection, timer: Timer) -> None:
    """A snapshot that no later list replaced goes on its date; whom a later one left in doubt, on that one's."""
    list_id = UUID(timer.subject)
    gone = await connection.fetch(EXPIRE, list_id)
    await let_go(connection, [list_id, *(row["list_id"] for row in gone)])


async def forget_keys(connection: Connection, keyring: Keyring) -> None:
    """With a snapshot's last record its key goes: no copy of it, in a backup either, can be read any more."""
    gone = [row["list_id"] for row in await connection.fetch(EMPTY)]
    if gone:
        await keyring.destroy([key_owner(list_id) for list_id in gone])
        await connection.execute(FORGET_KEYS, gone)


OVERTAKEN = """
select distinct uai from complete_list where format = $1 and reference_date > $2 and uai = any($3::text[]) and outcome is not null
"""
ALIKE = """
select list_id, line, marks, reference_date, doubted_in from roster
where format = $2 and uai = $3 and list_id <> $1 and reference_date <= $4
  and exists (select from unnest(marks) as m (mark) where m.mark in (select unnest($5::bytea[])))
"""
UNSEEN = """
select list_id, line, reference_date, sealed from roster
where format = $2 and uai = $3 and list_id <> $1 and reference_date <= $4 and seen_in is distinct from $1
"""
SEEN = """
update roster set seen_in = $1 where (list_id, line) in (select * from unnest($2::uuid[], $3::int[]))
"""
DOUBTED = """
update roster set doubted_in = $1 where asked_in is null and (list_id, line) in (select * from unnest($2::uuid[], $3::int[]))
"""
KEEP_DOUBT = """
insert into absence_doubt (list_id, line, alike_list, alike_line)
select list_id, line, $3::uuid, $4::int from roster where list_id = $1 and line = $2 for key share on conflict do nothing
"""
NOTE = """
insert into complete_list (list_id, uai, format, reference_date, unnamed) values ($1, $2, $3, $4, $5)
on conflict (list_id, uai) do update set unnamed = complete_list.unnamed + excluded.unnamed
"""
COLUMNS = ("list_id", "line", "format", "uai", "reference_date", "marks", "sealed", "told_before")
KEEP_KEY = "insert into roster_key (list_id) values ($1) on conflict do nothing"
LEAVING = "update roster_key set leaving = true where list_id = any($1::uuid[])"
EXPIRE = "delete from roster where (list_id = $1 and doubted_in is null) or doubted_in = $1 returning list_id"
MARKED = "select list_id, line, marks from roster where marks && $1::bytea[]"
"""No index helps: an erasure is rare and may read everything, each line of a complete list would write to it."""
ERASE = "delete from roster where (list_id, line) in (select * from unnest($1::uuid[], $2::int[]))"
EMPTY = """
select k.list_id from roster_key k join lists l using (list_id)
where k.leaving and l.closed_at is not null and not exists (select from roster r where r.list_id = k.list_id)
"""
FORGET_KEYS = "delete from roster_key where list_id = any($1::uuid[])"
