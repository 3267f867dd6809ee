"""Académies, régions and départements, by the day on which they were in force (DOMAIN 5.4; INSEE's codes of régions).

The régions are those of the law of 16 January 2015, in force on 1 January 2016; the académie de Normandie took the place of Caen and Rouen
on 1 January 2020. Older régions are not kept: no list that intake takes goes back so far.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache

from intake.reference.dated import Period

NORMANDIE = date(2020, 1, 1)
_ALWAYS = Period(since=None, until=None)
_BEFORE = Period(since=None, until=NORMANDIE)
_FROM = Period(since=NORMANDIE, until=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Academie:
    """code: the ministry's two digits. region: INSEE's code of the one in which it lies, none outside the régions."""

    code: str
    name: str
    region: str | None
    departements: tuple[str, ...]
    period: Period = _ALWAYS


REGIONS = {
    "01": "Guadeloupe", "02": "Martinique", "03": "Guyane", "04": "La Réunion", "06": "Mayotte", "11": "Île-de-France",
    "24": "Centre-Val de Loire", "27": "Bourgogne-Franche-Comté", "28": "Normandie", "32": "Hauts-de-France", "44": "Grand Est",
    "52": "Pays de la Loire", "53": "Bretagne", "75": "Nouvelle-Aquitaine", "76": "Occitanie", "84": "Auvergne-Rhône-Alpes",
    "93": "Provence-Alpes-Côte d'Azur", "94": "Corse",
}  # fmt: skip

_ROWS = (
    ("01", "Paris", "11", "75"), ("02", "Aix-Marseille", "93", "04 05 13 84"), ("03", "Besançon", "27", "25 39 70 90"),
    ("04", "Bordeaux", "75", "24 33 40 47 64"), ("06", "Clermont-Ferrand", "84", "03 15 43 63"), ("07", "Dijon", "27", "21 58 71 89"),
    ("08", "Grenoble", "84", "07 26 38 73 74"), ("09", "Lille", "32", "59 62"), ("10", "Lyon", "84", "01 42 69"),
    ("11", "Montpellier", "76", "11 30 34 48 66"), ("12", "Nancy-Metz", "44", "54 55 57 88"), ("13", "Poitiers", "75", "16 17 79 86"),
    ("14", "Rennes", "53", "22 29 35 56"), ("15", "Strasbourg", "44", "67 68"), ("16", "Toulouse", "76", "09 12 31 32 46 65 81 82"),
    ("17", "Nantes", "52", "44 49 53 72 85"), ("18", "Orléans-Tours", "24", "18 28 36 37 41 45"), ("19", "Reims", "44", "08 10 51 52"),
    ("20", "Amiens", "32", "02 60 80"), ("22", "Limoges", "75", "19 23 87"), ("23", "Nice", "93", "06 83"),
    ("24", "Créteil", "11", "77 93 94"), ("25", "Versailles", "11", "78 91 92 95"), ("27", "Corse", "94", "2A 2B"),
    ("28", "La Réunion", "04", "974"), ("31", "Martinique", "02", "972"), ("32", "Guadeloupe", "01", "971 977 978"),
    ("33", "Guyane", "03", "973"), ("40", "Nouvelle-Calédonie", None, "988"), ("41", "Polynésie française", None, "987"),
    ("42", "Wallis-et-Futuna", None, "986"), ("43", "Mayotte", "06", "976"), ("44", "Saint-Pierre-et-Miquelon", None, "975"),
)  # fmt: skip

ACADEMIES = (
    *(Academie(code=code, name=name, region=region, departements=tuple(places.split())) for code, name, region, places in _ROWS),
    Academie(code="05", name="Caen", region="28", departements=("14", "50", "61"), period=_BEFORE),
    Academie(code="21", name="Rouen", region="28", departements=("27", "76"), period=_BEFORE),
    Academie(code="70", name="Normandie", region="28", departements=("14", "27", "50", "61", "76"), period=_FROM),
)


@cache
def _by_departement() -> dict[str, tuple[Academie, ...]]:
    places = {place for one in ACADEMIES for place in one.departements}
    return {place: tuple(one for one in ACADEMIES if place in one.departements) for place in places}


def academie_of(departement: str, day: date) -> Academie | None:
    """The académie of a département on that day."""
    return next((one for one in _by_departement().get(departement, ()) if one.period.holds(day)), None)


def academie_at(code: str, day: date) -> Academie | None:
    """The académie that had this code on that day."""
    return next((one for one in ACADEMIES if one.code == code and one.period.holds(day)), None)


def current_academie(code: str) -> str | None:
    """Its code of today: Caen and Rouen are accepted on older data as what they became; none for a code that was never one."""
    if code in {"05", "21"}:
        return "70"
    return code if any(one.code == code for one in ACADEMIES) else None
