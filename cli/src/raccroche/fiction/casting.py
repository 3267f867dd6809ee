"""Decides how many people live each case: every row at least once, each side of each boundary often, the rest by weight."""

from collections.abc import Sequence
from random import Random

from raccroche.fiction.vocabulary import Case

_FULL_SIZE = 2000
_EACH_SIDE = 20
_EACH_ROW = 4


def cast(cases: Sequence[Case], people: int, seed: int) -> tuple[Case, ...]:
    """One case per person. From 2,000 people on, at least 20 for each row that stands on a boundary."""
    if people < len(cases):
        raise ValueError(f"{len(cases)} cases need at least as many people")
    chance = Random(f"{seed}:{people}:cast")  # noqa: S311 -- a seeded fiction, no secret
    sure = [case for case in cases for _ in range(_at_least(case, people))]
    rest = chance.choices(cases, [case.weight for case in cases], k=max(0, people - len(sure)))
    roles = [*sure, *rest]
    chance.shuffle(roles)
    return tuple(roles)


def _at_least(case: Case, people: int) -> int:
    wanted = _EACH_SIDE if case.boundary else _EACH_ROW
    return max(1, wanted * min(people, _FULL_SIZE) // _FULL_SIZE)
