"""The leavers of a cross-match as the body of a list: our CSV of leavers, one line for each enrolment that ended."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from intake.campaign.matching import Row
from intake.formats.csv_list import LEAVERS

AT_ONCE = 5000
BREAKS = re.compile(r"[\r\n]+")


def body_of(rows: Iterable[Row], low: frozenset[str]) -> Iterator[bytes]:
    """The list, piece by piece. low: the diplomas that do not reach the level; of several, the one that decides is told."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, LEAVERS, restval="", delimiter=";", lineterminator="\n")
    writer.writeheader()
    for number, row in enumerate(rows, start=1):
        writer.writerow(_line(row, low))
        if number % AT_ONCE == 0:
            yield _taken(text)
    yield _taken(text)


def _line(row: Row, low: frozenset[str]) -> dict[str, str]:
    _, uai, ine, family, first, birth, commune, formation, entry, left, diplomas = row
    cells = {
        "uai": uai, "ine": ine, "nom": family, "prenom": first, "date_naissance": birth, "commune_naissance": commune,
        "formation": formation, "diplome_obtenu": _told(diplomas, low), "date_entree": entry, "date_sortie": left,
    }  # fmt: skip
    return {name: BREAKS.sub(" ", cell or "") for name, cell in cells.items()}


def _told(diplomas: Sequence[str], low: frozenset[str]) -> str:
    return max(diplomas, key=lambda code: (code not in low, code), default="")


def _taken(text: io.StringIO) -> bytes:
    said = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return said
