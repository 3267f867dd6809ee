"""Fictitious people, lines and lists for intake's tests; real establishments' UAI, made-up everything else."""

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from typing import BinaryIO, Protocol
from uuid import UUID

from contracts.fields import Sealed
from contracts.intake import DiplomaSeen, EnrolmentSeen, ExitSeen
from contracts.personal import Identity
from intake.formats.cells import RawLine
from intake.formats.csv_list import ENROLMENTS, LEAVERS
from intake.formats.sifa import ORDER

UAI, OTHER_UAI = "0440074S", "0750654D"
REFERENCE = date(2026, 1, 31)
PERSON = UUID(int=1)
LIST = UUID(int=2)
LATER_LIST = UUID(int=3)
TOKEN = "A" * 60

LEAVER = {
    "uai": UAI, "ine": "0123456789A", "nom": "DUVALLON", "prenom": "Maïa", "date_naissance": "2008-05-14", "commune_naissance": "44109",
    "sexe": "2", "telephone": "06 12 34 56 78", "courriel": "maia@exemple.fr", "adresse": "3 rue des Essais", "code_postal": "44600",
    "commune_residence": "Saint-Nazaire", "representant_nom": "DUVALLON", "representant_prenom": "Noé",
    "representant_telephone": "0612345679", "representant_courriel": "noe@exemple.fr", "formation": "50022141", "diplome_obtenu": "01",
    "date_entree": "2025-09-01", "date_sortie": "2025-12-01", "motif_sortie": "10",
}  # fmt: skip


class Format(Protocol):
    """A module of a format."""

    @property
    def read(self) -> Callable[[BinaryIO], Iterator[RawLine]]: ...


def read_all(of: Format, body: bytes) -> list[RawLine]:
    return list(of.read(io.BytesIO(body)))


def leaver(**changes: str) -> dict[str, str]:
    return {**LEAVER, **changes}


def leavers_csv(*rows: dict[str, str], lines: tuple[str, ...] = ()) -> bytes:
    """A leavers' list; `lines` follow as they are."""
    return "\r\n".join([";".join(LEAVERS), *(";".join(row[name] for name in LEAVERS) for row in rows), *lines, ""]).encode()


def enrolments_csv(*rows: dict[str, str]) -> bytes:
    return "\n".join([";".join(ENROLMENTS), *(";".join(row[name] for name in ENROLMENTS) for row in rows), ""]).encode()


def enrolment(**changes: str) -> dict[str, str]:
    return {**{name: LEAVER[name] for name in ENROLMENTS}, "date_entree": "2026-02-01", "date_sortie": "", **changes}


def sifa_line(separator: str = "|", **changes: str) -> str:
    cells = {
        "INE_RNIE": "012345678AB", "NUMERO_UAI": UAI, "TYPE_CFA": "01", "SIT_FORM": UAI, "UAI_EPLE": "NC", "NAT_STR_JUR": "7331",
        "STATUT": "APP", "DIPLOME": "50022141", "DUR_FORM_THEO": "24", "DUR_FORM_REELLE": "24", "AN_FORM": "01", "NOM": "DUVALLON",
        "PRENOM1": "MAIA", "ADRESSE": "3 RUE DES ESSAIS", "DATE_NAIS": "14052008", "LIEU_NAIS": "44109", "SEXE": "2", "HANDI": "1",
        "NATIO": "2", "PCS": "47", "DIP_OBT": "03", "SIT_N_1": "1015", "ETAB_N_1": UAI, "DATE_ENTREE_CFA": "01092025",
        **changes,
    }  # fmt: skip
    return separator.join(cells.get(name, "") for name in ORDER)


ELEVE = """<ELEVE ELEVE_ID="7"><ID_NATIONAL>0123456789A</ID_NATIONAL><NOM_DE_FAMILLE>DUVALLON</NOM_DE_FAMILLE><PRENOM>Maïa</PRENOM>
<DATE_NAISS>14/05/2008</DATE_NAISS><DATE_ENTREE>01/09/2025</DATE_ENTREE><DATE_SORTIE>01/12/2025</DATE_SORTIE>
<CODE_MOTIF_SORTIE>10</CODE_MOTIF_SORTIE><CODE_SEXE>2</CODE_SEXE><CODE_PAYS>100</CODE_PAYS><NATIONALITE>100</NATIONALITE>
<CODE_COMMUNE_INSEE_NAISS>44109</CODE_COMMUNE_INSEE_NAISS><CODE_MEF>2472521431</CODE_MEF><ADRESSE_ID>70</ADRESSE_ID>
<SCOLARITE_AN_DERNIER><MEL>secretariat@exemple.fr</MEL><TELEPHONE>0240000000</TELEPHONE></SCOLARITE_AN_DERNIER></ELEVE>"""

ENROLLED_ELEVE = ELEVE.replace("<DATE_SORTIE>01/12/2025</DATE_SORTIE>", "<DATE_SORTIE/>").replace('"7"', '"8"')


def eleves_xml(*eleves: str, uai: str = UAI, version: str = "3.0", encoding: str = "ISO-8859-15", prologue: str = "") -> bytes:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>{prologue}<BEE_ELEVES VERSION="{version}"><PARAMETRES><UAJ>{uai}</UAJ></PARAMETRES>'
        f'<DONNEES><ELEVES>{"".join(eleves)}</ELEVES><ADRESSES><ADRESSE ADRESSE_ID="70"><LIGNE1_ADRESSE>3 rue des Essais</LIGNE1_ADRESSE>'
        "<CODE_POSTAL>44600</CODE_POSTAL><LIBELLE_POSTAL>SAINT-NAZAIRE</LIBELLE_POSTAL></ADRESSE></ADRESSES></DONNEES></BEE_ELEVES>"
    )
    return text.encode(encoding)


RESPONSABLES = """<?xml version="1.0" encoding="ISO-8859-15"?><BEE_RESPONSABLES VERSION="3.0"><DONNEES><PERSONNES>
<PERSONNE PERSONNE_ID="71"><NOM_DE_FAMILLE>DUVALLON</NOM_DE_FAMILLE><PRENOM>Noé</PRENOM><TEL_PORTABLE>0612345679</TEL_PORTABLE>
<MEL>noe@exemple.fr</MEL></PERSONNE></PERSONNES><RESPONSABLES><RESPONSABLE_ELEVE><ELEVE_ID>7</ELEVE_ID><PERSONNE_ID>71</PERSONNE_ID>
<NIVEAU_RESPONSABILITE>1</NIVEAU_RESPONSABILITE></RESPONSABLE_ELEVE></RESPONSABLES></DONNEES></BEE_RESPONSABLES>""".encode("iso-8859-15")


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.xml", content)
    return packed.getvalue()


def identity(**changes: object) -> Identity:
    fields = {
        "ine": "0123456789A", "family_name": "Duvallon", "first_names": ("Maïa",), "birth_date": date(2008, 5, 14), "birth_commune": "44109"
    }  # fmt: skip
    return Identity.model_validate({**fields, **changes})


def exit_seen(**changes: object) -> ExitSeen:
    fields = {
        "person_id": PERSON, "list_id": LIST, "line": 2, "uai": UAI, "formation": "50022141", "entry_date": date(2025, 9, 1),
        "exit_date": date(2025, 12, 1), "motive": "10", "reference_date": REFERENCE, "age": 17, "identity": Sealed(f"v1.identity.{TOKEN}"),
        "contact": Sealed(f"v1.contact.{TOKEN}"), "guardians": None,
    }  # fmt: skip
    return ExitSeen(**{**fields, **changes})  # type: ignore[arg-type]  # named fields, checked by pydantic


def enrolment_seen(**changes: object) -> EnrolmentSeen:
    fields = {
        "person_id": PERSON, "list_id": LATER_LIST, "line": 2, "uai": OTHER_UAI, "formation": "50022141", "start": date(2026, 1, 5), "end": None
    }  # fmt: skip
    return EnrolmentSeen(**{**fields, **changes})  # type: ignore[arg-type]  # as above


def diploma_seen(diploma: str) -> DiplomaSeen:
    return DiplomaSeen(person_id=PERSON, list_id=LATER_LIST, line=2, diploma=diploma)
