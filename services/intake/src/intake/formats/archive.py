"""Zip archives opened with suspicion: bytes are counted while inflating, headers are never believed, nothing is written to disk."""

import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from intake.formats.cells import MALWARE, ListRefused, Readable, Source, size_of

MAGIC = b"PK"
EXPANDED_LIMIT = 200 * 1024 * 1024
RATIO_LIMIT = 100
MEMBERS_LIMIT = 64
CHUNK = 1 << 16
BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError, OverflowError,
)  # fmt: skip  # RuntimeError: zipfile's answer to a password


class _Guarded:
    """The content of one file of an archive, whose troubles are refusals."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except BROKEN:
            raise ListRefused("ARCHIVE_BROKEN") from None


def members(body: BinaryIO) -> dict[str, Source]:
    """The files of an archive by name, each to be opened as often as one likes; all were inflated once before.

    Raises:
        ListRefused: ARCHIVE_BROKEN (truncated, CRC, password), ARCHIVE_RATIO (too dense, too large, nested) or MALWARE.
    """
    try:
        archive = zipfile.ZipFile(body)
    except BROKEN:
        raise ListRefused("ARCHIVE_BROKEN") from None
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MEMBERS_LIMIT:
        raise ListRefused("ARCHIVE_RATIO")
    sources: dict[str, Source] = {entry.filename: partial(_open, archive, entry) for entry in entries}
    _inflate_once(sources, min(EXPANDED_LIMIT, RATIO_LIMIT * size_of(body)))
    return sources


def _open(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Readable:
    try:
        return _Guarded(archive.open(entry))
    except BROKEN:
        raise ListRefused("ARCHIVE_BROKEN") from None


def _inflate_once(sources: dict[str, Source], allowance: int) -> None:
    """Whole, so that every CRC is seen; counted, whatever the directory says."""
    for source in sources.values():
        for place, chunk in enumerate(chunks(source())):
            allowance -= len(chunk)
            if allowance < 0 or (place == 0 and chunk.startswith(MAGIC)):
                raise ListRefused("ARCHIVE_RATIO")
            if MALWARE in chunk:
                raise ListRefused("MALWARE")


def chunks(stream: Readable) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
