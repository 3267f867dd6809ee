"""What a scenario is: a fault, the guarantee in whose name it strikes, and what must have bitten for the run to count."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from faults.ground import Ground

OFFERS = [f"specimen--{n}" for n in range(400)]
HOT = [f"hot--{n}" for n in range(6)]
WITH_A_BUG = [*OFFERS[:60], *["bad"] * 5]
"""Among them the one whose third event the specimen's handler fails at."""


class Void(Exception):
    """The fault never bit: the run proves nothing."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One story.

    guarantee: in whose name it is played; also: others that its fault puts to the test as hard. needs: a house that can be struck
    so, `networks` (three nodes, each in a network of its own), `nodes` (three), `small disk`; none, any house. smoke: part of the
    short form. operations: as many commands at least must have had a definite answer.
    """

    name: str
    guarantee: str
    play: Callable[[Ground], Awaitable[None]]
    also: tuple[str, ...] = ()
    needs: str | None = None
    smoke: bool = False
    operations: int = 1_000


def bitten(ground: Ground, *names: str) -> None:
    """Each of these must have been struck, or have come of it, at least once.

    Raises:
        Void: one was not.
    """
    missing = [name for name in names if not (ground.deaths[name] or ground.struck[name] or ground.came_of_it[name])]
    if missing:
        raise Void(f"never bit: {', '.join(missing)}")
