"""The "dossier apprenant V3" of the apprenticeship dashboard, whatever file it comes in: its fields become cells (DOMAIN 6.3).

Names, and which are required, are those of the public schema of mission-apprentissage/flux-retour-cfas (`dossierApprenantSchemaV3Base`).
Only what is named here is read: NIR, disability, employers, causes of rupture or exclusion and last situation fall away. The line is of the
establishment that answers for it (`etablissement_responsable_uai`), as in SIFA.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime

from chassis.paris import legal_date
from contracts.intake import Finding
from intake.cleaning import uai_of
from intake.formats.cells import CELL_LIMIT, Cells, ContractCells, Fault, GuardianCells, RawLine, TrainingCells
from intake.formats.text import CONTROL

REQUIRED = (
    "nom_apprenant", "prenom_apprenant", "date_de_naissance_apprenant", "annee_scolaire", "id_erp_apprenant", "date_inscription_formation",
    "date_entree_formation", "date_fin_formation", "etablissement_responsable_uai", "etablissement_responsable_siret",
    "etablissement_formateur_uai", "etablissement_formateur_siret",
)  # fmt: skip
CHECKED_LATER = frozenset({
    "nom_apprenant", "prenom_apprenant", "date_de_naissance_apprenant", "date_entree_formation", "etablissement_responsable_uai",
})  # fmt: skip
"""Required of every format, so that validation misses them itself."""
OPTIONAL = (
    "ine_apprenant", "sexe_apprenant", "email_contact", "tel_apprenant", "adresse_apprenant", "code_postal_apprenant",
    "code_commune_insee_de_naissance_apprenant", "responsable_apprenant_mail1", "responsable_apprenant_mail2", "formation_cfd",
    "formation_rncp", "obtention_diplome_formation", "date_exclusion_formation", "statut_apprenant",
)  # fmt: skip
PLACES = ("", "_2", "_3", "_4")
CONTRACT = {
    "contract_start": "contrat_date_debut", "contract_end": "contrat_date_fin", "contract_broken_on": "contrat_date_rupture",
    "contract_motive": "cause_rupture_contrat",
}  # fmt: skip
COLUMNS = {
    "uai": "etablissement_responsable_uai", "ine": "ine_apprenant", "family_name": "nom_apprenant", "first_names": "prenom_apprenant",
    "birth_date": "date_de_naissance_apprenant", "birth_commune": "code_commune_insee_de_naissance_apprenant", "phones": "tel_apprenant",
    "email": "email_contact", "postcode": "code_postal_apprenant", "guardian_email": "responsable_apprenant_mail1",
    "formation": "formation_cfd", "diploma": "obtention_diplome_formation", "entry_date": "date_entree_formation",
    "training_end": "date_fin_formation", "excluded_on": "date_exclusion_formation", "status": "statut_apprenant",
    **{f"{ours}{place}": f"{theirs}{place}" for ours, theirs in CONTRACT.items() for place in PLACES},
}  # fmt: skip
NAMES = frozenset({*REQUIRED, *OPTIONAL, *(f"{name}{place}" for name in CONTRACT.values() for place in PLACES)})

FRENCH = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(?P<zone>Z|[+-]\d{2}:\d{2})?", re.ASCII)
SCHOOL_YEAR = re.compile(r"(\d{4})-(\d{4})", re.ASCII)
YES = frozenset({"true", "vrai", "oui", "1"})
LA_POSTE = "356000000"
DIPLOMAS = (("500", "04"), ("400", "08"), ("450", "09"), ("4", "10"), ("3", "13"), ("2", "14"), ("1", "14"))
"""`DIP_OBT` of a diploma by the beginning of its code (CFD): CAP, bac pro, BP, other of level 4, of level 5, of level 6 to 8."""
LEAST = "06"
"""Apprenticeship leads to a registered qualification, of which the lowest is of level 3 (L.6211-1)."""


def line_of(number: int, named: Mapping[str, str]) -> RawLine:
    """One dossier, its fields as text."""
    told = {name: named.get(name, "").strip() for name in NAMES}
    if any(CONTROL.search(cell) for cell in told.values()):
        return Fault(line=number, rule="CONTROL_CHAR")
    if any(len(cell) > CELL_LIMIT for cell in told.values()):
        return Fault(line=number, rule="CELL_TOO_LONG")
    mails = (told["responsable_apprenant_mail1"], told["responsable_apprenant_mail2"])
    return Cells(
        line=number, kind="enrolment", uai=told["etablissement_responsable_uai"], ine=told["ine_apprenant"],
        family_name=told["nom_apprenant"], first_names=_present(told["prenom_apprenant"]), birth_date=told["date_de_naissance_apprenant"],
        birth_commune=told["code_commune_insee_de_naissance_apprenant"], sex=told["sexe_apprenant"], phones=_present(told["tel_apprenant"]),
        email=told["email_contact"], address=_present(told["adresse_apprenant"]), postcode=told["code_postal_apprenant"],
        guardians=tuple(GuardianCells(email=mail) for mail in mails if mail), formation=told["formation_cfd"] or told["formation_rncp"],
        diploma=_diploma(told), entry_date=told["date_entree_formation"],
        contracts=tuple(_contract(told, place) for place in PLACES),
        training=TrainingCells(
            end=told["date_fin_formation"], excluded_on=told["date_exclusion_formation"], status=told["statut_apprenant"]
        ),
        findings=tuple(_findings(told)),
    )  # fmt: skip


def _contract(told: Mapping[str, str], place: str) -> ContractCells:
    start, end, broken_on, motive = (told[f"{name}{place}"] for name in CONTRACT.values())
    return ContractCells(start=start, end=end, broken_on=broken_on, has_motive=bool(motive))


def _diploma(told: Mapping[str, str]) -> str:
    """The diploma that this training led to, if it was obtained; that it was not says nothing of others."""
    if told["obtention_diplome_formation"].lower() not in YES:
        return ""
    return next((code for start, code in DIPLOMAS if told["formation_cfd"].startswith(start)), LEAST)


def _present(*cells: str) -> tuple[str, ...]:
    return tuple(cell for cell in cells if cell)


def _findings(told: Mapping[str, str]) -> Iterator[Finding]:
    """The controls of this format alone."""
    for name in REQUIRED:
        if not told[name] and name not in CHECKED_LATER:
            yield Finding(field=name, rule="MISSING_FIELD")
    if told["annee_scolaire"] and not _is_school_year(told["annee_scolaire"]):
        yield Finding(field="annee_scolaire", rule="BAD_SCHOOL_YEAR")
    if told["etablissement_formateur_uai"] and uai_of(told["etablissement_formateur_uai"]) is None:
        yield Finding(field="etablissement_formateur_uai", rule="BAD_UAI")
    for name in ("etablissement_responsable_siret", "etablissement_formateur_siret"):
        if told[name] and not is_siret(told[name]):
            yield Finding(field=name, rule="BAD_SIRET")
    if told["date_inscription_formation"] and not _is_date(told["date_inscription_formation"]):
        yield Finding(field="date_inscription_formation", rule="BAD_DATE")


def _is_school_year(cell: str) -> bool:
    """Two consecutive years, or one year twice where it is that of the calendar."""
    years = SCHOOL_YEAR.fullmatch(cell)
    return years is not None and int(years[2]) - int(years[1]) in {0, 1}


def is_siret(cell: str) -> bool:
    """Fourteen digits with a right key (Luhn); those of La Poste do not all have one (DOMAIN 5.5)."""
    digits = re.sub(r"[ .\-]", "", cell)
    if not re.fullmatch(r"[0-9]{14}", digits):
        return False
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(digits))
    return digits.startswith(LA_POSTE) or sum(part - 9 if part > 9 else part for part in doubled) % 10 == 0


def _is_date(cell: str) -> bool:
    try:
        date_of(cell)
    except ValueError:
        return False
    return True


def date_of(cell: str) -> date:
    """ISO 8601, DD/MM/YYYY, or an instant, of which the day in Paris counts: 22:00 UTC was midnight to whoever wrote it (DOMAIN 5.6).

    Raises:
        ValueError: none of these, or no such day.
    """
    if french := FRENCH.fullmatch(cell):
        return date(int(french[3]), int(french[2]), int(french[1]))
    if ISO.fullmatch(cell):
        return date.fromisoformat(cell)
    if instant := INSTANT.fullmatch(cell):
        return _day_of(datetime.fromisoformat(cell), zoned=instant["zone"] is not None)
    raise ValueError("not a date of this format")


def _day_of(instant: datetime, *, zoned: bool) -> date:
    try:
        return legal_date(instant) if zoned else instant.date()
    except OverflowError:
        raise ValueError("no such day") from None
