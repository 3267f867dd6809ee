"""What senders really send, by the numbers of the project's catalogue of bad inputs (A files, B spreadsheets, C XML and JSON, D content).

Each row is an input, its format, and what it must end as: `file RULE` for a file that is refused whole, else one word for each line: its
verdict and the rules that it breaks. What needs a database or a request stands in test_bad_inputs_on_postgresql.py and is named here.
"""

import ast
import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from bad_input_words import (
    EICAR,
    GOOD_ZIP,
    SIGNED,
    XXE,
    Case,
    address,
    email_of,
    flagged,
    json_lines,
    lines,
    one,
    outcome,
    packed_by,
    phones,
    raw_value,
    refused,
    rows,
    said,
    struck,
    twice_named,
    workbook,
)
from intake_specimens import (
    ELEVE,
    OTHER_UAI,
    REFERENCE,
    RESPONSABLES,
    eleves_xml,
    enrolment,
    enrolments_csv,
    leaver,
    leavers_csv,
    sifa_line,
    zipped,
)

from intake.formats import ADAPTERS
from intake.formats.csv_list import LEAVERS
from intake.formats.text import lines_of
from intake.record import Record, Rejected
from intake.rules import RULES
from intake.validation import validated
from intake.verdicts import row

CATALOGUE = {
    "A": {1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 15, 16, 18},
    "B": {19, 20, 21, 23, 24, 26, 27, 29, 30, 31, 32},
    "C": {34, 35, 38, 39, 40, 41, 43, 45, 46, 48, 49, 50},
    "D": {51, 54, 55, 56, 58, 59, 61, 62, 63, 64, 65, 67, 68, 69},
}


FILES = [
    refused(1, "an empty file", b"", "EMPTY_LIST"),
    refused(1, "a header alone", leavers_csv(), "EMPTY_LIST"),
    refused(1, "blank lines", b"\r\n\r\n", "EMPTY_LIST", "sifa"),
    refused(1, "no pupil", eleves_xml(), "EMPTY_LIST", "siecle"),
    refused(1, "no JSON line", b"\n\n", "EMPTY_LIST", "jsonl"),
    refused(2, "one line more than a list may have", b"\n".join([sifa_line().encode(), *[b"x"] * 200_000]), "TOO_MANY_LINES", "sifa"),
    refused(3, "a dense archive", zipped(e=eleves_xml(ELEVE) + b" " * 5_000_000), "ARCHIVE_RATIO", "siecle"),
    refused(3, "an archive in an archive", zipped(inner=GOOD_ZIP), "ARCHIVE_RATIO", "siecle"),
    refused(3, "65 files", zipped(**{f"e{n}": b"<x/>" for n in range(65)}), "ARCHIVE_RATIO", "siecle"),
    refused(6, "a workbook named csv", workbook(), "TYPE_MISMATCH"),
    refused(6, "a page named csv", b"<HTML><body>uai;ine</body></HTML>", "TYPE_MISMATCH"),
    refused(6, "a table named csv, as some tools export it", b"\xef\xbb\xbf \n<table><tr><td>uai</td></tr></table>", "TYPE_MISMATCH"),
    refused(6, "a PDF named csv", b"%PDF-1.7 ...", "TYPE_MISMATCH"),
    refused(6, "an old workbook named csv", b"\xd0\xcf\x11\xe0" + bytes(600), "TYPE_MISMATCH"),
    refused(6, "Parquet named csv", b"PAR1" + bytes(60), "TYPE_MISMATCH"),
    refused(6, "a JSON named csv", json_lines(said()), "TYPE_MISMATCH"),
    refused(6, "a CSV named jsonl", leavers_csv(leaver()), "TYPE_MISMATCH", "jsonl"),
    refused(6, "a CSV named siecle", leavers_csv(leaver()), "TYPE_MISMATCH", "siecle"),
    refused(6, "a workbook named siecle", workbook(), "TYPE_MISMATCH", "siecle"),
    refused(6, "another XML named siecle", b"<?xml version='1.0'?><svg/>", "TYPE_MISMATCH", "siecle"),
    refused(6, "a format that nobody knows", leavers_csv(leaver()), "FORMAT_UNKNOWN", "dbase"),
    refused(7, "a truncated archive", GOOD_ZIP[:-40], "ARCHIVE_BROKEN", "siecle"),
    refused(7, "a wrong CRC", struck(GOOD_ZIP), "ARCHIVE_BROKEN", "siecle"),
    refused(7, "a password", flagged(GOOD_ZIP), "ARCHIVE_BROKEN", "siecle"),
    refused(7, "packed by bzip2", packed_by(zipfile.ZIP_BZIP2), "ARCHIVE_BROKEN", "siecle"),
    refused(7, "packed by LZMA", packed_by(zipfile.ZIP_LZMA), "ARCHIVE_BROKEN", "siecle"),
    refused(7, "one name twice", twice_named(), "ARCHIVE_BROKEN", "siecle"),
    refused(12, "another establishment's", leavers_csv(leaver(), leaver(uai=OTHER_UAI)), "OUT_OF_MANDATE"),
    refused(12, "another establishment's census", sifa_line(NUMERO_UAI=OTHER_UAI).encode(), "OUT_OF_MANDATE", "sifa"),
    refused(12, "another establishment's pupils", eleves_xml(ELEVE, uai=OTHER_UAI), "OUT_OF_MANDATE", "siecle"),
    refused(12, "another establishment's JSON", json_lines(said(uai=OTHER_UAI)), "OUT_OF_MANDATE", "jsonl"),
    refused(16, "what every scanner finds", EICAR, "MALWARE"),
    refused(16, "the same in an archive", zipped(e=EICAR), "MALWARE", "siecle"),
    refused(16, "the same over the edge of a piece", zipped(e=(bytes(range(1, 256)) * 257)[: (1 << 16) - 40] + EICAR), "MALWARE", "siecle"),
    refused(16, "a workbook with macros named csv", workbook(**{"xl/vbaProject.bin": b"x"}), "MALWARE"),
    refused(16, "a workbook with macros named siecle", workbook(**{"xl/vbaProject.bin": b"x"}), "MALWARE", "siecle"),
    refused(16, "a workbook with a macro sheet", workbook(**{"xl/macrosheets/sheet1.xml": b"<x/>"}), "MALWARE", "siecle"),
    refused(16, "a workbook with an embedded object", workbook(**{"xl/embeddings/oleObject1.bin": b"x"}), "MALWARE"),
    refused(16, "an old workbook with macros", b"\xd0\xcf\x11\xe0" + bytes(70_000) + "_VBA_PROJECT".encode("utf-16-le"), "MALWARE"),
]


WITH_BREAK = rows(leaver(adresse='"3 rue\n\ndes Essais"'), leaver(nom="ARBELIN"))


SPREADSHEETS = [
    lines(19, "commas", rows(leaver(), separator=",").encode(), "accepted"),
    lines(19, "tabs", rows(leaver(), separator="\t").encode(), "accepted"),
    lines(19, "a spreadsheet's own line for the separator", ("sep=;\n" + rows(leaver())).encode(), "accepted"),
    lines(19, "a comma in a quoted cell", rows(leaver(adresse='"3, rue"'), separator=",").encode(), "accepted",
          kept=lambda found: address(found) == ("3, rue",)),
    lines(19, "enrolments with commas", enrolments_csv(enrolment()).replace(b";", b","), "accepted"),
    refused(19, "a separator that changes", rows(leaver(), header=";".join(LEAVERS), separator=",").encode(), "SEPARATOR_MIXED"),
    refused(19, "a separator that changes in the middle", (rows(leaver()) + ",".join(leaver().values())).encode(), "SEPARATOR_MIXED"),
    refused(19, "bars", rows(leaver(), separator="|").encode(), "HEADER_UNKNOWN"),
    refused(20, "undeclared ISO-8859-15", rows(leaver()).encode("iso-8859-15"), "ENCODING"),
    refused(20, "declared UTF-8 and none", rows(leaver()).encode("iso-8859-15"), "ENCODING", charset="utf-8"),
    refused(20, "undeclared ISO-8859-15 in a census", sifa_line(PRENOM1="MAÏA").encode("iso-8859-15"), "ENCODING", "sifa"),
    refused(20, "undeclared cp1252 in JSON", json_lines(said(nom="HERE")).replace(b"HERE", b"\xc9"), "ENCODING", "jsonl"),
    refused(20, "another encoding declared", rows(leaver()).encode(), "ENCODING", charset="ebcdic-cp-fr"),
    refused(20, "a byte that cp1252 does not have", rows(leaver(nom="DUV\x81")).encode("iso-8859-1"), "ENCODING", charset="windows-1252"),
    refused(20, "UTF-16 without a mark", rows(leaver()).encode("utf-16-le"), "ENCODING"),
    refused(20, "UTF-16 cut in a character", rows(leaver()).encode("utf-16")[:-1], "ENCODING"),
    lines(20, "declared ISO-8859-15", rows(leaver(nom="LEŒUVRÉ")).encode("iso-8859-15"), "accepted", charset="iso-8859-15",
          kept=lambda found: found.identity.family_name == "LEŒUVRÉ"),
    lines(20, "declared cp1252", rows(leaver(nom="D’ŒUVRÉ")).encode("cp1252"), "accepted", charset="Windows-1252",
          kept=lambda found: found.identity.family_name == "D’ŒUVRÉ"),
    lines(20, "UTF-16 with its mark", rows(leaver()).encode("utf-16"), "accepted", kept=lambda found: found.identity.first_names == ("Maïa",)),
    lines(20, "a declared census", sifa_line(PRENOM1="MAÏA").encode("iso-8859-15"), "accepted", list_format="sifa", charset="iso-8859-15"),
    lines(20, "the wrong one of two declared", rows(leaver(nom="D’UVAL")).encode("cp1252"), "rejected CONTROL_CHAR", charset="iso-8859-15"),
    lines(21, "a byte order mark", b"\xef\xbb\xbf" + leavers_csv(leaver()), "accepted"),
    lines(21, "a byte order mark in JSON", b"\xef\xbb\xbf" + json_lines(said()), "accepted", list_format="jsonl"),
    lines(23, "a cell beyond the csv module's limit", leavers_csv(leaver(nom='"' + "D" * 140_000 + '"'), leaver()),
          "rejected CELL_TOO_LONG", "accepted"),
    lines(23, "a line beyond ours", leavers_csv(leaver(nom="D" * 300_000), leaver()), "rejected CELL_TOO_LONG", "accepted"),
    lines(23, "a long text in a pupil", eleves_xml(ELEVE.replace("Maïa", "M" * 5000)), "rejected CELL_TOO_LONG", list_format="siecle"),
    one(24, "NUL", "rejected CONTROL_CHAR", nom="DUVAL\x00LON"),
    lines(24, "NUL in JSON", json_lines(said(nom="DUVAL\x00"), said()), "rejected BAD_JSON", "accepted", list_format="jsonl"),
    lines(24, "an escape in JSON", json_lines(said(nom="DUV\x1bAL"), said()), "rejected CONTROL_CHAR", "accepted", list_format="jsonl"),
    lines(23, "a long text in JSON", json_lines(said(nom="D" * 4001), said()), "rejected CELL_TOO_LONG", "accepted", list_format="jsonl"),
    refused(24, "NUL in XML", eleves_xml(ELEVE.replace("DUVALLON", "DUVAL\x00")), "XML_BROKEN", "siecle"),
    lines(26, "a newline in quotes", WITH_BREAK.encode(), "accepted", "accepted"),
    lines(26, "only carriage returns", leavers_csv(leaver(), leaver()).replace(b"\r\n", b"\r"), "accepted", "accepted"),
    lines(26, "blank lines and no end", leavers_csv(leaver(), leaver()).replace(b"\r\n", b"\r\n\r\n").rstrip(), "accepted", "accepted"),
    lines(26, "a quote never closed", leavers_csv(leaver(nom='"DUVAL'), leaver(), leaver()),
          "rejected UNTERMINATED_QUOTE", "accepted", "accepted"),
    lines(26, "a quote never closed before one that is", leavers_csv(leaver(nom='"DUVAL'), leaver(), leaver(nom='"ARBELIN"')),
          "rejected UNTERMINATED_QUOTE", "accepted", "accepted"),
    lines(26, "two quotes that belong to no cell", leavers_csv(leaver(nom='"DUVAL'), leaver(), leaver(nom='ARBELIN"')),
          "rejected UNTERMINATED_QUOTE", "accepted", "rejected NAME_INVALID"),
    lines(26, "quotes over two lines that make no record", leavers_csv(leaver(), lines=('a;"b', 'c"')),
          "accepted", "rejected UNTERMINATED_QUOTE", "rejected COLUMN_COUNT"),
    one(27, "a formula as a name", "rejected NAME_INVALID", nom='=HYPERLINK("http://exemple.fr")'.replace('"', "")),
    one(27, "a full-width formula as a name", "rejected NAME_INVALID", nom="＝DUVAL"),
    one(27, "a function as a first name", "rejected NAME_INVALID", prenom="@SUM(A1)"),
    one(27, "a tab before a name", "rejected CONTROL_CHAR", nom="DUV\tAL"),
    one(27, "a formula as an address stays text", "accepted", lambda found: address(found) == ("-1+1",), adresse="-1+1"),
    one(27, "a phone may begin so", "accepted", lambda found: phones(found) == ("+33612345678",), telephone="+33 6 12 34 56 78"),
    one(29, "an INE as a rounded number", "rejected SPREADSHEET_MANGLED", ine="1.23457E+10"),
    one(29, "with a decimal comma", "rejected SPREADSHEET_MANGLED", ine="1,23457E+10"),
    one(29, "an INE with decimals", "rejected SPREADSHEET_MANGLED", ine="1234567890,00"),
    one(29, "a birth date as a serial number", "rejected SPREADSHEET_MANGLED", date_naissance="39582"),
    one(29, "with the time of day", "rejected SPREADSHEET_MANGLED", date_naissance="39582,5"),
    one(29, "that of somebody under 16", "not_kept", date_naissance="40910"),
    one(29, "an exit as a serial number", "rejected SPREADSHEET_MANGLED", date_sortie="45992"),
    lines(29, "a first zero lost in a census, under 16", sifa_line(DATE_NAIS="1012012").encode(), "not_kept", list_format="sifa"),
    one(30, "days first", "accepted", lambda found: found.identity.birth_date == date(2008, 4, 3), date_naissance="03/04/2008"),
    one(30, "ISO 8601", "accepted", lambda found: found.identity.birth_date == date(2009, 4, 3), date_naissance="2009-04-03"),
    one(30, "months first", "rejected BAD_DATE", date_naissance="04/13/2008"),
    one(30, "two digits", "rejected BAD_DATE", date_naissance="3/4/09"),
    one(30, "the year 9", "rejected BIRTH_DATE_IMPOSSIBLE", date_naissance="0009-04-03"),
    one(30, "the year 2109", "rejected BIRTH_DATE_IMPOSSIBLE", date_naissance="2109-04-03"),
    lines(30, "ISO 8601 in SIECLE", eleves_xml(ELEVE.replace("14/05/2008", "2008-05-14")), "rejected BAD_DATE", list_format="siecle"),
    *(one(31, f"a person named {name}", "accepted", lambda found, name=name: found.identity.family_name == name, nom=name)
      for name in ("Null", "NULL", "True", "Infinity", "Nan", "None")),
    *(one(31, f"{name} as a name", "rejected NAME_INVALID", nom=name) for name in ("N/A", "-", ".", "#N/A", "0")),
    refused(32, "a workbook that calls for another", workbook(**{"xl/externalLinks/externalLink1.xml": b"<x/>"}), "EXTERNAL_REFERENCE", "siecle"),
    refused(32, "a workbook with connections", workbook(**{"xl/connections.xml": b"<x/>"}), "EXTERNAL_REFERENCE", "siecle"),
    refused(32, "a workbook of a million empty rows", workbook(**{"xl/worksheets/sheet1.xml": b"<row/>" * 1_048_576}), "ARCHIVE_RATIO", "siecle"),
    refused(32, "a workbook with growing entities, in pieces", zipped(e=b"<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'aa'>]><l/>"),
            "DOCTYPE_REFUSED", "siecle"),
]  # fmt: skip


XML_AND_JSON = [
    *(lines(34, f"{value} as a number", json_lines(raw_value(value), said()), "rejected BAD_NUMBER", "accepted", list_format="jsonl")
      for value in ("NaN", "Infinity", "-Infinity", "1e999")),
    lines(35, "a key twice", json_lines('{"nom":"A","nom":"B"}', said()), "rejected DUPLICATE_KEY", "accepted", list_format="jsonl"),
    lines(38, "33 levels", json_lines(raw_value("[" * 32 + "]" * 32), said()), "rejected TOO_DEEP", "accepted", list_format="jsonl"),
    lines(38, "100,000 levels", json_lines("{" + '"a":[' * 40_000, said()), "rejected TOO_DEEP", "accepted", list_format="jsonl"),
    lines(38, "brackets in a text are none", json_lines(said(adresse="[" * 99)), "accepted", list_format="jsonl"),
    refused(38, "33 levels of XML", eleves_xml(ELEVE).replace(b"<DONNEES>", b"<DONNEES>" + b"<A>" * 31 + b"</A>" * 31), "XML_DEPTH", "siecle"),
    lines(38, "32 levels of XML", eleves_xml(ELEVE).replace(b"<DONNEES>", b"<DONNEES>" + b"<A>" * 30 + b"</A>" * 30), "accepted",
          list_format="siecle"),
    refused(38, "a tag with thousands of attributes", eleves_xml(ELEVE).replace(
        b"<DONNEES>", b"<DONNEES " + b" ".join(b'a%d="1"' % n for n in range(5000)) + b">"), "ELEMENT_TOO_LONG", "siecle"),
    refused(38, "a tag with a hundred", eleves_xml(ELEVE).replace(
        b"<DONNEES>", b"<DONNEES " + b" ".join(b'a%d="1"' % n for n in range(100)) + b">"), "SCHEMA_VERSION", "siecle"),
    lines(39, "2^63", json_lines(raw_value(str(2**63)), said()), "rejected BAD_NUMBER", "accepted", list_format="jsonl"),
    lines(39, "5,000 digits", json_lines(raw_value("9" * 5000), said()), "rejected BAD_NUMBER", "accepted", list_format="jsonl"),
    *(lines(40, f"{value} for a text", json_lines(raw_value(value), said()), "rejected WRONG_TYPE", "accepted", list_format="jsonl")
      for value in ("16", "true", "null", "[]", "{}", "1.5")),
    lines(41, "a field of ours that is no column", json_lines(said(stream_version="7"), said()), "rejected UNKNOWN_FIELD", "accepted",
          list_format="jsonl"),
    lines(41, "a field of power", json_lines(raw_value('"x","is_admin":true'), said()), "rejected UNKNOWN_FIELD", "accepted", list_format="jsonl"),
    one(43, "composed and decomposed are one", "accepted", lambda found: found.identity.family_name == "Benoît", nom="Benoi\u0302t"),
    one(43, "spaces that do not break", "accepted", lambda found: found.identity.family_name == "de Vallon", nom="de\u00a0\u202fVallon"),
    one(43, "what joins without a sign", "accepted", lambda found: found.identity.family_name == "Duvallon", nom="Du\u200d\u00advallon"),
    one(43, "a Cyrillic letter", "held CONFUSABLE_NAME", nom="Duvаllon"),
    one(43, "a Greek letter in a first name", "held CONFUSABLE_NAME", prenom="Μaïa"),
    one(43, "a full-width letter", "held CONFUSABLE_NAME", nom="Ｄuvallon"),
    one(43, "a fault comes before a doubt", "rejected BAD_DATE", nom="Duvаllon", date_sortie="x"),
    one(43, "under 16 comes before a doubt", "not_kept", nom="Duvаllon", date_naissance="2012-01-01"),
    one(43, "a Cyrillic letter beside a digit", "rejected NAME_INVALID", nom="Duvаll0n"),
    one(43, "another script throughout", "rejected NAME_INVALID", nom="Дювалон"),
    one(43, "ligatures of a printer", "accepted", lambda found: found.identity.family_name == "Griffin", nom="Griﬃn"),
    one(43, "œ and ’ are French", "accepted", lambda found: found.identity.family_name == "L’Œuvrard", nom="L’Œuvrard"),
    one(43, "a hyphen of a typesetter", "accepted", lambda found: found.identity.family_name == "Du-val", nom="Du\u2011val"),
    refused(45, "an entity of a file", eleves_xml(ELEVE, prologue=XXE.format("file:///etc/passwd")), "DOCTYPE_REFUSED", "siecle"),
    refused(45, "an entity of the network", eleves_xml(ELEVE, prologue=XXE.format("http://169.254.169.254/")), "DOCTYPE_REFUSED", "siecle"),
    refused(45, "an entity in an archive", zipped(e=eleves_xml(ELEVE, prologue=XXE.format("file:///etc/passwd"))), "DOCTYPE_REFUSED", "siecle"),
    refused(45, "an entity that nobody declared", eleves_xml(ELEVE.replace("DUVALLON", "&x;")), "XML_BROKEN", "siecle"),
    refused(45, "an entity hidden by UTF-16", eleves_xml(ELEVE, encoding="UTF-16", prologue=XXE.format("file:///x")), "ENCODING", "siecle"),
    refused(45, "an entity hidden by UTF-7", eleves_xml(ELEVE).replace(b"ISO-8859-15", b"UTF-7"), "ENCODING", "siecle"),
    refused(46, "an inclusion", eleves_xml(ELEVE.replace(
        "<PRENOM>", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/><PRENOM>')), "EXTERNAL_REFERENCE", "siecle"),
    refused(46, "an inclusion in what nobody reads", eleves_xml(ELEVE).replace(
        b"<DONNEES>", b'<DONNEES><A><i:include xmlns:i="http://www.w3.org/2001/XInclude" href="x"/></A>'), "EXTERNAL_REFERENCE", "siecle"),
    refused(46, "a schema elsewhere", eleves_xml(ELEVE).replace(
        b"<BEE_ELEVES ", b'<BEE_ELEVES xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:noNamespaceSchemaLocation="http://e.fr/s.xsd" '),
        "EXTERNAL_REFERENCE", "siecle"),
    refused(46, "a style sheet", eleves_xml(ELEVE, prologue='<?xml-stylesheet href="http://e.fr/s.xsl"?>'), "EXTERNAL_REFERENCE", "siecle"),
    refused(48, "a namespace", eleves_xml(ELEVE).replace(b"<BEE_ELEVES ", b'<BEE_ELEVES xmlns="urn:x" '), "SCHEMA_VERSION", "siecle"),
    refused(48, "a version that nobody has seen", eleves_xml(ELEVE, version="9.1"), "SCHEMA_VERSION", "siecle"),
    refused(48, "no version", eleves_xml(ELEVE).replace(b' VERSION="3.0"', b""), "SCHEMA_VERSION", "siecle"),
    refused(48, "pupils under another name", eleves_xml(ELEVE, ELEVE.replace("ELEVE ", "APPRENANT ").replace("/ELEVE>", "/APPRENANT>")),
            "SCHEMA_VERSION", "siecle"),
    refused(48, "pupils in lower case", eleves_xml(ELEVE, ELEVE.replace("ELEVE ", "eleve ").replace("/ELEVE>", "/eleve>")),
            "SCHEMA_VERSION", "siecle"),
    refused(48, "something unknown under the root", eleves_xml(ELEVE).replace(b"<DONNEES>", b"<DONNEES2/><DONNEES>"), "SCHEMA_VERSION", "siecle"),
    refused(48, "an unknown guardian", zipped(e=eleves_xml(ELEVE), r=RESPONSABLES.replace(b"PERSONNE PERS", b"TUTEUR PERS").replace(
        b"</PERSONNE>", b"</TUTEUR>")), "SCHEMA_VERSION", "siecle"),
    refused(48, "another header", leavers_csv(leaver()).replace(b"date_sortie", b"sortie", 1), "HEADER_UNKNOWN"),
    refused(49, "a signature", eleves_xml(ELEVE).replace(b"</BEE_ELEVES>", SIGNED.encode()), "SCHEMA_VERSION", "siecle"),
    lines(50, "a bad line among good ones", json_lines(said(), "{broken", said(nom="ARBELIN"), "[]", said(nom="")),
          "accepted", "rejected BAD_JSON", "accepted", "rejected BAD_JSON", "rejected MISSING_FIELD", list_format="jsonl"),
]  # fmt: skip


NAMES = ("O", "D'Arc", "d’Ormesson", "L’Haÿ-les-Roses", "LEBLANC", "Jean-Noël", "Ngọc", "Müller-Ångström", "St. Clair", "N" * 150)


NO_NAMES = ("DUVALL0N", "<script>", "Maïa😀", "J(ean)", "Paul;;"[:4] + "&", "N" * 201)


CONTENT = [
    one(51, "15 years and 364 days", "not_kept", date_naissance="2010-02-01"),
    one(51, "16 that day", "accepted", date_naissance="2010-01-31"),
    one(51, "whatever else is wrong", "not_kept", date_naissance="2012-01-01", nom="", date_sortie="x", ine="1E+9"),
    lines(51, "an enrolment", enrolments_csv(enrolment(date_naissance="2012-01-01")), "not_kept"),
    lines(51, "in JSON", json_lines(said(date_naissance="2012-01-01")), "not_kept", list_format="jsonl"),
    one(54, "born tomorrow", "rejected BIRTH_DATE_IMPOSSIBLE", date_naissance="2026-02-01"),
    one(54, "born when spreadsheets begin", "rejected BIRTH_DATE_IMPOSSIBLE", date_naissance="1900-01-01"),
    one(54, "an unknown day", "rejected BAD_DATE", date_naissance="00/00/2008"),
    one(54, "only a year", "rejected BAD_DATE", date_naissance="2008"),
    one(55, "no INE", "accepted", lambda found: found.identity.ine is None, ine=""),
    one(55, "lower case and spaces", "accepted", lambda found: found.identity.ine == "0123456789A", ine=" 0123 456789a"),
    one(55, "a form that is none", "accepted INE_MALFORMED", lambda found: found.identity.ine is None, ine="0123456789"),
    *(one(55, f"{ine} for want of one", "accepted INE_MALFORMED", lambda found: found.identity.ine is None, ine=ine)
      for ine in ("00000000000", "0000000000A", "1111111111b", "000000000AA", "0000A00000A")),
    one(59, "a wrong check letter", "rejected BAD_UAI", uai="0440074X"),
    one(59, "no département of France", "rejected BAD_UAI", uai="9990001U"),
    one(59, "a commune of birth that never was", "accepted COMMUNE_UNKNOWN", commune_naissance="44999"),
    one(61, "a postcode of another commune", "accepted POSTCODE_NOT_OF_COMMUNE", lambda found: found.departement == "44",
        commune_residence="13055", code_postal="75011"),
    one(61, "a postcode of the commune", "accepted", lambda found: found.departement == "13", commune_residence="13055", code_postal="13001"),
    one(62, "spaces", "accepted", lambda found: phones(found) == ("+33612345678",), telephone="06 12 34 56 78"),
    one(62, "Réunion", "accepted", lambda found: phones(found) == ("+262692001234",), telephone="+262692001234"),
    one(62, "Réunion by its prefix", "accepted", lambda found: phones(found) == ("+262692001234",), telephone="0692 00 12 34"),
    one(62, "two zeros", "accepted", lambda found: phones(found) == ("+33612345678",), telephone="0033612345678"),
    one(62, "a zero in brackets", "accepted", lambda found: phones(found) == ("+33612345678",), telephone="+33 (0)6 12 34 56 78"),
    one(62, "a lost zero", "accepted", lambda found: phones(found) == ("+33612345678",), telephone="612345678"),
    one(62, "premium", "accepted PHONE_INVALID", lambda found: phones(found) == (), telephone="0899 70 12 34"),
    *(one(62, f"two in a cell, by {sign!r}", "accepted", lambda found: phones(found) == ("+33612345678", "+33698765432"),
          telephone=f"06 12 34 56 78{sign}06.98.76.54.32") for sign in (" / ", ", ", " ou ", " et ", "|")),
    one(62, "one good and one bad", "accepted PHONE_INVALID", lambda found: phones(found) == ("+33612345678",), telephone="0612345678/12"),
    one(62, "slashes between digits", "accepted", lambda found: phones(found) == ("+33612345678",), telephone="06/12/34/56/78"),
    *(one(63, email, "accepted EMAIL_OF_ANOTHER", lambda found: email_of(found) is None, courriel=email)
      for email in ("ce.0440074S@ac-nantes.fr", "jean.duval@ac-nantes.fr", "secretariat@lycee.exemple.fr", "NOE@exemple.fr")),
    *(one(63, f"{email[:20]}…", "accepted EMAIL_INVALID", lambda found: email_of(found) is None, courriel=email)
      for email in ("a@b", "maïa@exemple.fr", "mаia@exemple.fr", "m" * 400 + "@exemple.fr", "a@b@c.fr", "<maia@exemple.fr>")),
    one(63, "a person's own", "accepted", lambda found: email_of(found) == "maia@exemple.fr", courriel="maia@exemple.fr"),
    *(one(64, text, "accepted FORBIDDEN_DATA", lambda found: found.motive is None, motif_sortie=text)
      for text in ("hospitalisée en psychiatrie", "MÈRE MALADE", "placée par l'ASE", "de nationalité inconnue", "incarcéré", "RQTH")),
    one(64, "free text", "accepted FREE_TEXT", lambda found: found.motive is None, motif_sortie="ne vient plus, on ne sait pas bien pourquoi, à revoir"),
    one(64, "a free text as a training", "accepted FREE_TEXT", lambda found: found.formation is None, formation="x" * 41),
    one(64, "a label", "accepted", lambda found: found.motive == "CHANGEMENT DE SITUATION", motif_sortie="CHANGEMENT DE SITUATION"),
    *(one(69, f"{name[:20]}", "accepted", lambda found, name=name: found.identity.family_name == name, nom=name) for name in NAMES),
    *(one(69, f"{name[:20]}", "rejected NAME_INVALID", nom=name) for name in NO_NAMES),
]  # fmt: skip


CASES = [*FILES, *SPREADSHEETS, *XML_AND_JSON, *CONTENT]


ELSEWHERE = {
    2: ["test_bad_inputs_on_postgresql.py::test_a_body_one_byte_over_the_limit_is_stopped_whatever_length_it_declares"],
    8: ["test_holding_on_postgresql.py::test_the_same_list_under_another_id_is_said_to_be_the_same_and_nothing_is_new",
        "test_reader_on_postgresql.py::test_sending_the_same_list_again_changes_nothing_and_another_body_is_refused"],
    10: ["test_holding_on_postgresql.py::test_an_older_list_after_a_newer_one_waits_and_nothing_of_it_is_a_fact"],
    11: ["test_holding.py::test_sixty_percent_smaller_or_five_times_larger_than_usual_is_held",
         "test_bad_inputs_on_postgresql.py::test_a_list_far_smaller_than_usual_is_held"],
    12: ["test_bad_inputs_on_postgresql.py::test_a_list_of_another_establishment_is_refused_and_that_is_recorded"],
    13: ["test_bad_inputs_on_postgresql.py::test_a_client_that_disconnects_leaves_no_list"],
    15: ["test_sending_on_postgresql.py::test_of_two_requests_for_one_list_the_later_writes_and_the_earlier_stops"],
    18: ["test_bad_inputs_on_postgresql.py::test_a_full_disk_is_507_and_nothing_of_the_body_or_of_a_list_remains"],
    20: ["test_bad_inputs_on_postgresql.py::test_the_encoding_that_a_request_declares_is_that_of_the_reader"],
    27: ["test_bad_inputs.py::test_no_cell_of_the_verdicts_is_a_formula"],
    34: ["test_bad_inputs_on_postgresql.py::test_a_report_that_is_not_strict_json_is_refused_with_its_rule"],
    41: ["test_bad_inputs_on_postgresql.py::test_a_report_of_wrong_types_or_unknown_fields_is_422"],
    55: ["test_bad_inputs_on_postgresql.py::test_an_ine_alone_joins_nobody"],
    56: ["test_bad_inputs_on_postgresql.py::test_an_ine_alone_joins_nobody"],
    58: ["test_bad_inputs_on_postgresql.py::test_homonyms_born_in_one_commune_are_two_persons_by_their_ine"],
    59: ["test_reference.py::test_a_line_is_told_what_the_reference_doubts"],
    65: ["test_reader_on_postgresql.py::test_an_earlier_enrolment_elsewhere_keeps_a_leaver_from_being_detected",
         "test_reader_on_postgresql.py::test_a_late_enrolment_withdraws_the_detection"],
    68: ["test_bad_inputs_on_postgresql.py::test_a_row_three_times_with_small_differences_is_one_person_and_a_conflict_is_told"],
}  # fmt: skip


NOT_HERE = {
    67: "no source gives a code for a death or a move abroad (SIECLE's motives are an open list), so no list can say it; a case is closed by hand",
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_bad_input_ends_as_the_catalogue_says(case: Case) -> None:
    found, read = outcome(case)
    assert found == case.expected
    if case.kept is not None:
        (*_, last) = read
        assert isinstance(last, Record) and case.kept(last)


@pytest.mark.parametrize("case", [case for case in CASES if case.expected[0].startswith("file ")], ids=str)
def test_what_refuses_a_file_is_a_rule_for_files(case: Case) -> None:
    assert RULES[case.expected[0].split()[1]].effect == "file"


def test_every_number_of_the_catalogue_has_its_case() -> None:
    told = {case.number for case in CASES} | ELSEWHERE.keys() | NOT_HERE.keys()
    assert told == set().union(*CATALOGUE.values())


def test_every_rule_is_broken_by_a_case_or_in_another_test() -> None:
    broken = {rule for case in CASES for words in case.expected for rule in words.split()[1:]}
    others = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name)
    assert [rule for rule in sorted(RULES.keys() - broken) if f'"{rule}"' not in others] == []


@pytest.mark.parametrize("name", sorted({name for names in ELSEWHERE.values() for name in names}))
def test_the_tests_that_are_named_here_exist(name: str) -> None:
    file, _, function = name.partition("::")
    tree = ast.parse((Path(__file__).parent / file).read_text())
    assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("cell", ["=1+1", "+33612345678", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\x00=1", "＝1+1", "＋1", "－1", "＠1"])
def test_no_cell_of_the_verdicts_is_a_formula(cell: str) -> None:
    assert row([cell, 'a "b"']) == f'"\'{cell}";"a ""b"""\r\n'


def test_the_line_numbers_are_an_editors_where_cells_hold_newlines() -> None:
    numbers = [raw.line for raw in lines_of(ADAPTERS["csv"], io.BytesIO(WITH_BREAK.encode()))]
    assert numbers == [2, 5]


def test_of_what_is_forbidden_nothing_lies_among_refused_cells() -> None:
    body = leavers_csv(leaver(nom="", motif_sortie="incarcéré", formation="x" * 41))
    line = validated(next(lines_of(ADAPTERS["csv"], io.BytesIO(body))), ADAPTERS["csv"], REFERENCE)
    assert isinstance(line, Rejected) and line.cells is not None
    assert (line.cells.motive, line.cells.formation, line.cells.first_names) == ("", "", ("Maïa",))
