"""Workbooks for intake's tests: written by openpyxl, as another program writes them, or by hand where openpyxl would not."""

import io
import zipfile
from collections.abc import Callable, Sequence

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def written(*rows: Sequence[object], change: Callable[[Workbook, Worksheet], None] | None = None) -> bytes:
    """One sheet of these rows; `change` may do more to it."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in rows:
        sheet.append(list(row))
    if change:
        change(book, sheet)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def by_hand(rows: str, *, texts: str = "", more: dict[str, str] | None = None, relations: str = "", prologue: str = "") -> bytes:
    """A workbook of this XML inside of `sheetData`, the texts between `sst`; `more`: other parts, or these replaced."""
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{SPREADSHEET}" xmlns:r="{OFFICE}"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" Type="{OFFICE}/worksheet" '
        f'Target="worksheets/sheet1.xml"/>{relations}</Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{SPREADSHEET}">{texts}</sst>',
        "xl/worksheets/sheet1.xml": f'{prologue}<worksheet xmlns="{SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>',
        **(more or {}),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return packed.getvalue()
