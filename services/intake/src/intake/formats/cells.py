"""What every adapter gives: the cells of a line, still text, under one set of names; or what kept the line from being read.

Only what the law lists has a name here (DOMAIN 2.3): columns of NIR, health, nationality or family find no field and fall away.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, Literal, Protocol

from contracts.intake import Finding, RiskSignal

CELL_LIMIT = 4000
MIB = 1024 * 1024
MALWARE = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"  # what every scanner finds, and what shows that one is there

Kind = Literal["leaver", "enrolment", "diploma", "risk"]


class ListRefused(Exception):
    """The whole file is refused, for a structural rule; says nothing of its content."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Readable(Protocol):
    """Bytes in order."""

    def read(self, size: int = -1, /) -> bytes: ...


type Source = Callable[[], Readable]


def from_start(body: BinaryIO) -> Readable:
    body.seek(0)
    return body


def head_of(body: BinaryIO, size: int = 4096) -> bytes:
    """The first bytes; the body stands at its start again."""
    body.seek(0)
    head = body.read(size)
    body.seek(0)
    return head


def size_of(body: BinaryIO) -> int:
    size = body.seek(0, io.SEEK_END)
    body.seek(0)
    return size


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardianCells:
    """A legal representative, as text."""

    family_name: str = ""
    first_name: str = ""
    phones: tuple[str, ...] = ()
    email: str = ""
    priority: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractCells:
    """One apprenticeship contract, as text. broken_on: the day of its rupture. Its motive is none of our business, only that it has one."""

    start: str = ""
    end: str = ""
    broken_on: str = ""
    has_motive: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingCells:
    """The frame of an apprenticeship beside its entry, as text: from it follows whether the apprentice is still in training.

    status: the sender's own word for it, which decides nothing.
    """

    end: str = ""
    excluded_on: str = ""
    status: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Risk:
    """A signal that somebody may be about to leave, parsed where it came in; see `contracts.intake.RiskSignalled`."""

    signal: RiskSignal
    half_days: int | None = None
    month: str | None = None
    school_year: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """One record, as text: absent is empty.

    kind: who left, who is enrolled, who holds a diploma, or who is at risk. findings: what the format's own controls found in the line.
    sites: other establishments that must be open on the list's day: the sender's column, and what it holds.
    """

    line: int
    kind: Kind
    uai: str
    ine: str = ""
    family_name: str = ""
    usage_name: str = ""
    first_names: tuple[str, ...] = ()
    birth_date: str = ""
    birth_commune: str = ""
    sex: str = ""
    phones: tuple[str, ...] = ()
    email: str = ""
    address: tuple[str, ...] = ()
    postcode: str = ""
    commune: str = ""
    guardians: tuple[GuardianCells, ...] = ()
    formation: str = ""
    diploma: str = ""
    entry_date: str = ""
    exit_date: str = ""
    motive: str = ""
    contracts: tuple[ContractCells, ...] = ()
    training: TrainingCells | None = None
    risk: Risk | None = None
    sites: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        return f"Cells(line={self.line})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A line that could not be cut into cells. `text` is kept only where no forbidden column can be in it."""

    line: int
    rule: str
    text: str = field(default="", repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (Finding(field="ligne", rule=self.rule),)


type RawLine = Cells | Fault


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """One format.

    name: as senders say it. about: what its lines may be. content_type: of such a file.
    read: the lines of a seekable, buffered binary file, in order and one by one, in memory that does not grow with them; it raises
    ListRefused when it comes upon what no such file has. date_of: a cell as a date; raises ValueError. columns: the sender's
    name of a field. body_limit: bytes of one body. line_limit: lines of one list. complete: a file names everybody who is enrolled at
    its establishments, so that whoever is missing from the next one has left.
    """

    name: str
    about: frozenset[Kind]
    content_type: str
    read: Callable[[BinaryIO], Iterator[RawLine]]
    date_of: Callable[[str], date]
    columns: Mapping[str, str]
    body_limit: int = 64 * MIB
    line_limit: int = 200_000
    complete: bool = False

    def column(self, name: str) -> str:
        return self.columns.get(name, name)
