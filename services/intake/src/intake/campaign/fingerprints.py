"""What a file was, by a keyed digest of its bytes: the same file is known again, and nobody can look for a person in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from intake.identity import Digests
from intake.parts import PART_BYTES


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """A file in one reading of its bytes. digest: keyed. size: in bytes. lines: how many end in it, whatever they are."""

    digest: bytes
    size: int
    lines: int


def fingerprint_of(path: Path, digests: Digests) -> Fingerprint:
    """Raises OSError: it cannot be read."""
    parts, lines, size = list[bytes](), 0, 0
    with path.open("rb") as opened:
        for piece in _pieces(opened):
            parts.append(digests.of("part", piece))
            lines += piece.count(b"\n")
            size += len(piece)
    return Fingerprint(digest=digests.of("snapshot", *parts), size=size, lines=lines)


def _pieces(opened: BinaryIO) -> Iterator[bytes]:
    while piece := opened.read(PART_BYTES):
        yield piece
