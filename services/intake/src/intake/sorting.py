"""A batch of lines is sorted, purely: who each is about, which are told again, what must be said, held or kept by digest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import assert_never
from uuid import UUID

import orjson

from contracts.intake import Finding, IdentityCandidateFound
from intake.formats.cells import RawLine
from intake.identity import Digests, Known, Nobody, Register, Tokens, Undecided, resolve
from intake.likeness import candidates, remember
from intake.lists import LineVerdict
from intake.record import Held, Line, NotKept, Record, Rejected
from intake.snapshots import Snapshot, snapshot_of

CONFLICT = (Finding(field="ligne", rule="IDENTITY_CONFLICT"),)
DUPLICATE = Finding(field="ligne", rule="DUPLICATE_LINE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A line with what can be computed of it before any lock is taken."""

    raw: RawLine
    line: Line
    tokens: Tokens | None = None
    hmac: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """A record and the person whom it is about."""

    record: Record
    person_id: UUID
    tokens: Tokens


@dataclass(kw_only=True)
class Sorted:
    """What a batch amounts to. leavers, enrolled, risks: new facts; again: enrolments that other lists told.

    snapshots: enrolments of nobody known. candidates: for a human.
    """

    verdicts: list[LineVerdict] = field(default_factory=list)
    leavers: list[About] = field(default_factory=list)
    enrolled: list[About] = field(default_factory=list)
    again: list[About] = field(default_factory=list)
    risks: list[About] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    touched: dict[UUID, int] = field(default_factory=dict)
    made: list[UUID] = field(default_factory=list)
    refused: dict[int, RawLine] = field(default_factory=dict)
    candidates: list[IdentityCandidateFound] = field(default_factory=list)

    @property
    def people(self) -> list[About]:
        """Everybody of whom something is said."""
        return [*self.leavers, *self.enrolled, *self.risks]


def hmac_of(record: Record, digests: Digests) -> bytes:
    """By this a repeated line is recognised: everything that it says, not where it stands."""
    personal = (record.identity, record.contact, record.guardians)
    said = orjson.dumps(
        [
            record.kind, record.uai, *(one.model_dump(mode="json") if one else None for one in personal), record.formation,
            record.diploma, record.entry_date, record.exit_date, record.motive,
            *((one.start, one.end, one.broken_on) for one in record.contracts),
            *(asdict(risk) for risk in (record.risk,) if risk),
        ]
    )  # fmt: skip
    return digests.of("line", said)


@dataclass(kw_only=True)
class Sorter:
    """Sorts the lines of one batch of one list.

    register: the known persons whom they may mean. told: the lists that said this very record before.
    """

    list_id: UUID
    reference_date: date
    register: Register
    told: Mapping[bytes, set[UUID]]
    new_person: Callable[[], UUID]
    found: Sorted = field(default_factory=Sorted)
    here: set[bytes] = field(default_factory=set)

    def sort(self, prepared: Sequence[Prepared]) -> Sorted:
        for one in prepared:
            self._one(one)
        return self.found

    def _one(self, one: Prepared) -> None:
        match one.line:
            case NotKept(line=line):
                self.found.verdicts.append(LineVerdict(line=line, verdict="not_kept"))
            case Rejected(line=line, findings=findings):
                self.found.verdicts.append(LineVerdict(line=line, verdict="rejected", findings=findings))
                self.found.refused[line] = one.raw
            case Held(line=line, findings=findings):
                self.found.verdicts.append(LineVerdict(line=line, verdict="held", findings=findings))
                self.found.refused[line] = one.raw
            case Record() as record:
                if one.tokens is None or one.hmac is None:
                    raise ValueError("a record is prepared with its digests")
                self._record(one.raw, record, one.tokens, one.hmac)
            case _:
                assert_never(one.line)

    def _record(self, raw: RawLine, record: Record, tokens: Tokens, hmac: bytes) -> None:
        lists = self.told.get(hmac, set())
        if hmac in self.here or self.list_id in lists:
            self._accept(record, hmac, DUPLICATE)
            return
        resolution = resolve(tokens, self.register)
        if isinstance(resolution, Undecided):
            self.found.verdicts.append(LineVerdict(line=record.line, verdict="held", findings=CONFLICT))
            self.found.refused[record.line] = raw
            return
        self._accept(record, hmac)
        if isinstance(resolution, Nobody) and record.kind == "enrolment":
            if not lists:
                self.found.snapshots.append(snapshot_of(self.list_id, record, tokens, self.reference_date))
            return
        about = About(record=record, person_id=self._person(resolution, tokens), tokens=tokens)
        if record.kind == "risk":  # who is at risk has not left: there is nothing to decide
            self.found.risks += [] if lists else [about]
            return
        self.found.touched[about.person_id] = record.age
        if not lists:
            (self.found.leavers if record.kind == "leaver" else self.found.enrolled).append(about)
        elif record.kind == "enrolment":
            self.found.again.append(about)

    def _person(self, resolution: Known | Nobody, tokens: Tokens) -> UUID:
        """The person meant, made now if there was none; known from here on by these digests too."""
        if isinstance(resolution, Known):
            person_id = resolution.person_id
        else:
            person_id = self.new_person()
            self.found.made.append(person_id)
            self.found.candidates += candidates(person_id, tokens, self.register)
        for token, kind in tokens.rows():
            self.register.add(person_id, token, kind)
        remember(person_id, tokens, self.register)
        return person_id

    def _accept(self, record: Record, hmac: bytes, *more: Finding) -> None:
        self.here.add(hmac)
        findings = (*record.remarks, *more)
        verdict = LineVerdict(line=record.line, verdict="accepted_with_remarks" if findings else "accepted", findings=findings, hmac=hmac)
        self.found.verdicts.append(verdict)
