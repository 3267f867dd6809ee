"""A workbook with the columns of our CSV, in any order of ours: leavers reported, or late enrolments, as its header says."""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from intake.formats.cells import CELL_LIMIT, Adapter, Cells, Fault, ListRefused, RawLine
from intake.formats.csv_list import COLUMNS, KINDS, LEAVERS, date_of, leaver_of
from intake.formats.text import CONTROL
from intake.formats.workbook import header_of, rows
from intake.formats.workbook_parts import Row

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EMPTY = dict.fromkeys(LEAVERS, "")
BY_COLUMNS = {frozenset(header): kind for header, kind in KINDS.items()}


def read(body: BinaryIO) -> Iterator[RawLine]:
    """Every row after the header that is not blank, by its number in the sheet.

    Raises:
        ListRefused: EMPTY_LIST, HEADER_UNKNOWN, or for a rule of workbooks.
    """
    sheet = rows(body, only_sheet=True)
    first = next(sheet, None)
    if first is None:
        raise ListRefused("EMPTY_LIST")
    header = header_of(first)
    kind = BY_COLUMNS.get(frozenset(header))
    if kind is None:
        raise ListRefused("HEADER_UNKNOWN")
    found = False
    for row in sheet:
        found = True
        line = line_of(row, header)
        yield line if isinstance(line, Fault) else replace(_cells(row, line), kind=kind)
    if not found:
        raise ListRefused("EMPTY_LIST")


def _cells(row: Row, named: dict[str, str]) -> Cells:
    return leaver_of(row.number, EMPTY | named)


def line_of(row: Row, header: tuple[str, ...]) -> dict[str, str] | Fault:
    """The cells of a row under the names of its columns, or the rule that it breaks."""
    if max(row.cells) >= len(header):
        return Fault(line=row.number, rule="COLUMN_COUNT")
    if any(len(cell) > CELL_LIMIT for cell in row.cells.values()):
        return Fault(line=row.number, rule="CELL_TOO_LONG")
    if any(CONTROL.search(cell) for cell in row.cells.values()):
        return Fault(line=row.number, rule="CONTROL_CHAR")
    return {header[place]: cell for place, cell in row.cells.items()}


ADAPTER = Adapter(name="xlsx", about=frozenset({"leaver", "enrolment"}), content_type=XLSX, read=read, date_of=date_of, columns=COLUMNS)
