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
        writer.writerows([cell.translate(LINE_BREAKS) for cell in row] for row in rows)
    return text.getvalue().encode()
