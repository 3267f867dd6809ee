"""The common record that every format becomes, and what else a line may turn out to be."""

from dataclasses import dataclass
from datetime import date

from contracts.intake import Finding
from contracts.personal import Contact, Guardians, Identity
from intake.formats.cells import Cells, Kind, Risk


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """One apprenticeship contract. `end` is its last day; `broken_on` that of its rupture, the first day without it."""

    start: date
    end: date | None = None
    broken_on: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One line that can be taken. `age` in whole years on the list's reference date. `departement` of residence, else of the UAI.

    `apprentice`: enrolled as one, so that it lasts only as long as contracts allow.
    """

    line: int
    kind: Kind
    uai: str
    identity: Identity
    contact: Contact | None
    guardians: Guardians | None
    formation: str | None
    diploma: str | None
    entry_date: date | None
    exit_date: date | None
    motive: str | None
    age: int
    majority_month: str
    departement: str
    apprentice: bool = False
    contracts: tuple[Contract, ...] = ()
    risk: Risk | None = None
    remarks: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        return f"Record(line={self.line})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A line that breaks rules. `cells`: what its sender may mend, with no field that the law does not list."""

    line: int
    findings: tuple[Finding, ...]
    cells: Cells | None = None
    text: str = ""

    def __repr__(self) -> str:
        return f"Rejected(line={self.line})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A line that breaks no rule and that no rule can decide; a human looks at it."""

    line: int
    findings: tuple[Finding, ...]
    departement: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NotKept:
    """Somebody under 16: counted; nothing else of the line goes on from here."""

    line: int


type Line = Record | Rejected | Held | NotKept
