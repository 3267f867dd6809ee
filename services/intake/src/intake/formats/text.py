"""Text files, physical line by physical line, so that a bad line costs only itself."""

import csv
import re
from collections.abc import Iterator

from intake.formats.cells import CELL_LIMIT, ListRefused

LINE_END = re.compile(r"\r\n|\n|\r")
CONTROL = re.compile(r"[\x00-\x08\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")
OTHER_TYPES = (b"PK\x03\x04", b"PK\x05\x06", b"%PDF", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"<?xml", b"<!DOCTYPE", b"<html", b"{", b"[")
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


class LineFault(ValueError):
    """One physical line breaks a rule."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def text_of(body: bytes) -> str:
    """The text, in UTF-8 with or without a byte order mark.

    Raises:
        ListRefused: EMPTY_LIST, TYPE_MISMATCH or ENCODING.
    """
    if not body.strip():
        raise ListRefused("EMPTY_LIST")
    if body.startswith(WIDE_MARKS):
        raise ListRefused("ENCODING")
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(OTHER_TYPES):
        raise ListRefused("TYPE_MISMATCH")
    if body[:64].count(b"\x00") > len(body[:64]) // 4:
        raise ListRefused("ENCODING")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListRefused("ENCODING") from None


def physical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their number in the file, from 1."""
    for number, line in enumerate(LINE_END.split(text), 1):
        if line.strip():
            yield number, line


def cut(line: str, separator: str, columns: int, *, quoted: bool) -> list[str]:
    """The cells of one physical line.

    Raises:
        LineFault: CONTROL_CHAR, UNTERMINATED_QUOTE, COLUMN_COUNT or CELL_TOO_LONG.
    """
    if CONTROL.search(line):
        raise LineFault("CONTROL_CHAR")
    cells = _quoted(line, separator) if quoted and '"' in line else line.split(separator)
    if len(cells) != columns:
        raise LineFault("COLUMN_COUNT")
    if any(len(cell) > CELL_LIMIT for cell in cells):
        raise LineFault("CELL_TOO_LONG")
    return [cell.strip() for cell in cells]


def _quoted(line: str, separator: str) -> list[str]:
    if len(line) > CELL_LIMIT * 32:
        raise LineFault("CELL_TOO_LONG")
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error:
        raise LineFault("UNTERMINATED_QUOTE") from None
