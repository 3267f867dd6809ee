"""Fictitious dossiers apprenant V3 for intake's tests."""

import json
from collections.abc import Mapping

from intake_specimens import UAI

SIRET = "19440074300010"
DOSSIER: Mapping[str, object] = {
    "nom_apprenant": "DUVALLON", "prenom_apprenant": "Maïa", "date_de_naissance_apprenant": "2008-05-14T00:00:00.000Z",
    "annee_scolaire": "2025-2026", "id_erp_apprenant": "erp-7", "date_inscription_formation": "2025-09-01",
    "date_entree_formation": "2025-09-01", "date_fin_formation": "2027-08-31", "etablissement_responsable_uai": UAI,
    "etablissement_responsable_siret": SIRET, "etablissement_formateur_uai": UAI, "etablissement_formateur_siret": SIRET,
    "ine_apprenant": "0123456789A", "email_contact": "maia@exemple.fr", "tel_apprenant": "06 12 34 56 78", "sexe_apprenant": "F",
    "adresse_apprenant": "3 rue des Essais", "code_postal_apprenant": 44600, "code_commune_insee_de_naissance_apprenant": "44109",
    "formation_cfd": "50022141", "statut_apprenant": 3,
}  # fmt: skip
BROKEN: Mapping[str, object] = {
    "contrat_date_debut": "2025-09-08", "contrat_date_fin": "2027-08-31", "contrat_date_rupture": "2025-11-10",
    "cause_rupture_contrat": "d'un commun accord",
}  # fmt: skip


def dossier(**changes: object) -> dict[str, object]:
    """Without a contract, unless changed."""
    return {**DOSSIER, **changes}


def dossiers_json(*dossiers: object) -> bytes:
    return json.dumps(dossiers, ensure_ascii=False).encode()
