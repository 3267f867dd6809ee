"""CSV of an establishment, with a documented header: leavers reported, or late enrolments.

The separator is the header's, `;`, `,` or tab, and the same in the whole file.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import BinaryIO, Literal

from intake.formats.cells import Adapter, Cells, Fault, GuardianCells, ListRefused, RawLine
from intake.formats.text import LineFault, check_text, cut, physical_lines, records

LEAVERS = (
    "uai", "ine", "nom", "prenom", "date_naissance", "commune_naissance", "sexe", "telephone", "courriel", "adresse", "code_postal",
    "commune_residence", "representant_nom", "representant_prenom", "representant_telephone", "representant_courriel", "formation",
    "diplome_obtenu", "date_entree", "date_sortie", "motif_sortie",
)  # fmt: skip
ENROLMENTS = ("uai", "ine", "nom", "prenom", "date_naissance", "commune_naissance", "formation", "date_entree", "date_sortie")
KINDS: dict[tuple[str, ...], Literal["leaver", "enrolment"]] = {LEAVERS: "leaver", ENROLMENTS: "enrolment"}

COLUMNS = {
    "family_name": "nom", "first_names": "prenom", "birth_date": "date_naissance", "birth_commune": "commune_naissance",
    "phones": "telephone", "email": "courriel", "postcode": "code_postal", "entry_date": "date_entree", "exit_date": "date_sortie",
    "guardian_phones": "representant_telephone", "guardian_email": "representant_courriel", "diploma": "diplome_obtenu",
}  # fmt: skip

SEPARATORS = (";", ",", "\t")
SEPARATOR_TOLD = re.compile(r"sep=.")
"""How a spreadsheet is told the separator, in a line before the header."""

FRENCH = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)


def read(body: BinaryIO) -> Iterator[RawLine]:
    """Every line after the header.

    Raises:
        ListRefused: EMPTY_LIST, TYPE_MISMATCH, ENCODING, HEADER_UNKNOWN or SEPARATOR_MIXED.
    """
    check_text(body)
    lines = physical_lines(body)
    _, first = next(lines)
    if SEPARATOR_TOLD.fullmatch(first):
        _, first = next(lines, (0, ""))
    separator, header = _header_of(first)
    number = 0
    for number, line in records(lines, separator, len(header)):
        yield _line(number, line, separator, header)
    if not number:
        raise ListRefused("EMPTY_LIST")


def _header_of(line: str) -> tuple[str, tuple[str, ...]]:
    for separator in SEPARATORS:
        header = tuple(name.strip().strip('"') for name in line.split(separator))
        if header in KINDS:
            return separator, header
    raise ListRefused("HEADER_UNKNOWN")


def _line(number: int, line: str, separator: str, header: tuple[str, ...]) -> RawLine:
    try:
        named = dict(zip(header, cut(line, separator, len(header), quoted=True), strict=True))
    except LineFault as fault:
        if _is_of_another(line, separator, len(header)):
            raise ListRefused("SEPARATOR_MIXED") from None
        return Fault(line=number, rule=fault.rule)
    return leaver_of(number, named) if KINDS[header] == "leaver" else _enrolment(number, named)


def _is_of_another(line: str, separator: str, columns: int) -> bool:
    """Is it a whole record by another separator? Not where the declared one stands in it: then it is a faulty line of this file."""
    return separator not in line and any(_cuts(line, other, columns) for other in SEPARATORS if other != separator)


def _cuts(line: str, separator: str, columns: int) -> bool:
    try:
        cut(line, separator, columns, quoted=True)
    except LineFault:
        return False
    return True


def leaver_of(number: int, named: dict[str, str]) -> Cells:
    guardian = GuardianCells(
        family_name=named["representant_nom"],
        first_name=named["representant_prenom"],
        phones=_present(named["representant_telephone"]),
        email=named["representant_courriel"],
    )
    return Cells(
        line=number, kind="leaver", uai=named["uai"], ine=named["ine"], family_name=named["nom"], first_names=_present(named["prenom"]),
        birth_date=named["date_naissance"], birth_commune=named["commune_naissance"], sex=named["sexe"],
        phones=_present(named["telephone"]), email=named["courriel"], address=_present(*named["adresse"].split("\n")),
        postcode=named["code_postal"], commune=named["commune_residence"], guardians=(guardian,) if guardian.family_name else (),
        formation=named["formation"], diploma=named["diplome_obtenu"], entry_date=named["date_entree"],
        exit_date=named["date_sortie"], motive=named["motif_sortie"],
    )  # fmt: skip


def _enrolment(number: int, named: dict[str, str]) -> Cells:
    return Cells(
        line=number, kind="enrolment", uai=named["uai"], ine=named["ine"], family_name=named["nom"],
        first_names=_present(named["prenom"]), birth_date=named["date_naissance"], birth_commune=named["commune_naissance"],
        formation=named["formation"], entry_date=named["date_entree"], exit_date=named["date_sortie"],
    )  # fmt: skip


def _present(*cells: str) -> tuple[str, ...]:
    return tuple(cell for cell in cells if cell)


def date_of(cell: str) -> date:
    """ISO 8601 or DD/MM/YYYY, nothing else.

    Raises:
        ValueError: neither, or no such day.
    """
    if french := FRENCH.fullmatch(cell):
        return date(int(french[3]), int(french[2]), int(french[1]))
    if ISO.fullmatch(cell):
        return date.fromisoformat(cell)
    raise ValueError("not a date of this format")


ADAPTER = Adapter(
    name="csv", about=frozenset({"leaver", "enrolment"}), content_type="text/csv", read=read, date_of=date_of, columns=COLUMNS
)
