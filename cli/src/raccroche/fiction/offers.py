"""A small fictitious catalogue of "nouvelle chance" offers by two platforms, with more seats than anybody will ask for."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["scolaire", "apprenti", "stagiaire", "volontaire"]
ORGANISATIONS = ("plateforme-atlantique", "plateforme-maine-anjou")
_ALL = ("44", "49", "53", "72", "85")
_WEST = ("44", "85")
_EAST = ("49", "53", "72")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """`offer_id` is `<source>--<local id>`, as in the data·inclusion schema."""

    offer_id: str
    name: str
    organisation: str
    themes: tuple[str, ...]
    status: Status
    min_age: int
    max_age: int
    departements: tuple[str, ...]
    seats: int
    answer_within_days: int

    def suits(self, *, age: int, departement: str) -> bool:
        return self.min_age <= age <= self.max_age and departement in self.departements


_ROWS: tuple[tuple[str, str, int, str, Status, int, int, tuple[str, ...]], ...] = (
    ("micro-lycee-ouest", "Micro-lycée (fictif)", 0, "retour-en-lycee", "scolaire", 16, 25, _WEST),
    ("remobilisation-ouest", "Action de remobilisation (fictive)", 0, "remobilisation", "scolaire", 16, 20, _WEST),
    ("integration-lp-ouest", "Intégration en lycée professionnel (fictive)", 0, "retour-en-lycee", "scolaire", 16, 19, _ALL),
    ("prepa-apprentissage-ouest", "Prépa-apprentissage (fictive)", 0, "apprentissage", "apprenti", 16, 25, _ALL),
    ("deuxieme-chance-ouest", "École de la deuxième chance (fictive)", 0, "formation-qualifiante", "stagiaire", 16, 25, _WEST),
    ("service-civique-ouest", "Service civique en alternance (fictif)", 0, "service-civique", "volontaire", 16, 25, _WEST),
    ("micro-lycee-est", "Lycée de la nouvelle chance (fictif)", 1, "retour-en-lycee", "scolaire", 18, 25, _ALL),
    ("remobilisation-est", "Action de remobilisation (fictive)", 1, "remobilisation", "scolaire", 16, 25, _EAST),
    ("preparation-examen-est", "Module de re-préparation à l'examen (fictif)", 1, "retour-en-lycee", "scolaire", 17, 25, _EAST),
    ("apprentissage-est", "Entrée en apprentissage (fictive)", 1, "apprentissage", "apprenti", 16, 25, _EAST),
    ("promo-est", "Parcours 16-18 (fictif)", 1, "formation-qualifiante", "stagiaire", 16, 17, _ALL),
    ("service-civique-est", "Service civique (fictif)", 1, "service-civique", "volontaire", 16, 25, _EAST),
)


def offers(seats: int) -> tuple[Offer, ...]:
    return tuple(
        Offer(offer_id=f"{ORGANISATIONS[platform]}--{local}", name=name, organisation=ORGANISATIONS[platform], themes=(theme,),
              status=status, min_age=youngest, max_age=oldest, departements=where, seats=seats, answer_within_days=21)
        for local, name, platform, theme, status, youngest, oldest, where in _ROWS
    )  # fmt: skip
