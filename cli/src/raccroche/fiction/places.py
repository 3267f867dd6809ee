"""The real ground under the fiction: four establishments and a hundred communes of the académie de Nantes (data/README.md)."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, kw_only=True)
class Establishment:
    uai: str
    name: str
    commune: str
    postcode: str


@dataclass(frozen=True, kw_only=True)
class Commune:
    """`code` is INSEE's and not a postcode."""

    code: str
    name: str
    postcode: str


def _rows(name: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(files("raccroche.fiction").joinpath("data", name).read_text(encoding="utf-8"))
    return rows


@cache
def establishments() -> tuple[Establishment, ...]:
    """Lycée A, lycée B, lycée C and the CFA, in this order."""
    return tuple(Establishment(**row) for row in _rows("establishments.json"))


@cache
def communes() -> tuple[Commune, ...]:
    return tuple(Commune(**row) for row in _rows("communes.json"))


def departement_of_uai(uai: str) -> str:
    return uai[1:3]
