"""Before a list is taken: is it what it says, and only its sender's? All of it is looked at, nothing of it is kept."""

from typing import BinaryIO

from intake.cleaning import uai_of
from intake.formats import ADAPTERS
from intake.formats.cells import MALWARE, Cells, ListRefused, head_of


def inspect(body: BinaryIO, list_format: str, sender: str) -> None:
    """Check structure and mandate. A line whose UAI is no UAI at all is only that line's fault.

    Raises:
        ListRefused: a structural rule, or OUT_OF_MANDATE when any line is of another establishment.
    """
    adapter = ADAPTERS.get(list_format)
    if adapter is None:
        raise ListRefused("FORMAT_UNKNOWN")
    if MALWARE in head_of(body):
        raise ListRefused("MALWARE")
    for line in adapter.read(body):
        if isinstance(line, Cells) and uai_of(line.uai) not in {sender, None}:
            raise ListRefused("OUT_OF_MANDATE")
