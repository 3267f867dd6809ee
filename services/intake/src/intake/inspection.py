"""Before a list is taken: is it what it says, and only its sender's? All of it is looked at, nothing of it is kept."""

from dataclasses import dataclass

from contracts.intake import Content, ListFormat
from intake.cleaning import departement_of_uai, uai_of
from intake.formats import ADAPTERS
from intake.formats.cells import Cells, ListRefused

HEADER_TELLS = frozenset({"csv"})
"""Formats in which one file holds leavers or enrolments, as its header says; elsewhere a file is a source's whole word."""


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What a list is about: how many lines, of which establishments, and whether of leavers, of enrolments or of all."""

    lines: int
    establishments: frozenset[str]
    content: Content


def inspect(body: bytes, list_format: ListFormat, sender: str, territory: tuple[str, ...] = ()) -> Inspected:
    """Check structure and mandate: the sender's own establishment, and those of the départements of its territory, if it has one.

    A line whose UAI is no UAI at all is only that line's fault.

    Raises:
        ListRefused: a structural rule, or OUT_OF_MANDATE when any line is of an establishment outside of it.
    """
    lines = ADAPTERS[list_format].read(body)
    named = [line for line in lines if isinstance(line, Cells)]
    establishments = frozenset(uai for line in named if (uai := uai_of(line.uai)) is not None)
    if any(departement_of_uai(uai) not in territory for uai in establishments - {sender}):
        raise ListRefused("OUT_OF_MANDATE")
    content: Content = "all"
    if list_format in HEADER_TELLS and named:
        content = "leavers" if named[0].kind == "leaver" else "enrolments"
    return Inspected(lines=len(lines), establishments=establishments, content=content)
