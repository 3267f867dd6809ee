"""Before a list is taken: is it what it says, and only its sender's? All of it is looked at, nothing of it is kept."""

from dataclasses import dataclass
from typing import BinaryIO

from contracts.intake import Content
from intake.cleaning import departement_of_uai, uai_of
from intake.formats import ADAPTERS
from intake.formats.cells import MALWARE, Cells, Kind, ListRefused, head_of

HEADER_TELLS = frozenset({"csv", "xlsx"})
"""Formats in which one file holds leavers or enrolments, as its header says; elsewhere a file is a source's whole word."""


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What a list is about: how many lines, of which establishments, and whether of leavers, of enrolments or of all."""

    lines: int
    establishments: frozenset[str]
    content: Content


def inspect(body: BinaryIO, list_format: str, sender: str, territory: tuple[str, ...] = ()) -> Inspected:
    """Check structure and mandate: the sender's own establishment, and those of the départements of its territory, if it has one.

    A line whose UAI is no UAI at all is only that line's fault.

    Raises:
        ListRefused: a structural rule, or OUT_OF_MANDATE when any line is of an establishment outside of it.
    """
    adapter = ADAPTERS.get(list_format)
    if adapter is None:
        raise ListRefused("FORMAT_UNKNOWN")
    if MALWARE in head_of(body):
        raise ListRefused("MALWARE")
    lines, establishments, first = 0, set[str](), None
    for line in adapter.read(body):
        lines += 1
        if not isinstance(line, Cells):
            continue
        first = first or line.kind
        uai = uai_of(line.uai)
        if uai is not None and uai not in establishments:
            if uai != sender and departement_of_uai(uai) not in territory:
                raise ListRefused("OUT_OF_MANDATE")
            establishments.add(uai)
    return Inspected(lines=lines, establishments=frozenset(establishments), content=_content(list_format, first))


def _content(list_format: str, first: Kind | None) -> Content:
    if list_format not in HEADER_TELLS or first is None:
        return "all"
    return "leavers" if first == "leaver" else "enrolments"
