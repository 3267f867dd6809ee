"""Text files, physical line by physical line, so that a bad line costs only itself."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from intake.formats.cells import CELL_LIMIT, ListRefused, head_of

LINE_LIMIT = CELL_LIMIT * 64
CONTROL = re.compile(r"[\x00-\x08\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")
OTHER_TYPES = (
    b"PK\x03\x04", b"PK\x05\x06", b"%PDF", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"<?xml", b"<!DOCTYPE", b"<html", b"{", b"[", b"PAR1",
)  # fmt: skip
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


class LineFault(ValueError):
    """One physical line breaks a rule."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def check_text(body: BinaryIO) -> None:
    """Is this a text at all, by its first bytes?

    Raises:
        ListRefused: TYPE_MISMATCH or ENCODING.
    """
    head = head_of(body)
    if head.startswith(WIDE_MARKS):
        raise ListRefused("ENCODING")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(OTHER_TYPES):
        raise ListRefused("TYPE_MISMATCH")
    if head[:64].count(b"\x00") > len(head[:64]) // 4:
        raise ListRefused("ENCODING")


def decoded(body: BinaryIO) -> io.TextIOWrapper:
    """UTF-8 with or without a byte order mark, line ends of every system; detach it when done, so that the body stays open."""
    body.seek(0)
    return io.TextIOWrapper(body, encoding="utf-8-sig", newline=None)


def physical_lines(body: BinaryIO) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their number in the file, from 1; of a line beyond LINE_LIMIT, that many characters.

    Raises:
        ListRefused: ENCODING, or EMPTY_LIST where there is none.
    """
    text, number, found = decoded(body), 0, False
    try:
        while line := text.readline(LINE_LIMIT):
            number += 1
            if not line.endswith("\n"):
                _skip_rest(text, line)
            if line.strip():
                found = True
                yield number, line.removesuffix("\n")
    except UnicodeDecodeError:
        raise ListRefused("ENCODING") from None
    finally:
        with suppress(ValueError):  # the body may have been closed under an abandoned reading
            text.detach()
    if not found:
        raise ListRefused("EMPTY_LIST")


def _skip_rest(text: io.TextIOWrapper, line: str) -> None:
    while line and not line.endswith("\n"):
        line = text.readline(LINE_LIMIT)


def cut(line: str, separator: str, columns: int, *, quoted: bool) -> list[str]:
    """The cells of one physical line.

    Raises:
        LineFault: CONTROL_CHAR, UNTERMINATED_QUOTE, COLUMN_COUNT or CELL_TOO_LONG.
    """
    if len(line) >= LINE_LIMIT:
        raise LineFault("CELL_TOO_LONG")
    if CONTROL.search(line if separator != "\t" else line.replace("\t", "")):
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
