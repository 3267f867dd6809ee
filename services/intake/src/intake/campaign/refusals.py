"""Leavers whose line the list's own rules refuse: nothing is ever said of them, so a human must be told who they are."""

import csv
import io
from collections.abc import Iterator
from datetime import date

from intake.campaign.snapshots import ENROLMENT
from intake.formats import csv_list
from intake.formats.cells import Fault, RawLine
from intake.record import Rejected
from intake.reference.establishments import Directory
from intake.validation import validated

LONGEST = 100_000
"""Of a line that could not be cut, as much as is shown, in characters; Python's own reader takes no longer cell."""


def refused(body: bytes, reference: date, directory: Directory) -> Iterator[tuple[str, ...]]:
    """Of the leavers' list the lines that the reader will refuse, by the reader's own rules: why, then the cells of an enrolment."""
    for raw in csv_list.read(io.BytesIO(body)):
        line = validated(raw, csv_list.ADAPTER, reference, directory)
        if isinstance(line, Rejected):
            rules = " ".join(sorted({finding.rule for finding in line.findings}))
            yield (f"rejected {rules}", *_cells(raw, body))


def _cells(raw: RawLine, body: bytes) -> tuple[str, ...]:
    if isinstance(raw, Fault):
        line = body.split(b"\n", raw.line)[raw.line - 1].decode()[:LONGEST]
        named = dict(zip(csv_list.LEAVERS, next(csv.reader([line], delimiter=";"), []), strict=False))  # cut, it may lack some
        return tuple(named.get(name, "") for name in ENROLMENT)
    return (
        raw.uai, raw.ine, raw.family_name, " ".join(raw.first_names), raw.birth_date, raw.birth_commune, raw.formation, raw.entry_date,
        raw.exit_date,
    )  # fmt: skip
