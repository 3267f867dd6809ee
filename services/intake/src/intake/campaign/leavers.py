"""The leavers of a cross-match as the body of a list: our CSV of leavers, one line for each enrolment that ended."""

import csv
import io
from collections.abc import Iterable, Sequence

from intake.formats.csv_list import LEAVERS


def body_of(leavers: Iterable[Sequence[Sequence[str]]]) -> bytes:
    """The list, of lines that come some at a time, their cells in the order of its header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(LEAVERS)
    for rows in leavers:
        writer.writerows(rows)
    return text.getvalue().encode()
