"""JSON Lines of leavers: one object for each, its names those of our CSV's columns, its values texts; what is not known is left out."""

from collections.abc import Iterator
from typing import BinaryIO

from chassis.problems import NotStrictJson, strict_json
from intake.formats.cells import CELL_LIMIT, Adapter, Fault, ListRefused, RawLine, head_of
from intake.formats.csv_list import COLUMNS, LEAVERS, date_of, leaver_of
from intake.formats.text import CONTROL, LINE_LIMIT, physical_lines

OBJECT = b"{"
EMPTY = dict.fromkeys(LEAVERS, "")


def read(body: BinaryIO) -> Iterator[RawLine]:
    """Every line; a bad one costs only itself.

    Raises:
        ListRefused: EMPTY_LIST, TYPE_MISMATCH or ENCODING.
    """
    head = head_of(body).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head and not head.startswith(OBJECT):
        raise ListRefused("TYPE_MISMATCH")
    for number, line in physical_lines(body):
        yield _line(number, line)


def _line(number: int, line: str) -> RawLine:
    if len(line) >= LINE_LIMIT:
        return Fault(line=number, rule="CELL_TOO_LONG")
    try:
        said = strict_json(line.encode())
    except NotStrictJson as wrong:
        return Fault(line=number, rule=wrong.rule)
    if not isinstance(said, dict):
        return Fault(line=number, rule="BAD_JSON")
    if rule := _broken(said):
        return Fault(line=number, rule=rule)
    return leaver_of(number, EMPTY | {name: value.strip() for name, value in said.items()})


def _broken(said: dict[str, object]) -> str | None:
    """The rule that names or values break: nothing is guessed from a number or a truth value."""
    if not said.keys() <= EMPTY.keys():
        return "UNKNOWN_FIELD"
    for value in said.values():
        if not isinstance(value, str):
            return "WRONG_TYPE"
        if CONTROL.search(value):
            return "CONTROL_CHAR"
        if len(value) > CELL_LIMIT:
            return "CELL_TOO_LONG"
    return None


ADAPTER = Adapter(name="jsonl", about=frozenset({"leaver"}), content_type="application/jsonl", read=read, date_of=date_of, columns=COLUMNS)
