"""A batch of lines is sorted, purely: who each is about, which are told again, what must be said, held or kept by digest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import assert_never
from uuid import UUID

import orjson

from contracts.intake import Finding, IdentityCandidateFound
from intake.formats.cells import RawLine
from intake.identity import Digests, Known, Nobody, Register, Resolution, Tokens, Undecided, resolve
from intake.likeness import candidates, remember
from intake.lists import LineVerdict
from intake.record import Held, Line, NotKept, Record, Rejected
from intake.snapshots import Snapshot, snapshot_of

CONFLICT = (Finding(field="ligne", rule="IDENTITY_CONFLICT"),)
DUPLICATE = Finding(field="ligne", rule="DUPLICATE_LINE")
OF_ANOTHER = Finding(field="ine", rule="INE_OF_ANOTHER")


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

    register: the known persons whom they may mean. told: the lists that said this very record before. decided: whose a line is, by a
    human's word.
    """

    list_id: UUID
    reference_date: date
    register: Register
    told: Mapping[bytes, set[UUID]]
    new_person: Callable[[], UUID]
    decided: Mapping[int, Known | Nobody] = field(default_factory=dict)
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
            case Held(line=line, findings=findings, departement=departement):
                self.found.verdicts.append(LineVerdict(line=line, verdict="held", findings=findings, departement=departement, people=()))
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
        by_rule = resolve(tokens, self.register)
        resolution = self.decided.get(record.line, by_rule)
        if isinstance(resolution, Undecided):
            self._hold(record, resolution)
            self.found.refused[record.line] = raw
            return
        record, tokens = self._with_own_ine(record, tokens, resolution)
        self._accept(record, hmac)
        if isinstance(resolution, Nobody) and record.kind == "enrolment":
            if not lists:
                self.found.snapshots.append(snapshot_of(self.list_id, record, tokens, self.reference_date))
            return
        about = About(record=record, person_id=self._person(resolution, tokens, by_rule), tokens=tokens)
        if record.kind == "risk":  # who is at risk has not left: there is nothing to decide
            self.found.risks += [] if lists else [about]
            return
        self.found.touched[about.person_id] = record.age
        if not lists:
            (self.found.leavers if record.kind == "leaver" else self.found.enrolled).append(about)
        elif record.kind == "enrolment":
            self.found.again.append(about)

    def _hold(self, record: Record, undecided: Undecided) -> None:
        verdict = LineVerdict(
            line=record.line, verdict="held", findings=CONFLICT, departement=record.departement, people=tuple(sorted(undecided.people))
        )
        self.found.verdicts.append(verdict)

    def _with_own_ine(self, record: Record, tokens: Tokens, resolution: Known | Nobody) -> tuple[Record, Tokens]:
        """An INE is one person's: where a human says that the line is somebody else's, it is taken without."""
        meant = {resolution.person_id} if isinstance(resolution, Known) else set()
        if self.register.holding(tokens.ine) <= meant:
            return record, tokens
        identity = record.identity.model_copy(update={"ine": None})
        return replace(record, identity=identity, remarks=(*record.remarks, OF_ANOTHER)), tokens.without_ine()

    def _person(self, resolution: Known | Nobody, tokens: Tokens, by_rule: Resolution) -> UUID:
        """The person meant, made now if there was none; known from here on by these digests too.

        Whom a human has just told apart from a new person is no candidate.
        """
        if isinstance(resolution, Known):
            person_id = resolution.person_id
        else:
            person_id = self.new_person()
            self.found.made.append(person_id)
            apart = by_rule.people if isinstance(by_rule, Undecided) else frozenset()
            self.found.candidates += [
                one for one in candidates(person_id, tokens, self.register) if apart.isdisjoint((one.person_id, one.other_id))
            ]
        for token, kind in tokens.rows():
            self.register.add(person_id, token, kind)
        remember(person_id, tokens, self.register)
        return person_id

    def _accept(self, record: Record, hmac: bytes, *more: Finding) -> None:
        self.here.add(hmac)
        findings = (*record.remarks, *more)
        verdict = LineVerdict(line=record.line, verdict="accepted_with_remarks" if findings else "accepted", findings=findings, hmac=hmac)
        self.found.verdicts.append(verdict)
