"""SIFA: the census of apprentices on 31 December, 47 columns in a fixed order, `|` or `;`, no header, no quotes (DOMAIN 6.2).

It brings enrolments. HANDI, NATIO, PCS, the guardians' and the employer's columns are cut away here; the young person's own coordinates
are checked for the sender's sake, and not kept with an enrolment. A broken contract (DATE_RUPT_CONT) does not end the training, so it
ends no enrolment.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import BinaryIO

from intake.formats.cells import MIB, Adapter, Cells, Fault, ListRefused, RawLine
from intake.formats.text import LineFault, check_text, cut, physical_lines

ORDER = (
    "INE_RNIE", "NUMERO_UAI", "TYPE_CFA", "SIT_FORM", "UAI_EPLE", "NAT_STR_JUR", "STATUT", "DIPLOME", "RNCP", "DUR_FORM_THEO",
    "DUR_FORM_REELLE", "AN_FORM", "NOM", "NOM2", "PRENOM1", "PRENOM2", "PRENOM3", "ADRESSE", "COD_POST", "COM_RESID", "TEL_JEUNE",
    "TEL_RESP1_PERSO", "TEL_RESP1_PRO", "TEL_RESP2_PERSO", "TEL_RESP2_PRO", "MAIL_JEUNE", "MAIL_RESP1", "MAIL_RESP2", "DATE_NAIS",
    "LIEU_NAIS", "SEXE", "REGIME_SCO", "PCS", "HANDI", "NATIO", "SIT_AV_APP", "DIP_OBT", "SIT_N_1", "ETAB_N_1", "TYPE_EMP",
    "DATE_ENTREE_CFA", "DATE_DEB_CONT", "DATE_RUPT_CONT", "COM_ETAB", "NAF_ETAB", "NBSAL_EMP", "SIRET_EMP",
)  # fmt: skip
PLACE = {name: place for place, name in enumerate(ORDER)}
SEPARATORS = ("|", ";")

COLUMNS = {
    "uai": "NUMERO_UAI", "ine": "INE_RNIE", "family_name": "NOM", "usage_name": "NOM2", "first_names": "PRENOM1",
    "birth_date": "DATE_NAIS", "birth_commune": "LIEU_NAIS", "phones": "TEL_JEUNE", "email": "MAIL_JEUNE", "postcode": "COD_POST",
    "entry_date": "DATE_ENTREE_CFA", "diploma": "DIP_OBT",
}  # fmt: skip

DAY = re.compile(r"(\d{2})(\d{2})(\d{4})", re.ASCII)


def read(body: BinaryIO) -> Iterator[RawLine]:
    """Every line of the census.

    Raises:
        ListRefused: EMPTY_LIST, TYPE_MISMATCH, ENCODING or HEADER_UNKNOWN (no line has the 47 columns).
    """
    check_text(body)
    separator = _separator(body)
    for number, line in physical_lines(body):
        yield _line(number, line, separator)


def _separator(body: BinaryIO) -> str:
    """That of the first line which has the 47 columns, and so of all."""
    for _, line in physical_lines(body):
        for separator in SEPARATORS:
            if line.count(separator) == len(ORDER) - 1:
                return separator
    raise ListRefused("HEADER_UNKNOWN")


def _line(number: int, line: str, separator: str) -> RawLine:
    try:
        cells = cut(line, separator, len(ORDER), quoted=False)
    except LineFault as fault:
        return Fault(line=number, rule=fault.rule)

    def cell(name: str) -> str:
        return cells[PLACE[name]]

    return Cells(
        line=number,
        kind="enrolment",
        uai=cell("NUMERO_UAI"),
        ine=cell("INE_RNIE"),
        family_name=cell("NOM"),
        usage_name=cell("NOM2"),
        first_names=tuple(name for name in (cell("PRENOM1"), cell("PRENOM2"), cell("PRENOM3")) if name),
        birth_date=cell("DATE_NAIS"),
        birth_commune=cell("LIEU_NAIS"),
        sex=cell("SEXE"),
        phones=(phone,) if (phone := cell("TEL_JEUNE")) else (),
        email=cell("MAIL_JEUNE"),
        postcode=cell("COD_POST"),
        formation=cell("DIPLOME") or cell("RNCP"),
        diploma=cell("DIP_OBT"),
        entry_date=cell("DATE_ENTREE_CFA") or cell("DATE_DEB_CONT"),
    )


def date_of(cell: str) -> date:
    """JJMMAAAA.

    Raises:
        ValueError: not so, or no such day.
    """
    if day := DAY.fullmatch(cell):
        return date(int(day[3]), int(day[2]), int(day[1]))
    raise ValueError("not a date of this format")


ADAPTER = Adapter(
    name="sifa", about=frozenset({"enrolment"}), content_type="text/plain", read=read, date_of=date_of, columns=COLUMNS,
    body_limit=512 * MIB,
)  # fmt: skip
