"""Of where does somebody ask? Académies, régions and départements in an address, as the départements that they have today."""

from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import Annotated

from fastapi import Query

from chassis.clock import Clock
from chassis.paris import legal_date
from chassis.problems import Problem
from contracts.fields import Departement
from intake.reference.territories import ACADEMIES, REGIONS, academie_at, current_academie

Code = Annotated[str, Query(pattern=r"^[0-9]{2}$")]
Codes = Annotated[list[Code], Query(max_length=40)]
Departements = Annotated[list[Departement], Query(max_length=110)]

type Territory = tuple[str, ...] | None
"""Départements, in their order; none is everywhere."""


def territory_at(clock: Clock) -> Callable[..., Territory]:
    """What a route depends on: all that is named, together."""

    def territory(academie: Codes = [], region: Codes = [], departement: Departements = []) -> Territory:  # noqa: B006 -- FastAPI copies them
        """Raises Problem: there is no such académie or région."""
        if not (academie or region or departement):
            return None
        today = legal_date(clock.now())
        return tuple(sorted({*departement, *_of_academies(academie, today), *_of_regions(region, today)}))

    return territory


def _of_academies(codes: Iterable[str], today: date) -> Collection[str]:
    """Those that are no more (Caen, Rouen) are read as what they became."""
    found: set[str] = set()
    for code in codes:
        academie = academie_at(current_academie(code) or "", today)
        if academie is None:
            raise _unknown("académie", code)
        found |= set(academie.departements)
    return found


def _of_regions(codes: Iterable[str], today: date) -> Collection[str]:
    found: set[str] = set()
    for code in codes:
        if code not in REGIONS:
            raise _unknown("région", code)
        found |= {place for one in ACADEMIES if one.region == code and one.period.holds(today) for place in one.departements}
    return found


def _unknown(kind: str, code: str) -> Problem:
    return Problem(422, "No such territory", f"There is no {kind} {code}: give the two digits of its code.", "NO_TERRITORY")
