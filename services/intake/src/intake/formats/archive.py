"""Zip archives opened with suspicion: bytes are counted while inflating, headers are never believed, nothing is written to disk."""

import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from typing import IO, BinaryIO, cast

from intake.formats.cells import MALWARE, ListRefused, Readable, Source, size_of

MAGIC = b"PK"
EXPANDED_LIMIT = 200 * 1024 * 1024
RATIO_LIMIT = 100
MEMBERS_LIMIT = 64
READ_LIMIT = 1024 * 1024
PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others inflate without measure before a byte can be counted
MACROS = ("vbaproject.bin", "vbaprojectsignature.bin", "vbadata.xml")
ACTIVE = ("macrosheets/", "activex/", "embeddings/")
OUTSIDE = ("externallinks/", "connections.xml", "querytables/")
CHUNK = 1 << 16
BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError, OverflowError,
)  # fmt: skip  # RuntimeError: zipfile's answer to a password


class _Measured:
    """An archive of which nobody may read more than READ_LIMIT at once: its directory is read whole, whatever size it says it has."""

    def __init__(self, body: BinaryIO) -> None:
        self._body = body

    def read(self, size: int = -1, /) -> bytes:
        found = self._body.read(size if 0 <= size <= READ_LIMIT else READ_LIMIT + 1)
        if len(found) > READ_LIMIT:
            raise ListRefused("ARCHIVE_RATIO")
        return found

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._body.seek(offset, whence)

    def tell(self) -> int:
        return self._body.tell()

    def seekable(self) -> bool:
        return True


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
        ListRefused: ARCHIVE_BROKEN (truncated, CRC, password, an unusual packing, a name twice), ARCHIVE_RATIO (too dense, too large,
            nested), MALWARE (its signature, macros, embedded objects) or EXTERNAL_REFERENCE (a workbook that calls for other data).
    """
    try:
        archive = zipfile.ZipFile(cast("IO[bytes]", _Measured(body)))  # zipfile asks for no more than what is there
    except BROKEN:
        raise ListRefused("ARCHIVE_BROKEN") from None
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MEMBERS_LIMIT:
        raise ListRefused("ARCHIVE_RATIO")
    if len({entry.filename for entry in entries}) < len(entries) or any(entry.compress_type not in PACKED for entry in entries):
        raise ListRefused("ARCHIVE_BROKEN")
    _check_names([entry.filename.lower() for entry in entries])
    sources: dict[str, Source] = {entry.filename: partial(_open, archive, entry) for entry in entries}
    _inflate_once(sources, min(EXPANDED_LIMIT, RATIO_LIMIT * size_of(body)))
    return sources


def _open(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Readable:
    try:
        return _Guarded(archive.open(entry))
    except BROKEN:
        raise ListRefused("ARCHIVE_BROKEN") from None


def _check_names(names: list[str]) -> None:
    """Macros, embedded objects and links to other data show in the names of a workbook's parts."""
    if any(name.endswith(MACROS) or any(part in name for part in ACTIVE) for name in names):
        raise ListRefused("MALWARE")
    if any(part in name for name in names for part in OUTSIDE):
        raise ListRefused("EXTERNAL_REFERENCE")


def check_package(body: BinaryIO) -> None:
    """What names itself a zip archive is looked at as one, whatever it was sent as: macros are told as such.

    Raises:
        ListRefused: MALWARE.
    """
    try:
        members(body)
    except ListRefused as refused:
        if refused.rule == "MALWARE":
            raise


def _inflate_once(sources: dict[str, Source], allowance: int) -> None:
    """Whole, so that every CRC is seen; counted, whatever the directory says."""
    for source in sources.values():
        before = b""
        for place, chunk in enumerate(chunks(source())):
            allowance -= len(chunk)
            if allowance < 0 or (place == 0 and chunk.startswith(MAGIC)):
                raise ListRefused("ARCHIVE_RATIO")
            if MALWARE in before + chunk:
                raise ListRefused("MALWARE")
            before = chunk[-len(MALWARE) :]


def chunks(stream: Readable) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
