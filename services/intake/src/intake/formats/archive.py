"""Zip archives opened with suspicion: bytes are counted while inflating, headers are never believed."""

import io
import zipfile
import zlib

from intake.formats.cells import ListRefused

MAGIC = b"PK"
EXPANDED_LIMIT = 200 * 1024 * 1024
RATIO_LIMIT = 100
MEMBERS_LIMIT = 16
CHUNK = 1 << 16


def members(body: bytes) -> list[bytes]:
    """The contents of the files of an archive.

    Raises:
        ListRefused: ARCHIVE_BROKEN (truncated, CRC, password) or ARCHIVE_RATIO (too dense, too large, nested).
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MEMBERS_LIMIT:
                raise ListRefused("ARCHIVE_RATIO")
            allowance = min(EXPANDED_LIMIT, RATIO_LIMIT * len(body))
            found: list[bytes] = []
            for entry in entries:
                found.append(_inflate(archive, entry, allowance - sum(map(len, found))))
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError, OverflowError):
        raise ListRefused("ARCHIVE_BROKEN") from None  # RuntimeError: zipfile's answer to a password


def _inflate(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowance: int) -> bytes:
    inflated = bytearray()
    with archive.open(entry) as stream:
        while chunk := stream.read(CHUNK):
            inflated += chunk
            if len(inflated) > allowance:
                raise ListRefused("ARCHIVE_RATIO")
    if inflated.startswith(MAGIC):
        raise ListRefused("ARCHIVE_RATIO")
    return bytes(inflated)
