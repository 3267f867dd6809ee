"""The words in which a bad input is told: an input, its format, and what it must end as; and how inputs are made."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import pytest
from intake_specimens import (
    ELEVE,
    OTHER_UAI,
    REFERENCE,
    RESPONSABLES,
    UAI,
    eleves_xml,
    leaver,
    leavers_csv,
    zipped,
)

from intake.formats import ADAPTERS
from intake.formats.cells import ListRefused
from intake.formats.csv_list import LEAVERS
from intake.formats.text import lines_of
from intake.inspection import inspect
from intake.record import Held, Line, NotKept, Record, Rejected
from intake.validation import validated

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


XXE = '<!DOCTYPE e [<!ENTITY x SYSTEM "{}">]>'


GOOD_ZIP = zipped(ElevesAvecAdresses=eleves_xml(ELEVE), ResponsablesAvecAdresses=RESPONSABLES)


SIGNED = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/></BEE_ELEVES>'


@dataclass(frozen=True, kw_only=True)
class Case:
    """One input. kept: what of the last line's record must be so."""

    number: int
    title: str
    body: bytes
    expected: tuple[str, ...]
    list_format: str = "csv"
    charset: str | None = None
    kept: Callable[[Record], bool] | None = None

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


def outcome(case: Case) -> tuple[tuple[str, ...], list[Line]]:
    """As reception and reader see it: inspected whole, then line by line."""
    try:
        inspect(io.BytesIO(case.body), case.list_format, UAI, charset=case.charset)
    except ListRefused as refused:
        return (f"file {refused.rule}",), []
    adapter = ADAPTERS[case.list_format]
    lines = [validated(raw, adapter, REFERENCE) for raw in lines_of(adapter, io.BytesIO(case.body), case.charset)]
    return tuple(word(line) for line in lines), lines


def word(line: Line) -> str:
    match line:
        case Record(remarks=findings):
            return " ".join(["accepted", *(one.rule for one in findings)])
        case Rejected(findings=findings):
            return " ".join(["rejected", *(one.rule for one in findings)])
        case Held(findings=findings):
            return " ".join(["held", *(one.rule for one in findings)])
        case NotKept():
            return "not_kept"
        case _:
            assert_never(line)


def refused(number: int, title: str, body: bytes, rule: str, list_format: str = "csv", **more: str) -> Case:
    return Case(number=number, title=title, body=body, expected=(f"file {rule}",), list_format=list_format, **more)  # type: ignore[arg-type]


def one(number: int, title: str, expected: str, kept: Callable[[Record], bool] | None = None, **changes: str) -> Case:
    """A leavers' CSV of one line."""
    return Case(number=number, title=title, body=leavers_csv(leaver(**changes)), expected=(expected,), kept=kept)


def lines(number: int, title: str, body: bytes, *expected: str, list_format: str = "csv", **more: object) -> Case:
    return Case(number=number, title=title, body=body, expected=expected, list_format=list_format, **more)  # type: ignore[arg-type]


def json_lines(*texts: str | dict[str, object]) -> bytes:
    return "\n".join(text if isinstance(text, str) else json.dumps(text) for text in texts).encode()


def said(**changes: object) -> dict[str, object]:
    return {**leaver(), **changes}


def raw_value(value: str, name: str = "motif_sortie") -> str:
    """A leaver as JSON, one value written as it is."""
    return json.dumps(said(**{name: "HERE"})).replace('"HERE"', value)


def workbook(**parts: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>", **parts}.items():
            archive.writestr(name, content)
    return packed.getvalue()


def packed_by(method: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("e.xml", eleves_xml(ELEVE))
    return packed.getvalue()


def twice_named() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("e.xml", eleves_xml(ELEVE))
        archive.writestr("e.xml", eleves_xml(uai=OTHER_UAI))
    return packed.getvalue()


def rows(*of: dict[str, str], separator: str = ";", header: str | None = None) -> str:
    return "\n".join([header or separator.join(LEAVERS), *(separator.join(each.values()) for each in of), ""])


def flagged(archive: bytes) -> bytes:
    """The same archive, its entries said to be encrypted."""
    return archive.replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    )


def struck(archive: bytes) -> bytes:
    middle = len(archive) // 3
    return archive[:middle] + bytes([archive[middle] ^ 0xFF]) + archive[middle + 1 :]


def phones(found: Record) -> tuple[str, ...]:
    return found.contact.phones if found.contact else ()


def email_of(found: Record) -> str | None:
    return found.contact.email if found.contact else None


def address(found: Record) -> tuple[str, ...]:
    return found.contact.address.lines if found.contact and found.contact.address else ()
