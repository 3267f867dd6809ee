"""Office Open XML workbooks, row by row: no tree is built, formulas are never trusted, what hides is refused.

A cell becomes the text that an editor shows for it as far as that can be known: a number with a date's format becomes an ISO date, another
number its digits.
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from intake.formats import archive
from intake.formats.cells import CELL_LIMIT, ListRefused, Source, head_of
from intake.formats.workbook_parts import Book, Relations, Row, Rows, Sheet, Styles, Texts, parsed, read_whole

WORKBOOK, STRINGS, STYLES = "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"


def rows(body: BinaryIO, *, only_sheet: bool) -> Iterator[Row]:
    """The rows of the first sheet. only_sheet: others are refused, and not passed over.

    Raises:
        ListRefused: EMPTY_LIST, TYPE_MISMATCH, SCHEMA_VERSION (parts that no workbook has so), WORKBOOK_HIDDEN, WORKBOOK_SHEETS,
            WORKBOOK_FORMULA, WORKBOOK_MERGED, or a rule of archives or XML.
    """
    head = head_of(body)
    if not head.strip():
        raise ListRefused("EMPTY_LIST")
    if not head.startswith(archive.MAGIC):
        raise ListRefused("TYPE_MISMATCH")
    parts = archive.members(body)
    if WORKBOOK not in parts or RELATIONS not in parts:
        raise ListRefused("TYPE_MISMATCH")
    sheet = _first_sheet(parts, only_sheet=only_sheet)
    reading = Rows(sheet=sheet)
    for _ in parsed(sheet.source, reading):
        yield from reading.taken()


def _first_sheet(parts: Mapping[str, Source], *, only_sheet: bool) -> Sheet:
    book, relations = Book(), Relations()
    read_whole(parts[WORKBOOK], book)
    read_whole(parts[RELATIONS], relations)
    if any(state != "visible" for _, state in book.sheets):
        raise ListRefused("WORKBOOK_HIDDEN")
    if only_sheet and len(book.sheets) > 1:
        raise ListRefused("WORKBOOK_SHEETS")
    place = relations.targets.get(book.sheets[0][0], "") if book.sheets else ""
    name = posixpath.normpath(posixpath.join("xl", place)).lstrip("/")
    if not place or name not in parts:
        raise ListRefused("SCHEMA_VERSION")
    texts, styles = Texts(), Styles()
    if STRINGS in parts:
        read_whole(parts[STRINGS], texts)
    if STYLES in parts:
        read_whole(parts[STYLES], styles)
    return Sheet(source=parts[name], texts=texts.found, dated=styles.dated(), from_1904=book.from_1904)


def header_of(row: Row) -> tuple[str, ...]:
    """The names of the columns as senders mean them: in small letters, without the mark of what is required.

    Raises:
        ListRefused: HEADER_UNKNOWN where a name is there twice, or a column has none before the last.
    """
    names = tuple(row.cells.get(place, "").replace("*", "").strip().lower() for place in range(min(max(row.cells) + 1, CELL_LIMIT)))
    if len(set(names)) < len(names) or "" in names:
        raise ListRefused("HEADER_UNKNOWN")
    return names
