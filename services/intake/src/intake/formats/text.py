"""Text files, physical line by physical line, so that a bad line costs only itself."""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from intake.formats.cells import CELL_LIMIT, Adapter, ListRefused, RawLine, head_of

LINE_LIMIT = CELL_LIMIT * 64
CHUNK = 1 << 16
CONTROL = re.compile(r"[\x00-\x08\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")
JOINED_LIMIT = 16
OTHER_TYPES = (b"PK\x03\x04", b"PK\x05\x06", b"%PDF", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"<", b"{", b"[", b"PAR1")
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
CHARSETS = {
    "utf-8": "utf-8", "utf-16": "utf-16", "iso-8859-1": "iso-8859-1", "iso-8859-15": "iso-8859-15", "windows-1252": "cp1252",
}  # fmt: skip
"""Encodings that a sender may declare, by the name that HTTP has for them, and Python's."""


class LineFault(ValueError):
    """One physical line breaks a rule."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class AsUtf8(io.RawIOBase):
    """A text in another encoding, as UTF-8: read in order, and again from its start."""

    def __init__(self, body: BinaryIO, charset: str) -> None:
        super().__init__()
        self._body, self._charset = body, charset
        self.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """To the start only."""
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation("a text that is decoded has no other place than its start")
        self._body.seek(0)
        self._decoder = codecs.getincrementaldecoder(self._charset)(errors="strict")
        self._ready, self._ended, self._at = b"", False, 0
        return 0

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # typeshed's Buffer has no length
        while not self._ready and not self._ended:
            self._ready = self._next()
        piece, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _next(self) -> bytes:
        chunk = self._body.read(CHUNK)
        self._ended = not chunk
        try:
            return self._decoder.decode(chunk, final=self._ended).encode()
        except UnicodeError:
            raise ListRefused("ENCODING") from None


def lines_of(adapter: Adapter, body: BinaryIO, charset: str | None = None) -> Iterator[RawLine]:
    """What the adapter reads. charset: of a text, as declared by its sender; a byte order mark declares UTF-16; else UTF-8.

    Nothing of the body is read before the first line is asked for.

    Raises:
        ListRefused: ENCODING where the charset is none of CHARSETS, or see the adapter.
    """
    if not adapter.content_type.startswith("text/"):
        yield from adapter.read(body)
        return
    name = (charset or "utf-8").lower()
    if name not in CHARSETS:
        raise ListRefused("ENCODING")
    if name == "utf-8" and head_of(body, 2) in WIDE_MARKS:
        name = "utf-16"
    yield from adapter.read(body if name == "utf-8" else io.BufferedReader(AsUtf8(body, CHARSETS[name])))


def check_text(body: BinaryIO) -> None:
    """Is this a text at all, by its first bytes?

    Raises:
        ListRefused: TYPE_MISMATCH or ENCODING.
    """
    head = head_of(body)
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


def records(lines: Iterator[tuple[int, str]], separator: str, columns: int) -> Iterator[tuple[int, str]]:
    """Physical lines, joined where a quoted cell goes on in the next ones; the number is that of the first.

    A quote that is opened and never closed joins nothing: lines are joined only where that makes a record of so many columns.
    """
    ahead: deque[tuple[int, str]] = deque()
    while True:
        if not ahead and (one := next(lines, None)) is not None:
            ahead.append(one)
        if not ahead:
            return
        number, line = ahead.popleft()
        if line.count('"') % 2:
            line = _joined(line, ahead, lines, separator, columns)
        yield number, line


def _joined(line: str, ahead: deque[tuple[int, str]], lines: Iterator[tuple[int, str]], separator: str, columns: int) -> str:
    joined = line
    for place in range(JOINED_LIMIT):
        if place == len(ahead):
            if (one := next(lines, None)) is None:
                return line
            ahead.append(one)
        joined = f"{joined}\n{ahead[place][1]}"
        if len(joined) >= LINE_LIMIT or ahead[place][1].count(separator) >= columns - 1:  # a record of its own is nobody's cell
            return line
        if ahead[place][1].count('"') % 2:
            break
    try:
        cut(joined, separator, columns, quoted=True)
    except LineFault:
        return line
    for _ in range(place + 1):
        ahead.popleft()
    return joined


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
    except (csv.Error, StopIteration):
        raise LineFault("UNTERMINATED_QUOTE") from None
