"""Counts by département for whoever only wants figures: the small are hidden, and with them so many others that none can be computed.

A département is hidden with its whole académie, its zeros too; the académies of one département are one group. The sum of everything less
all that is told is the sum of what is hidden: where that is small itself, the sum of everything is hidden too. Else whoever knows every
answer can move a young person from one hidden département to another in thought, and the figures stay the same: so no small count
follows from them, of a département or of any more. What is counted together (a sum and its parts) is hidden together.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache

from intake.reference.territories import ACADEMIES, current_academie

SMALL = 5
"""Counts below this, and above none, are small."""

type Table = Mapping[str, Mapping[str, int]]
"""Of each département, what is counted of it; every count is one of persons, or of lines, each in one département."""


@cache
def _groups() -> Mapping[str, frozenset[str]]:
    """Of each département, those that are hidden with it."""
    academies: dict[str | None, set[str]] = {}
    for one in ACADEMIES:
        academies.setdefault(current_academie(one.code), set()).update(one.departements)
    alone = frozenset().union(*(places for places in academies.values() if len(places) == 1))
    groups = [alone, *(frozenset(places) for places in academies.values() if len(places) > 1)]
    return {place: group for group in groups for place in group}


def hidden(*tables: Table) -> frozenset[str]:
    """The départements of which nothing is told; one that lies in no académie is hidden with those that are alone in theirs."""
    small = {place for table in tables for place, counts in table.items() if _small(counts)}
    alone = _groups()["75"]
    found = frozenset().union(*(_groups().get(place, alone) for place in small))
    return found.union(*(table.keys() - _groups().keys() for table in tables)) if found & alone else found


def counts_of(table: Table, column: str, places: Collection[str] | None = None) -> dict[str, int | None]:
    """One column, by département, none where it is hidden; zeros that are not hidden are left out. places: of these only."""
    away = hidden(table)
    told: dict[str, int | None] = {place: counts[column] for place, counts in table.items() if place not in away and counts[column]}
    told |= dict.fromkeys(away & _groups().keys())  # to name one that is there only because it is counted would say that it is not zero
    return {place: told[place] for place in sorted(told) if places is None or place in places}


def sums_of(
    table: Table, columns: Collection[str], places: Collection[str] | None = None, *, beside: Table | None = None
) -> dict[str, int | None]:
    """What is counted in these départements; nothing as soon as one of them is hidden.

    places: none is everywhere, of which all is told unless what is hidden is small together. beside: what else is told of the same people.
    """
    away = hidden(table, beside or {})
    if (away & set(places)) if places is not None else (_small(exact_sums(table, away)) or _gives_away(beside or {})):
        return dict.fromkeys(columns)
    found = exact_sums(table, places)
    return {column: found[column] for column in columns}


def _gives_away(table: Table) -> bool:
    return _small(exact_sums(table, hidden(table)))


def _small(counts: Mapping[str, int]) -> bool:
    return any(0 < count < SMALL for count in counts.values())


def exact_sums(table: Table, places: Collection[str] | None = None) -> Counter[str]:
    """For whoever may see all."""
    found: Counter[str] = Counter()
    for place, counts in table.items():
        if places is None or place in places:
            found.update(counts)
    return found


def published_total(counts: Mapping[str, int | None]) -> int | None:
    """Of counts that are all told."""
    told = [count for count in counts.values() if count is not None]
    return sum(told) if len(told) == len(counts) else None
