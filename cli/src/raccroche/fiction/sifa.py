"""Writes the census of apprentices as SIFA wants it: 47 columns, `|`, no header, no quotes (DOMAIN 6.2)."""

from collections.abc import Sequence
from datetime import date

from raccroche.fiction.lines import Line, spelt
from raccroche.fiction.vocabulary import Dirt

COLUMNS = (
    "INE_RNIE", "NUMERO_UAI", "TYPE_CFA", "SIT_FORM", "UAI_EPLE", "NAT_STR_JUR", "STATUT", "DIPLOME", "RNCP", "DUR_FORM_THEO",
    "DUR_FORM_REELLE", "AN_FORM", "NOM", "NOM2", "PRENOM1", "PRENOM2", "PRENOM3", "ADRESSE", "COD_POST", "COM_RESID", "TEL_JEUNE",
    "TEL_RESP1_PERSO", "TEL_RESP1_PRO", "TEL_RESP2_PERSO", "TEL_RESP2_PRO", "MAIL_JEUNE", "MAIL_RESP1", "MAIL_RESP2", "DATE_NAIS",
    "LIEU_NAIS", "SEXE", "REGIME_SCO", "PCS", "HANDI", "NATIO", "SIT_AV_APP", "DIP_OBT", "SIT_N_1", "ETAB_N_1", "TYPE_EMP",
    "DATE_ENTREE_CFA", "DATE_DEB_CONT", "DATE_RUPT_CONT", "COM_ETAB", "NAF_ETAB", "NBSAL_EMP", "SIRET_EMP",
)  # fmt: skip


def census(lines: Sequence[Line]) -> bytes:
    """Plain ASCII, as upper case without accents leaves it."""
    return "".join(_record(spelt(line)) + "\r\n" for line in lines).encode("ascii")


def _record(line: Line) -> str:
    cells = _cells(line)
    row = [cells.get(column, "") for column in COLUMNS]
    if line.broken is Dirt.TOO_FEW_COLUMNS:
        row.pop()
    return "|".join(row)


def _cells(line: Line) -> dict[str, str]:
    """PCS, HANDI and NATIO are there because real files have them: whoever reads must drop them."""
    entry = _day(line.entry)
    return {
        "INE_RNIE": line.ine, "NUMERO_UAI": line.uai, "TYPE_CFA": "01", "SIT_FORM": line.uai, "UAI_EPLE": "NC", "NAT_STR_JUR": "7331",
        "STATUT": "APP", "DIPLOME": "50022141", "DUR_FORM_THEO": "24", "DUR_FORM_REELLE": "24", "AN_FORM": "01",
        "NOM": line.family_name, "PRENOM1": line.first_name, "ADRESSE": line.address, "COD_POST": line.postcode,
        "TEL_JEUNE": line.phone, "TEL_RESP1_PERSO": line.guardian_phone, "MAIL_JEUNE": line.email, "MAIL_RESP1": line.guardian_email,
        "DATE_NAIS": _day(line.birth_date), "LIEU_NAIS": line.birth_commune, "SEXE": line.sex, "PCS": "47", "HANDI": "0", "NATIO": "1",
        "DIP_OBT": line.diploma or "99", "SIT_N_1": "9999", "ETAB_N_1": "993", "DATE_ENTREE_CFA": entry, "DATE_DEB_CONT": entry,
    }  # fmt: skip


def _day(day: date | str | None) -> str:
    return day.strftime("%d%m%Y") if isinstance(day, date) else day or ""
