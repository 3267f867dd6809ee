"""What a file was, by a keyed digest of its bytes: the same file is known again, and nobody can look for a person in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from intake.identity import Digests
from intake.parts import PART_BYTES

EMPTY = re.compile(rb"(?<=\n)\r?\n")


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """A file in one reading of its bytes. digest: keyed. size: in bytes. lines: how many stand in it, the empty ones left out."""

    digest: bytes
    size: int
    lines: int


def fingerprint_of(path: Path, digests: Digests) -> Fingerprint:
    """Raises OSError: it cannot be read."""
    parts, lines, size, before = list[bytes](), 0, 0, b"\n"
    with path.open("rb") as opened:
        for piece in _pieces(opened):
            parts.append(digests.of("part", piece))
            lines += piece.count(b"\n") - _empty(before, piece)
            size += len(piece)
            before = (before + piece[-2:])[-2:]
    lines += not before.endswith(b"\n")  # the last one need not end
    return Fingerprint(digest=digests.of("snapshot", *parts), size=size, lines=lines)


def _empty(before: bytes, piece: bytes) -> int:
    """How many empty lines end in this piece. before: the two bytes before it, of which a line's end may be a part."""
    joined = before + piece
    found = len(EMPTY.findall(joined)) if b"\n\n" in joined or b"\n\r\n" in joined else 0
    return found - len(EMPTY.findall(before))


def _pieces(opened: BinaryIO) -> Iterator[bytes]:
    while piece := opened.read(PART_BYTES):
        yield piece
