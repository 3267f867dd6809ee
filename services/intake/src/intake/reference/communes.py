"""Communes by INSEE's code, with the days on which they began, ended and were taken in by others (COG, 1943 to 2026)."""

from dataclasses import dataclass
from datetime import date
from functools import cache

from intake.reference.dated import Period, period_of, rows_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Commune:
    """One time of one code. into: the commune that took it in, or of which it is an arrondissement municipal."""

    code: str
    name: str
    period: Period
    into: str | None
    postcodes: frozenset[str]


@cache
def communes() -> dict[str, tuple[Commune, ...]]:
    """All times of each code, in their order; read once, a quarter of a second."""
    found: dict[str, tuple[Commune, ...]] = {}
    for row in rows_of("communes"):
        one = Commune(
            code=row["code"],
            name=row["name"],
            period=period_of(row),
            into=row["into"] or None,
            postcodes=frozenset(row["postcodes"].split()),
        )
        found[one.code] = (*found.get(one.code, ()), one)
    return found


def commune_at(code: str, day: date) -> Commune | None:
    """The commune that had this code on that day."""
    return next((one for one in communes().get(code, ()) if one.period.holds(day)), None)


def current_commune(code: str) -> str:
    """The code under which it stands today, through every merger; a code that is not INSEE's, or abroad, stays as it is."""
    seen = {code}
    while times := communes().get(code):
        into = times[-1].into
        if into is None or into in seen:
            return code
        seen.add(into)
        code = into
    return code


def postcode_fits(code: str, postcode: str) -> bool | None:
    """Whether a postcode is one of the commune's of today; none where either is not known well enough to say."""
    times = communes().get(current_commune(code))
    if not times or not times[-1].postcodes:
        return None
    return postcode in times[-1].postcodes
