"""What makes a whole file be refused, each by its rule; and what it takes for a file to be its sender's."""

import io
import zlib

import pytest
from intake_specimens import ELEVE, OTHER_UAI, RESPONSABLES, UAI, eleves_xml, leaver, leavers_csv, sifa_line, zipped

from contracts.intake import ListFormat
from intake.formats.cells import ListRefused
from intake.inspection import inspect
from intake.rules import RULES

XXE = '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = '<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;&a;">]>'
BOMB = zipped(ElevesAvecAdresses=eleves_xml(ELEVE) + b" " * 5_000_000)
GOOD_ZIP = zipped(ElevesAvecAdresses=eleves_xml(ELEVE), ResponsablesAvecAdresses=RESPONSABLES)


def with_password_flag(archive: bytes) -> bytes:
    """The same archive, its entries said to be encrypted."""
    return archive.replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    )


def with_other_content(archive: bytes) -> bytes:
    """One byte of the deflated content changed: the CRC, or inflating, fails."""
    middle = len(archive) // 3
    return archive[:middle] + bytes([archive[middle] ^ 0xFF]) + archive[middle + 1 :]


BAD: list[tuple[str, ListFormat, bytes, str]] = [
    ("an empty file", "csv", b"", "EMPTY_LIST"),
    ("blank lines only", "sifa", b"\r\n\r\n", "EMPTY_LIST"),
    ("a header without lines", "csv", leavers_csv(), "EMPTY_LIST"),
    ("no pupil", "siecle", eleves_xml(), "EMPTY_LIST"),
    ("an empty SIECLE", "siecle", b"", "EMPTY_LIST"),
    ("a spreadsheet named csv", "csv", zipped(workbook=b"<x/>"), "TYPE_MISMATCH"),
    ("a PDF named csv", "csv", b"%PDF-1.7 ...", "TYPE_MISMATCH"),
    ("a page named csv", "csv", b"<html><body>uai;ine</body></html>", "TYPE_MISMATCH"),
    ("a CSV named siecle", "siecle", leavers_csv(leaver()), "TYPE_MISMATCH"),
    ("another XML", "siecle", b"<?xml version='1.0'?><BEE_STRUCTURES/>", "TYPE_MISMATCH"),
    ("guardians without pupils", "siecle", RESPONSABLES, "TYPE_MISMATCH"),
    ("a truncated zip", "siecle", GOOD_ZIP[:-40], "ARCHIVE_BROKEN"),
    ("a zip cut in its middle", "siecle", GOOD_ZIP[: len(GOOD_ZIP) // 2], "ARCHIVE_BROKEN"),
    ("a zip with a changed byte", "siecle", with_other_content(GOOD_ZIP), "ARCHIVE_BROKEN"),
    ("a zip with a password", "siecle", with_password_flag(GOOD_ZIP), "ARCHIVE_BROKEN"),
    ("a zip bomb", "siecle", BOMB, "ARCHIVE_RATIO"),
    ("a zip in a zip", "siecle", zipped(inner=GOOD_ZIP), "ARCHIVE_RATIO"),
    ("a DOCTYPE with an external entity", "siecle", eleves_xml(ELEVE, prologue=XXE), "DOCTYPE_REFUSED"),
    ("a DOCTYPE with growing entities", "siecle", eleves_xml(ELEVE, prologue=LAUGHS), "DOCTYPE_REFUSED"),
    ("a DOCTYPE inside a zip", "siecle", zipped(e=eleves_xml(ELEVE, prologue=XXE)), "DOCTYPE_REFUSED"),
    ("an unclosed tag", "siecle", eleves_xml(ELEVE)[:-30], "XML_BROKEN"),
    ("an XML of a namespace", "siecle", eleves_xml(ELEVE).replace(b"<BEE_ELEVES ", b'<BEE_ELEVES xmlns="urn:x" '), "SCHEMA_VERSION"),
    ("an unknown version", "siecle", eleves_xml(ELEVE, version="9.1"), "SCHEMA_VERSION"),
    ("an XML in UTF-16", "siecle", eleves_xml(ELEVE, encoding="UTF-16"), "ENCODING"),
    ("an XML in UTF-7", "siecle", eleves_xml(ELEVE).replace(b"ISO-8859-15", b"UTF-7"), "ENCODING"),
    ("a CSV in UTF-16 without mark", "csv", leavers_csv(leaver()).decode().encode("utf-16-le"), "ENCODING"),
    ("a CSV in ISO-8859-15", "csv", leavers_csv(leaver()).decode().encode("iso-8859-15"), "ENCODING"),
    ("another header", "csv", leavers_csv(leaver()).replace(b"date_sortie", b"sortie", 1), "HEADER_UNKNOWN"),
    ("a bar as separator", "csv", leavers_csv(leaver()).replace(b";", b"|"), "HEADER_UNKNOWN"),
    ("46 columns throughout", "sifa", sifa_line()[:-1].encode(), "HEADER_UNKNOWN"),
    ("another establishment's CSV", "csv", leavers_csv(leaver(), leaver(uai=OTHER_UAI)), "OUT_OF_MANDATE"),
    ("another establishment's SIFA", "sifa", sifa_line(NUMERO_UAI=OTHER_UAI).encode(), "OUT_OF_MANDATE"),
    ("another establishment's SIECLE", "siecle", eleves_xml(ELEVE, uai=OTHER_UAI), "OUT_OF_MANDATE"),
]  # fmt: skip


@pytest.mark.parametrize(("list_format", "body", "rule"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_the_whole_file_is_refused(list_format: ListFormat, body: bytes, rule: str) -> None:
    with pytest.raises(ListRefused) as refused:
        inspect(io.BytesIO(body), list_format, UAI)
    assert refused.value.rule == rule
    assert RULES[rule].effect == "file"


@pytest.mark.parametrize(
    ("list_format", "body"),
    [("csv", leavers_csv(leaver())), ("sifa", sifa_line().encode()), ("siecle", eleves_xml(ELEVE)), ("siecle", GOOD_ZIP)],
    ids=["csv", "sifa", "siecle", "siecle zipped"],
)
def test_a_good_file_of_its_sender_passes(list_format: ListFormat, body: bytes) -> None:
    inspect(io.BytesIO(body), list_format, UAI)


def test_a_uai_that_is_none_is_only_its_lines_fault() -> None:
    inspect(io.BytesIO(leavers_csv(leaver(), leaver(uai="0440074X"), leaver(uai=""))), "csv", UAI)


def test_deflated_bytes_that_are_no_archive_are_no_list() -> None:
    with pytest.raises(ListRefused, match="TYPE_MISMATCH"):
        inspect(io.BytesIO(zlib.compress(b"x" * 100)), "siecle", UAI)
