"""SIFA: the census of apprentices on 31 December, 47 columns in a fixed order, `|` or `;`, no header, no quotes (DOMAIN 6.2).

It brings enrolments. HANDI, NATIO, PCS, the guardians' and the employer's columns are cut away here; the young person's own coordinates
are checked for the sender's sake, and not kept with an enrolment; so are the rest (`sifa_controls.py`). A broken contract (DATE_RUPT_CONT)
does not end the training, so it ends no enrolment.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import BinaryIO

from contracts.intake import Finding
from intake.formats.cells import MIB, Adapter, Cells, Fault, ListRefused, RawLine
from intake.formats.sifa_controls import Doubles, findings_of, sites_of
from intake.formats.text import LineFault, check_text, cut, physical_lines

ORDER = (
    "INE_RNIE", "NUMERO_UAI", "TYPE_CFA", "SIT_FORM", "UAI_EPLE", "NAT_STR_JUR", "STATUT", "DIPLOME", "RNCP", "DUR_FORM_THEO",
    "DUR_FORM_REELLE", "AN_FORM", "NOM", "NOM2", "PRENOM1", "PRENOM2", "PRENOM3", "ADRESSE", "COD_POST", "COM_RESID", "TEL_JEUNE",
    "TEL_RESP1_PERSO", "TEL_RESP1_PRO", "TEL_RESP2_PERSO", "TEL_RESP2_PRO", "MAIL_JEUNE", "MAIL_RESP1", "MAIL_RESP2", "DATE_NAIS",
    "LIEU_NAIS", "SEXE", "REGIME_SCO", "PCS", "HANDI", "NATIO", "SIT_AV_APP", "DIP_OBT", "SIT_N_1", "ETAB_N_1", "TYPE_EMP",
    "DATE_ENTREE_CFA", "DATE_DEB_CONT", "DATE_RUPT_CONT", "COM_ETAB", "NAF_ETAB", "NBSAL_EMP", "SIRET_EMP",
)  # fmt: skip
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
    separator, doubles = _separator(body), Doubles()
    for number, line in physical_lines(body):
        yield _line(number, line, separator, doubles)


def _separator(body: BinaryIO) -> str:
    """That of the first line which has the 47 columns, and so of all."""
    for _, line in physical_lines(body):
        for separator in SEPARATORS:
            if line.count(separator) == len(ORDER) - 1:
                return separator
    raise ListRefused("HEADER_UNKNOWN")


def _line(number: int, line: str, separator: str, doubles: Doubles) -> RawLine:
    try:
        cells = cut(line, separator, len(ORDER), quoted=False)
    except LineFault as fault:
        return Fault(line=number, rule=fault.rule)

    named = dict(zip(ORDER, cells, strict=True))
    findings = [*findings_of(named, date_of)]
    if doubles.meets_again(named, line):
        findings.append(Finding(field="INE_RNIE", rule="SIFA_EN01"))
    return Cells(
        line=number,
        kind="enrolment",
        uai=named["NUMERO_UAI"],
        ine=named["INE_RNIE"],
        family_name=named["NOM"],
        usage_name=named["NOM2"],
        first_names=tuple(name for name in (named["PRENOM1"], named["PRENOM2"], named["PRENOM3"]) if name),
        birth_date=named["DATE_NAIS"],
        birth_commune=named["LIEU_NAIS"],
        sex=named["SEXE"],
        phones=(phone,) if (phone := named["TEL_JEUNE"]) else (),
        email=named["MAIL_JEUNE"],
        postcode=named["COD_POST"],
        formation=named["DIPLOME"] or named["RNCP"],
        diploma=named["DIP_OBT"],
        entry_date=named["DATE_ENTREE_CFA"] or named["DATE_DEB_CONT"],
        findings=tuple(findings),
        sites=sites_of(named),
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
