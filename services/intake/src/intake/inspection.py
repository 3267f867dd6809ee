"""Before a list is taken: is it what it says, and only its sender's? All of it is looked at, nothing of it is kept."""

from contracts.intake import ListFormat
from intake.cleaning import uai_of
from intake.formats import ADAPTERS
from intake.formats.cells import Cells, ListRefused


def inspect(body: bytes, list_format: ListFormat, sender: str) -> None:
    """Check structure and mandate. A line whose UAI is no UAI at all is only that line's fault.

    Raises:
        ListRefused: a structural rule, or OUT_OF_MANDATE when any line is of another establishment.
    """
    lines = ADAPTERS[list_format].read(body)
    establishments = {uai_of(line.uai) for line in lines if isinstance(line, Cells)}
    if establishments - {sender, None}:
        raise ListRefused("OUT_OF_MANDATE")
