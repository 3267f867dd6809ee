"""The objects of a JSON array, one by one, in memory that does not grow with their number."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from intake.formats.archive import CHUNK
from intake.formats.cells import ListRefused

OBJECT_LIMIT = 1 << 18
DEPTH_LIMIT = 16
MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
SPACES = " \t\r\n"


def objects(body: BinaryIO) -> Iterator[str]:
    """The text of each object, in order; what is inside of it is not looked at.

    Raises:
        ListRefused: ENCODING, EMPTY_LIST, TYPE_MISMATCH (no array), or JSON_BROKEN (of anything but objects, unfinished, too deep, an
            object beyond OBJECT_LIMIT characters).
    """
    decode, scan = codecs.getincrementaldecoder("utf-8-sig")().decode, _Scan()
    body.seek(0)
    try:
        while chunk := body.read(CHUNK):
            yield from scan.feed(decode(chunk))
        decode(b"", final=True)
    except UnicodeDecodeError:
        raise ListRefused("ENCODING") from None
    scan.end()


@dataclass(kw_only=True)
class _Scan:
    """Where one is in the text. `open_at`: where the object that is being read begins. `cut`: what comes next is not looked at yet."""

    text: str = ""
    cut: int = 0
    open_at: int | None = None
    depth: int = 0
    in_string: bool = False
    objects: int = 0
    closed: bool = False

    def feed(self, more: str) -> Iterator[str]:
        self.text += more
        between = 0
        place = self.cut
        for mark in MARK.finditer(self.text, place):
            place = mark.end()
            if mark[0][0] == "\\":
                continue
            if self.in_string or mark[0] == '"':
                self._quote(mark[0])
                continue
            if self.open_at is None:
                self._between(self.text[between : mark.start()], mark[0])
            self.depth += 1 if mark[0] in "{[" else -1
            if self.depth > DEPTH_LIMIT:
                raise ListRefused("JSON_BROKEN")
            if self.open_at is None:
                between, self.open_at = mark.end(), mark.start() if mark[0] == "{" else None
            elif self.depth == 1:
                yield self.text[self.open_at : mark.end()]
                between, self.open_at = mark.end(), None
        self._keep(between if self.open_at is None else self.open_at, place)

    def _quote(self, mark: str) -> None:
        """Texts are only to be found in objects."""
        if self.open_at is None:
            raise ListRefused("JSON_BROKEN" if self.depth or self.closed else "TYPE_MISMATCH")
        if mark == '"':
            self.in_string = not self.in_string

    def _between(self, text: str, mark: str) -> None:
        """Before the array, between two objects, or behind the last."""
        said = text.strip(SPACES)
        if self.depth == 0:
            if self.closed or said or mark != "[":
                raise ListRefused("JSON_BROKEN" if self.closed else "TYPE_MISMATCH")
            return
        if said != ("," if mark == "{" and self.objects else "") or mark not in "{]":
            raise ListRefused("JSON_BROKEN")
        self.objects += mark == "{"
        self.closed = mark == "]"

    def _keep(self, start: int, place: int) -> None:
        """What is unfinished; a backslash at the very end waits for the character that it escapes."""
        end = len(self.text) - (self.text.endswith("\\") and place < len(self.text))
        self.text, self.cut = self.text[start:], max(end - start, 0)
        if self.open_at is not None:
            self.open_at = 0
        if len(self.text) > OBJECT_LIMIT:
            raise ListRefused("JSON_BROKEN" if self.depth else "TYPE_MISMATCH")

    def end(self) -> None:
        if not self.closed:
            blank = not self.depth and not self.text.strip(SPACES)
            raise ListRefused("EMPTY_LIST" if blank else "JSON_BROKEN" if self.depth else "TYPE_MISMATCH")
        if self.text.strip(SPACES):
            raise ListRefused("JSON_BROKEN")
        if not self.objects:
            raise ListRefused("EMPTY_LIST")
