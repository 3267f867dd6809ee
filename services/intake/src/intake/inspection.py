"""Before a list is taken: is it what it says, and only its sender's? All of it is looked at, nothing of it is kept."""

from dataclasses import dataclass
from typing import BinaryIO

from contracts.intake import Content
from intake.cleaning import departement_of_uai, uai_of
from intake.formats import ADAPTERS, archive
from intake.formats.cells import MALWARE, Adapter, Cells, Kind, ListRefused, head_of
from intake.formats.text import lines_of

HEADER_TELLS = frozenset({"csv", "jsonl", "xlsx"})
"""Formats in which one file holds leavers or enrolments, as its header says; elsewhere a file is a source's whole word."""
COMPOUND, VBA = b"\xd0\xcf\x11\xe0", "_VBA_PROJECT".encode("utf-16-le")
"""How an old office file begins, and the name of the storage in which it keeps its macros."""


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What a list is about: how many lines, of which establishments, and whether of leavers, of enrolments or of all."""

    lines: int
    establishments: frozenset[str]
    content: Content


def inspect(body: BinaryIO, list_format: str, sender: str, territory: tuple[str, ...] = (), charset: str | None = None) -> Inspected:
    """Check structure and mandate: the sender's own establishment, and those of the départements of its territory, if it has one.

    A line whose UAI is no UAI at all is only that line's fault. charset: as declared, of a text.

    Raises:
        ListRefused: a structural rule, or OUT_OF_MANDATE when any line is of an establishment outside of it.
    """
    adapter = ADAPTERS.get(list_format)
    if adapter is None:
        raise ListRefused("FORMAT_UNKNOWN")
    _check_active_content(body, adapter)
    lines, establishments, first = 0, set[str](), None
    for line in lines_of(adapter, body, charset):
        lines += 1
        if lines > adapter.line_limit:
            raise ListRefused("TOO_MANY_LINES")
        if not isinstance(line, Cells):
            continue
        first = first or line.kind
        uai = uai_of(line.uai)
        if uai is not None and uai not in establishments:
            if uai != sender and departement_of_uai(uai) not in territory:
                raise ListRefused("OUT_OF_MANDATE")
            establishments.add(uai)
    return Inspected(lines=lines, establishments=frozenset(establishments), content=_content(list_format, first))


def _check_active_content(body: BinaryIO, adapter: Adapter) -> None:
    """A file with macros is told so, whatever it was sent as; what a scanner must find stands at the start of a file.

    Raises:
        ListRefused: MALWARE.
    """
    head = head_of(body)
    if MALWARE in head or (head.startswith(COMPOUND) and any(VBA in chunk for chunk in archive.chunks(body))):
        raise ListRefused("MALWARE")
    if head.startswith(archive.MAGIC) and adapter.content_type != "application/zip":
        archive.check_package(body)


def _content(list_format: str, first: Kind | None) -> Content:
    if list_format not in HEADER_TELLS or first is None:
        return "all"
    return "leavers" if first == "leaver" else "enrolments"
