"""The SIEI's funnel: of everybody whom lists say to have left, who is a dropout, and why are the others none? Pure, over facts."""

from typing import Literal

from intake.domain.detection import Facts, Rule, below_the_level, enrolled_long_enough, enrolled_nowhere, of_the_age, out_of_apprenticeship
from intake.domain.person import Person, facts_of, latest_exit

type Place = Literal["dropout", "enrolled", "set_aside", "not_of_age", "diploma_held", "enrolled_too_briefly"]
PLACES: tuple[Place, ...] = ("dropout", "enrolled", "set_aside", "not_of_age", "diploma_held", "enrolled_too_briefly")


def place_of(state: Person, rule: Rule) -> Place | None:
    """Where in the funnel a young person stands, as of the list that told the latest exit; none who never left.

    Whoever is enrolled again is that first of all: it is what a sender of false dropouts should hear (DOMAIN 3.3).
    """
    if not state.exits:
        return None
    if state.standing is not None:
        return "dropout"
    exit_seen = latest_exit(state)
    facts = facts_of(state, exit_seen.age, exit_seen.reference_date)
    return _why_not(facts, rule) or "set_aside"


def _why_not(facts: Facts, rule: Rule) -> Place | None:
    """The first condition that fails, in the order of the funnel."""
    if not (enrolled_nowhere(facts, rule) and out_of_apprenticeship(facts, rule)):
        return "enrolled"
    if not of_the_age(facts, rule):
        return "not_of_age"
    if not below_the_level(facts, rule):
        return "diploma_held"
    return None if enrolled_long_enough(facts, rule) else "enrolled_too_briefly"
