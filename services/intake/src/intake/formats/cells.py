"""What every adapter gives: the cells of a line, still text, under one set of names; or what kept the line from being read.

Only what the law lists has a name here (DOMAIN 2.3): columns of NIR, health, nationality or family find no field and fall away.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from contracts.intake import Finding

CELL_LIMIT = 4000


class ListRefused(Exception):
    """The whole file is refused, for a structural rule; says nothing of its content."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardianCells:
    """A legal representative, as text."""

    family_name: str = ""
    first_name: str = ""
    phones: tuple[str, ...] = ()
    email: str = ""
    priority: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """One record, as text: absent is empty. `kind`: who left, or who is enrolled."""

    line: int
    kind: Literal["leaver", "enrolment"]
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

    read: the body's lines in order. date_of: a cell as a date; raises ValueError. columns: the sender's name of a field.
    """

    read: Callable[[bytes], list[RawLine]]
    date_of: Callable[[str], date]
    columns: Mapping[str, str]

    def column(self, name: str) -> str:
        return self.columns.get(name, name)
