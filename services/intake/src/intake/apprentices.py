"""What a line tells of an apprenticeship: its contracts, and whether the apprentice has left by the list's reference date."""

from collections.abc import Iterator
from datetime import date
from typing import Protocol

from intake.cleaning import believable
from intake.domain import apprenticeship
from intake.domain.apprenticeship import Patience
from intake.domain.training import Training, left_on
from intake.formats.cells import Adapter, Cells, ContractCells
from intake.record import Contract

ABANDONED = "0"
"""The sender's own status of who has given up (`statut_apprenant`)."""


class Notes(Protocol):
    """Where the findings of a line are written down."""

    @property
    def adapter(self) -> Adapter: ...
    def fault(self, name: str, rule: str) -> None: ...
    def remark(self, name: str, rule: str) -> None: ...


def contracts_of(raw: Cells, notes: Notes) -> tuple[Contract, ...]:
    """Contracts in the order of the line. A wrong date, or one without a start, is the line's fault."""
    return tuple(_contracts(raw, notes))


def _contracts(raw: Cells, notes: Notes) -> Iterator[Contract]:
    for place, cells in enumerate(raw.contracts, 1):
        if cells == ContractCells():
            continue
        suffix = f"_{place}" if place > 1 else ""
        start = _date(cells.start, f"contract_start{suffix}", notes)
        end = _date(cells.end, f"contract_end{suffix}", notes)
        broken_on = _date(cells.broken_on, f"contract_broken_on{suffix}", notes)
        if not cells.start:
            _without_start(cells, suffix, notes)
        if start is not None:
            _check_order(start, end, broken_on, suffix, notes)
            yield Contract(start=start, end=end, broken_on=broken_on)


def _without_start(cells: ContractCells, suffix: str, notes: Notes) -> None:
    """Both fields are named, so that the sender sees which one is too many and which is missing."""
    notes.fault(f"contract_start{suffix}", "CONTRACT_WITHOUT_START")
    for name, cell in (("contract_end", cells.end), ("contract_broken_on", cells.broken_on)):
        if cell:
            notes.fault(f"{name}{suffix}", "CONTRACT_WITHOUT_START")


def _check_order(start: date, end: date | None, broken_on: date | None, suffix: str, notes: Notes) -> None:
    if end is not None and end < start:
        notes.fault(f"contract_end{suffix}", "CONTRACT_DATES")
    if broken_on is not None and broken_on < start:
        notes.fault(f"contract_broken_on{suffix}", "CONTRACT_DATES")


def first_day_out(raw: Cells, entry: date | None, contracts: tuple[Contract, ...], notes: Notes, on: date) -> date | None:
    """The first day out of an apprentice who has left; none for everybody else."""
    if raw.training is None or entry is None:
        return None
    end = _date(raw.training.end, "training_end", notes)
    excluded_on = _date(raw.training.excluded_on, "excluded_on", notes)
    told = [apprenticeship.Contract(uai="", start=one.start, end=one.end, broken_on=one.broken_on) for one in contracts]
    left = left_on(Training(entry=entry, end=end, excluded_on=excluded_on), told, on, Patience())
    if left is None and raw.training.status == ABANDONED:
        notes.remark("status", "STATUS_DIFFERS")
    if left is not None and left < entry:
        notes.fault("excluded_on", "EXIT_BEFORE_ENTRY")
    return left


def _date(cell: str, name: str, notes: Notes) -> date | None:
    try:
        return believable(notes.adapter.date_of(cell)) if cell else None
    except ValueError:
        notes.fault(name, "BAD_DATE")
        return None
