"""One batch of a list's lines becomes facts, verdicts and progress, in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import reduce
from uuid import UUID, uuid4, uuid5

import orjson
from pydantic import TypeAdapter

from chassis.clock import Clock
from chassis.decider import Outcome, Request, Trace
from chassis.event_store import Connection
from chassis.handler import Handler
from chassis.keyring import Keyring, Keys
from contracts.intake import ContractSeen, DiplomaSeen, EnrolmentSeen, ExitSeen, ListEvent, PersonEvent, RiskSignalled
from intake import lists, persons, roster, snapshots
from intake.domain.commands import PersonCommand, RecordCandidate, RecordContract, RecordDiploma, RecordEnrolment, RecordExit, RecordRisk
from intake.domain.list import SentList
from intake.domain.list_commands import HoldLine, ListCommand, RejectLine, TellLines
from intake.domain.person import Person, evolve, is_back
from intake.formats import ADAPTERS
from intake.formats.cells import Cells, RawLine
from intake.identity import Digests, Register
from intake.likeness import tokens_of
from intake.lists import Job, LineVerdict
from intake.record import Contract, Record
from intake.reference.establishments import Directory, packaged
from intake.snapshots import Snapshot
from intake.sorting import About, Prepared, Sorted, Sorter, hmac_of
from intake.sources import SourceHandler
from intake.validation import mendable, validated

ACTOR = "/raccroche/intake"
CELLS = TypeAdapter(Cells)
"""How the cells of a kept line are written, and read again."""
CLASSES = ("identity", "contact", "guardians", "notes")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Everything that reading a list needs. directory: of establishments."""

    keyring: Keyring
    digests: Digests
    clock: Clock
    person_handler: Handler[PersonCommand, Person, PersonEvent]
    list_handler: Handler[ListCommand, SentList, ListEvent]
    source_handler: SourceHandler
    directory: Directory = field(default_factory=packaged)


@dataclass(frozen=True, kw_only=True)
class Absence:
    """Whom the list that is read lacks. list_id: the list whose lines told them last; last_seen: its reference date."""

    list_id: UUID
    last_seen: date


def request_of[C](job: Job, name: str, command: C, trace: Trace, *, of: UUID | None = None, cause: UUID | None = None) -> Request[C]:
    """What the reader asks: its id derives from the list and the line, so reading twice asks the same."""
    return Request(
        command=command,
        command_id=uuid5(of or job.list_id, name),
        actor=ACTOR,
        correlation_id=job.correlation_id,
        causation_id=cause or job.received_event,
        route="reader",
        trace=trace,
    )


def settled(outcomes: Sequence[Outcome]) -> None:
    """The reader asks nothing that the domain refuses; if it does, the list must not go on."""
    for outcome in outcomes:
        if outcome.status == "refused":
            raise RuntimeError(f"the domain refused what the reader asked: {outcome.reason}")


def prepare(raw: Sequence[RawLine], job: Job, digests: Digests, directory: Directory) -> list[Prepared]:
    """Validate lines and make their digests: the work that needs no database."""
    adapter = ADAPTERS[job.format]
    prepared: list[Prepared] = []
    for one in raw:
        line = validated(one, adapter, job.reference_date, directory)
        if isinstance(line, Record):
            tokens = tokens_of(digests, line.identity) if line.kind == "leaver" else digests.tokens(line.identity)
            prepared.append(Prepared(raw=one, line=line, tokens=tokens, hmac=hmac_of(line, digests)))
        else:
            prepared.append(Prepared(raw=one, line=line))
    return prepared


async def take(desk: Desk, connection: Connection, job: Job, prepared: Sequence[Prepared], *, after: int, trace: Trace) -> None:
    """Take these lines; `after` is the last line that was taken before them.

    Raises:
        chassis.event_store.Conflict, intake.lists.ProgressLost: roll back, nothing was taken.
    """
    async with connection.transaction():
        tokens = [one.tokens for one in prepared if one.tokens is not None]
        register = await persons.register_of(connection, tokens)
        told = await lists.lists_with(connection, [one.hmac for one in prepared if one.hmac is not None])
        sorter = Sorter(list_id=job.list_id, reference_date=job.reference_date, register=register, told=told, new_person=uuid4)
        found = sorter.sort(prepared)
        found.enrolled += await _back(desk, connection, job, found.again)
        await roster.take(desk.keyring, connection, job, prepared, found)
        await persons.keep(connection, [(one.person_id, one.tokens) for one in found.people])
        await snapshots.keep(connection, found.snapshots)
        await say_facts(desk, connection, job, found, register, trace)
        await _say_refused(desk, connection, job, found, trace)
        await persons.touch(connection, job.list_id, found.touched)
        verdicts = await _with_refused_lines(desk, job, found)
        await lists.advance(connection, job, after=after, verdicts=verdicts, at=desk.clock.now())


async def _back(desk: Desk, connection: Connection, job: Job, again: Sequence[About]) -> list[About]:
    """Those who were said to have left since a list told this very line: that they are enrolled is news again."""
    streams = {one.person_id: f"person-{one.person_id}" for one in again}
    loaded = await desk.person_handler.store.load(connection, sorted(streams.values())) if streams else {}
    people = {person_id: reduce(evolve, loaded[stream], Person()) for person_id, stream in streams.items()}  # type: ignore[arg-type]  # a person's stream holds a person's events
    return [one for one in again if is_back(people[one.person_id], one.record.uai, job.reference_date)]


async def say_facts(
    desk: Desk, connection: Connection, job: Job, found: Sorted, register: Register, trace: Trace, *, absence: Absence | None = None
) -> None:
    """Say what these lines tell. absence: they are the last lines about people whom this list lacks."""
    told_by = replace(job, list_id=absence.list_id) if absence else job
    await desk.keyring.ensure(found.made, CLASSES)
    keys = await desk.keyring.keys(list({one.person_id for one in (*found.leavers, *found.risks)}))
    remembered = await _remembered(connection, found, register)
    requests: list[Request[PersonCommand]] = []
    for one in found.leavers:
        exit_seen = _exit_seen(job, one, keys[one.person_id], absence)
        requests.append(request_of(told_by, f"exit {one.record.line}", RecordExit(fact=exit_seen), trace))
        requests.extend(_contracts(told_by, one, trace))
        requests.extend(_diploma(told_by, one, trace))
    for person_id, snapshot in remembered:
        requests.extend(_from_snapshot(job, person_id, snapshot, trace))
    for one in found.enrolled:
        requests.append(request_of(job, f"enrolment {one.record.line}", RecordEnrolment(fact=_enrolment_seen(job, one)), trace))
        requests.extend(_contracts(job, one, trace))
        requests.extend(_diploma(job, one, trace))
    for pair in found.candidates:
        requests.append(request_of(job, f"candidate {pair.person_id} {pair.other_id}", RecordCandidate(fact=pair), trace))
    for one in found.risks:
        risk = RecordRisk(fact=_risk_signalled(job, one, keys[one.person_id]))
        requests.append(request_of(job, f"risk {one.record.line}", risk, trace))
    settled(await desk.person_handler.handle_in(connection, requests))
    first_heard = [one for one in found.risks if one.person_id in found.made]
    derived = {one.person_id: (one.record.majority_month, one.record.departement) for one in (*first_heard, *found.leavers)}
    await persons.keep_derived(connection, derived)


async def _remembered(connection: Connection, found: Sorted, register: Register) -> list[tuple[UUID, Snapshot]]:
    """Earlier enrolments of these leavers, each now somebody's."""
    left = await snapshots.like(connection, [one.tokens for one in found.leavers]) if found.leavers else []
    remembered: list[tuple[UUID, Snapshot]] = []
    for one in found.leavers:
        theirs = snapshots.matching(one.tokens, left, namesakes=len(register.holding(one.tokens.identity)))
        remembered += [(one.person_id, snapshot) for snapshot in theirs]
        left = [snapshot for snapshot in left if snapshot not in theirs]
    await snapshots.forget(connection, [snapshot for _, snapshot in remembered])
    return remembered


def _exit_seen(job: Job, one: About, keys: Keys, absence: Absence | None) -> ExitSeen:
    record = one.record
    if record.exit_date is None:
        raise ValueError("a leaver has an exit date")
    return ExitSeen(
        person_id=one.person_id,
        list_id=absence.list_id if absence else job.list_id,
        line=record.line,
        uai=record.uai,
        formation=record.formation,
        entry_date=record.entry_date,
        exit_date=record.exit_date,
        motive=record.motive,
        reference_date=job.reference_date,
        age=record.age,
        identity=keys.seal(record.identity),
        contact=keys.seal(record.contact) if record.contact else None,
        guardians=keys.seal(record.guardians) if record.guardians else None,
        origin="absence" if absence else job.origin,
        last_seen=absence.last_seen if absence else None,
        absent_from=job.list_id if absence else None,
    )


def _risk_signalled(job: Job, one: About, keys: Keys) -> RiskSignalled:
    record = one.record
    if record.risk is None:
        raise ValueError("whoever is at risk has a signal")
    return RiskSignalled(
        person_id=one.person_id,
        list_id=job.list_id,
        line=record.line,
        signal=record.risk.signal,
        half_days=record.risk.half_days,
        month=record.risk.month,
        school_year=record.risk.school_year,
        uai=record.uai,
        formation=record.formation,
        reference_date=job.reference_date,
        age=record.age,
        departement=record.departement,
        identity=keys.seal(record.identity),
        contact=keys.seal(record.contact) if record.contact else None,
        guardians=keys.seal(record.guardians) if record.guardians else None,
    )


def _enrolment_seen(job: Job, one: About) -> EnrolmentSeen:
    record = one.record
    return EnrolmentSeen(
        person_id=one.person_id, list_id=job.list_id, line=record.line, uai=record.uai, formation=record.formation,
        start=record.entry_date, end=record.exit_date, apprentice=record.apprentice, reference_date=job.reference_date,
    )  # fmt: skip


def _contracts(job: Job, one: About, trace: Trace) -> Iterator[Request[PersonCommand]]:
    record = one.record
    for contract in record.contracts:
        fact = _contract_seen(one.person_id, job.list_id, record.line, record.uai, contract)
        yield request_of(job, f"contract {record.line} {contract.start}", RecordContract(fact=fact), trace)


def _contract_seen(person_id: UUID, list_id: UUID, line: int, uai: str, contract: Contract) -> ContractSeen:
    return ContractSeen(
        person_id=person_id, list_id=list_id, line=line, uai=uai, start=contract.start, end=contract.end, broken_on=contract.broken_on
    )


def _diploma(job: Job, one: About, trace: Trace) -> Iterator[Request[PersonCommand]]:
    if one.record.diploma is not None:
        fact = DiplomaSeen(person_id=one.person_id, list_id=job.list_id, line=one.record.line, diploma=one.record.diploma)
        yield request_of(job, f"diploma {one.record.line}", RecordDiploma(fact=fact), trace)


def _from_snapshot(job: Job, person_id: UUID, snapshot: Snapshot, trace: Trace) -> Iterator[Request[PersonCommand]]:
    """What an earlier list told of somebody unknown then."""
    place, line = snapshot.list_id, snapshot.line
    enrolment = EnrolmentSeen(
        person_id=person_id, list_id=place, line=line, uai=snapshot.uai, formation=snapshot.formation,
        start=snapshot.start_on, end=snapshot.end_on, apprentice=snapshot.apprentice, reference_date=snapshot.reference_date,
    )  # fmt: skip
    yield request_of(job, f"enrolment {line}", RecordEnrolment(fact=enrolment), trace, of=place)
    for contract in snapshot.contracts:
        told = _contract_seen(person_id, place, line, snapshot.uai, contract)
        yield request_of(job, f"contract {line} {contract.start}", RecordContract(fact=told), trace, of=place)
    if snapshot.diploma is not None:
        diploma = DiplomaSeen(person_id=person_id, list_id=place, line=line, diploma=snapshot.diploma)
        yield request_of(job, f"diploma {line}", RecordDiploma(fact=diploma), trace, of=place)


async def _say_refused(desk: Desk, connection: Connection, job: Job, found: Sorted, trace: Trace) -> None:
    """One command for all, so that the list's past is read once for each batch, and not at all where every line is good."""
    lines = tuple(_refusal(job, one) for one in found.verdicts if one.verdict in {"rejected", "held"})
    if lines:
        request = request_of(job, f"told {lines[0].line}", TellLines(list_id=job.list_id, lines=lines), trace)
        settled(await desk.list_handler.handle_in(connection, [request]))


def _refusal(job: Job, one: LineVerdict) -> RejectLine | HoldLine:
    kind = RejectLine if one.verdict == "rejected" else HoldLine
    return kind(list_id=job.list_id, line=one.line, findings=one.findings)


async def _with_refused_lines(desk: Desk, job: Job, found: Sorted) -> list[LineVerdict]:
    """Refused and held lines remain, under the list's own key."""
    if not found.refused:
        return found.verdicts
    keys = (await desk.keyring.keys([job.list_id]))[job.list_id]
    sealed = {line: keys.seal_bytes("list", "line", _bytes_of(raw)) for line, raw in found.refused.items()}
    return [replace(one, sealed_line=sealed.get(one.line)) for one in found.verdicts]


def _bytes_of(raw: RawLine) -> bytes:
    return CELLS.dump_json(mendable(raw)) if isinstance(raw, Cells) else orjson.dumps({"line": raw.line, "text": raw.text})
