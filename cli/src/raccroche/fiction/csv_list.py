"""Writes a list as CSV: `;`, UTF-8, the documented header; quotes only where a cell needs them, as a school's export does."""

import csv
import io
from collections.abc import Sequence
from datetime import date

from raccroche.fiction.identifiers import spaced
from raccroche.fiction.lines import Line
from raccroche.fiction.vocabulary import Dirt

LEAVERS_HEADER = (
    "uai;ine;nom;prenom;date_naissance;commune_naissance;sexe;telephone;courriel;adresse;code_postal;commune_residence;"
    "representant_nom;representant_prenom;representant_telephone;representant_courriel;formation;diplome_obtenu;date_entree;"
    "date_sortie;motif_sortie"
)
ENROLMENTS_HEADER = "uai;ine;nom;prenom;date_naissance;commune_naissance;formation;date_entree;date_sortie"


def leavers_csv(lines: Sequence[Line]) -> bytes:
    """With the byte order mark, CRLF and French dates of a spreadsheet."""
    rows = [_record(_leaver_cells(line), line.broken) for line in lines]
    return ("\ufeff" + "".join(f"{row}\r\n" for row in (LEAVERS_HEADER, *rows))).encode()


def enrolments_csv(lines: Sequence[Line]) -> bytes:
    """Without mark, LF and ISO dates, as a program writes."""
    rows = [_record(_enrolment_cells(line), line.broken) for line in lines]
    return "".join(f"{row}\n" for row in (ENROLMENTS_HEADER, *rows)).encode()


def _leaver_cells(line: Line) -> list[str]:
    return [
        line.uai, line.ine, line.family_name, line.first_name, _french(line.birth_date), line.birth_commune, line.sex,
        _as_typed(line.phone), line.email, f"{line.address}; {line.commune}" if line.sex == "2" else line.address, line.postcode,
        line.commune, line.guardian_family_name, line.guardian_first_name, _as_typed(line.guardian_phone), line.guardian_email,
        line.formation, line.diploma, _french(line.entry), _french(line.exit), line.motive,
    ]  # fmt: skip


def _enrolment_cells(line: Line) -> list[str]:
    return [
        line.uai, line.ine, line.family_name, line.first_name, _iso(line.birth_date), line.birth_commune, line.formation,
        _iso(line.entry), _iso(line.exit),
    ]  # fmt: skip


def _record(cells: list[str], broken: Dirt) -> str:
    if broken is Dirt.TOO_FEW_COLUMNS:
        cells = cells[:-2] + cells[-1:]
    if broken is Dirt.TOO_MANY_COLUMNS:
        cells = [*cells, "x"]
    if broken is Dirt.OPEN_QUOTE:
        return ";".join([*cells[:2], '"' + cells[2], *(cell.replace(";", ",") for cell in cells[3:])])
    written = io.StringIO()
    csv.writer(written, delimiter=";", lineterminator="").writerow(cells)
    return written.getvalue()


def _as_typed(phone: str) -> str:
    """Half of the numbers with spaces, by their last digit."""
    return spaced(phone) if len(phone) == 10 and int(phone[-1]) % 2 else phone


def _french(day: date | str | None) -> str:
    if isinstance(day, str):
        year, month, number = day.split("-")
        return f"{number}/{month}/{year}"
    return day.strftime("%d/%m/%Y") if day else ""


def _iso(day: date | str | None) -> str:
    return day.isoformat() if isinstance(day, date) else day or ""
