"""The leavers of a cross-match as the body of a list: our CSV of leavers, one line for each enrolment that ended."""

import csv
import io
from collections.abc import Iterable, Sequence

from intake.formats.csv_list import LEAVERS

LINE_BREAKS = str.maketrans("\r\n", "  ")


def body_of(leavers: Iterable[Sequence[Sequence[str]]]) -> bytes:
    """The list, of lines that come some at a time, their cells in the order of its header.

    Each stands on one line of the file, which its reader can therefore refuse by itself: a line break in a cell is written as a space.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(LEAVERS)
    for rows in leavers:
        writer.writerows(map(_on_one_line, rows))
    return text.getvalue().encode()


def _on_one_line(row: Sequence[str]) -> Sequence[str]:
    """Nearly every row is so as it is, and whoever looks at it whole looks once."""
    whole = "".join(row)
    return [cell.translate(LINE_BREAKS) for cell in row] if "\n" in whole or "\r" in whole else row
