"""Dossiers apprenant V3 as JSON: an array of objects, as senders already post it to the apprenticeship dashboard."""

from collections.abc import Iterator
from typing import BinaryIO

from chassis.problems import NotStrictJson, strict_json
from intake.formats.cells import Adapter, Fault, RawLine
from intake.formats.json_array import objects
from intake.formats.v3_fields import COLUMNS, NAMES, date_of, line_of


def read(body: BinaryIO) -> Iterator[RawLine]:
    """Every object, numbered from 1 in the order of the array.

    Raises:
        ListRefused: ENCODING, EMPTY_LIST, TYPE_MISMATCH or JSON_BROKEN.
    """
    for number, text in enumerate(objects(body), 1):
        yield _line(number, text)


def _line(number: int, text: str) -> RawLine:
    try:
        told = strict_json(text.encode())
    except (NotStrictJson, UnicodeEncodeError):
        return Fault(line=number, rule="DOSSIER_BROKEN")
    if not isinstance(told, dict) or any(isinstance(told.get(name), dict | list) for name in NAMES):
        return Fault(line=number, rule="DOSSIER_BROKEN")
    return line_of(number, {name: _text(told.get(name)) for name in NAMES})


def _text(value: object) -> str:
    """Senders write codes as numbers and yes as a truth value."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


ADAPTER = Adapter(
    name="dossier_v3",
    about=frozenset({"leaver", "enrolment"}),
    content_type="application/json",
    read=read,
    date_of=date_of,
    columns=COLUMNS,
)
