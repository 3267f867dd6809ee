"""The file that an establishment fetches: its own lines and one phrase for each, as CSV that a spreadsheet opens.

UTF-8 with BOM, `;`, CRLF. Every cell comes from a closed vocabulary, an id, a number or a date: none can be a formula
or holds the separator.
"""

import csv
import io
from collections.abc import Sequence

from contracts.transmission import Destination
from transmission.domain.destinations import ReturnLine

COLUMNS = ("liste", "ligne", "code", "situation", "depuis_le")

PHRASES: dict[Destination, tuple[str, str]] = {
    "reported": ("SIGNALE", "Signalé aux organismes compétents, le suivi n'a pas encore commencé."),
    "followed": ("SUIVI", "Suivi ouvert : le jeune n'a pas encore été contacté."),
    "not_reached": ("NON_JOINT", "Suivi ouvert : le jeune n'a pas encore pu être joint."),
    "contacted": ("CONTACTE", "Le jeune a été contacté, le suivi continue."),
    "in_solution": ("EN_SOLUTION", "Le jeune est entré dans une solution."),
    "in_solution_scolaire": ("EN_SOLUTION_SCOLAIRE", "Le jeune a repris une formation sous statut scolaire."),
    "in_solution_apprenti": ("EN_SOLUTION_APPRENTI", "Le jeune est entré en apprentissage."),
    "in_solution_stagiaire": ("EN_SOLUTION_STAGIAIRE", "Le jeune est stagiaire de la formation professionnelle."),
    "in_solution_volontaire": ("EN_SOLUTION_VOLONTAIRE", "Le jeune est volontaire (service civique ou équivalent)."),
    "enrolled_elsewhere": ("INSCRIT_AILLEURS", "Le jeune est inscrit dans une formation : le signalement est annulé."),
    "not_a_dropout": ("ANNULE", "Le signalement est annulé : le jeune n'est pas considéré comme décrocheur."),
    "already_followed": ("DEJA_SUIVI", "Le jeune était déjà suivi par ailleurs : ce signalement est clos."),
    "closed_not_reached": ("CLOS_NON_JOINT", "Suivi clos : le jeune n'a pas pu être joint."),
    "closed_without_solution": ("CLOS", "Suivi clos sans entrée dans une solution."),
}


def csv_of(lines: Sequence[ReturnLine]) -> bytes:
    """The whole file, its header first."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in lines:
        code, phrase = PHRASES[one.destination]
        writer.writerow((one.list_id, one.line, code, phrase, one.since.strftime("%d/%m/%Y")))
    return text.getvalue().encode("utf-8-sig")
