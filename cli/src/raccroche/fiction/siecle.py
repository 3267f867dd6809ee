"""Writes pupils and guardians as SIECLE exports them: two XML files in ISO-8859-15, in one zip (DOMAIN 6.1)."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import starmap
from xml.sax.saxutils import escape

from raccroche.fiction.lines import Line
from raccroche.fiction.names import folded
from raccroche.fiction.vocabulary import LEAVERS_DAY

_PROLOGUE = '<?xml version="1.0" encoding="ISO-8859-15"?>\n'
_EPOCH = (2026, 1, 31, 8, 0, 0)


def siecle_zip(lines: Sequence[Line], uai: str) -> bytes:
    """The pair that a list needs: coordinates of guardians stand in the second file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            ("ElevesAvecAdresses.xml", eleves_xml(lines, uai)),
            ("ResponsablesAvecAdresses.xml", responsables_xml(lines, uai)),
        ):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text.encode("iso-8859-15"), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def eleves_xml(lines: Sequence[Line], uai: str) -> str:
    numbers = _numbers(lines)
    by_key = {line.key: line for line in lines}
    return "".join((
        _PROLOGUE, '<BEE_ELEVES VERSION="3.0">\n', _parameters(uai), "<DONNEES>\n<ELEVES>\n",
        *(_eleve(line, numbers[line.key]) for line in lines),
        "</ELEVES>\n<STRUCTURES>\n",
        *(_structure(line, numbers[key]) for key, line in by_key.items()),
        "</STRUCTURES>\n<ADRESSES>\n",
        *(_address(line, numbers[key], "") for key, line in by_key.items()),
        "</ADRESSES>\n</DONNEES>\n</BEE_ELEVES>\n",
    ))  # fmt: skip


def responsables_xml(lines: Sequence[Line], uai: str) -> str:
    by_key = {line.key: line for line in lines}
    numbered = [(line, number) for (_, number), line in zip(_numbers(lines).items(), by_key.values(), strict=True)]
    return "".join((
        _PROLOGUE, '<BEE_RESPONSABLES VERSION="3.0">\n', _parameters(uai), "<DONNEES>\n<PERSONNES>\n",
        *starmap(_guardian, numbered),
        "</PERSONNES>\n<ADRESSES>\n",
        *(_address(line, number, "9") for line, number in numbered),
        "</ADRESSES>\n<RESPONSABLES>\n",
        *(_bond(number) for _, number in numbered),
        "</RESPONSABLES>\n</DONNEES>\n</BEE_RESPONSABLES>\n",
    ))  # fmt: skip


def _numbers(lines: Sequence[Line]) -> dict[str, int]:
    """ELEVE_ID is a join key of this export only; a line that stands twice keeps its number."""
    numbers: dict[str, int] = {}
    for line in lines:
        numbers.setdefault(line.key, 100_001 + len(numbers))
    return numbers


def _elements(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    return (f"<{name}>{escape(text)}</{name}>" for name, text in pairs if text)


def _parameters(uai: str) -> str:
    day = LEAVERS_DAY.strftime("%d/%m/%Y")
    pairs = (("UAJ", uai), ("ANNEE_SCOLAIRE", "2025"), ("DATE_EXPORT", day), ("HORODATAGE", f"{day} 08:00:00"))
    return f"<PARAMETRES>{''.join(_elements(pairs))}</PARAMETRES>\n"


def _eleve(line: Line, number: int) -> str:
    rnie = line.ine if line.ine[-2:].isalpha() else ""
    left = bool(line.exit)
    pairs = (
        ("ID_NATIONAL", line.ine), ("INE_RNIE", rnie), ("INE_BEA", "" if rnie else line.ine), ("ELENOET", str(number % 10_000)),
        ("NOM_DE_FAMILLE", folded(line.family_name)), ("PRENOM", line.first_name), ("DATE_NAISS", _day(line.birth_date)),
        ("DOUBLEMENT", "0"), ("CODE_REGIME", "0"), ("DATE_ENTREE", _day(line.entry)), ("DATE_SORTIE", _day(line.exit)),
        ("CODE_MOTIF_SORTIE", line.motive if left else ""), ("CODE_SEXE", line.sex), ("CODE_PAYS", "100"),
        ("CODE_DEPARTEMENT_NAISS", f"0{line.birth_commune[:2]}"), ("CODE_COMMUNE_INSEE_NAISS", line.birth_commune),
        ("CODE_MEF", line.formation), ("CODE_STATUT", "ST"), ("ADRESSE_ID", str(number)),
    )  # fmt: skip
    return f'<ELEVE ELEVE_ID="{number}" ELENOET="{number % 10_000}">{"".join(_elements(pairs))}</ELEVE>\n'


def _structure(line: Line, number: int) -> str:
    division = "Inactifs" if line.exit else "1CAP"
    return (
        f'<STRUCTURES_ELEVE ELEVE_ID="{number}"><STRUCTURE><CODE_STRUCTURE>{division}</CODE_STRUCTURE>'
        "<TYPE_STRUCTURE>D</TYPE_STRUCTURE></STRUCTURE></STRUCTURES_ELEVE>\n"
    )


def _address(line: Line, number: int, prefix: str) -> str:
    pairs = (
        ("LIGNE1_ADRESSE", line.address), ("CODE_POSTAL", line.postcode), ("LIBELLE_POSTAL", line.commune.upper()), ("CODE_PAYS", "100"),
    )  # fmt: skip
    return f'<ADRESSE ADRESSE_ID="{prefix}{number}">{"".join(_elements(pairs))}</ADRESSE>\n'


def _guardian(line: Line, number: int) -> str:
    pairs = (
        ("NOM_DE_FAMILLE", folded(line.guardian_family_name)), ("PRENOM", line.guardian_first_name), ("LC_CIVILITE", "MME"),
        ("TEL_PERSONNEL", line.guardian_phone), ("MEL", line.guardian_email), ("ADRESSE_ID", f"9{number}"),
    )  # fmt: skip
    return f'<PERSONNE PERSONNE_ID="7{number}">{"".join(_elements(pairs))}</PERSONNE>\n'


def _bond(number: int) -> str:
    pairs = (
        ("ELEVE_ID", str(number)), ("PERSONNE_ID", f"7{number}"), ("NIVEAU_RESPONSABILITE", "1"), ("CODE_PARENTE", "1"),
        ("A_CONTACTER_EN_PRIORITE", "1"), ("HEBERGE_ELEVE", "1"),
    )  # fmt: skip
    return f"<RESPONSABLE_ELEVE>{''.join(_elements(pairs))}</RESPONSABLE_ELEVE>\n"


def _day(day: date | str | None) -> str:
    if isinstance(day, str):
        year, month, number = day.split("-")
        return f"{number}/{month}/{year}"
    return day.strftime("%d/%m/%Y") if day else ""
