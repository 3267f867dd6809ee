"""Dossiers apprenant V3 as the apprenticeship dashboard's workbook: the first sheet, names in its first row, `*` where required."""

from collections.abc import Iterator
from typing import BinaryIO

from intake.formats import v3_fields
from intake.formats.cells import Adapter, Fault, ListRefused, RawLine
from intake.formats.v3_fields import COLUMNS, REQUIRED, date_of
from intake.formats.workbook import header_of, rows
from intake.formats.xlsx_list import XLSX, line_of

NEEDED = frozenset(REQUIRED) - {"id_erp_apprenant"}
"""The dashboard makes an id of its own for every row of a workbook."""


def read(body: BinaryIO) -> Iterator[RawLine]:
    """Every row after the header that is not blank, by its number in the sheet.

    Raises:
        ListRefused: EMPTY_LIST, HEADER_UNKNOWN (a required column lacks), or for a rule of workbooks.
    """
    sheet = rows(body, only_sheet=False)
    first = next(sheet, None)
    if first is None:
        raise ListRefused("EMPTY_LIST")
    header = header_of(first)
    if not set(header) >= NEEDED:
        raise ListRefused("HEADER_UNKNOWN")
    found = False
    for row in sheet:
        found = True
        named = line_of(row, header)
        yield named if isinstance(named, Fault) else v3_fields.line_of(row.number, {"id_erp_apprenant": str(row.number), **named})
    if not found:
        raise ListRefused("EMPTY_LIST")


ADAPTER = Adapter(
    name="dossier_v3_xlsx", about=frozenset({"leaver", "enrolment"}), content_type=XLSX, read=read, date_of=date_of, columns=COLUMNS
)
