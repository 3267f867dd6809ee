"""The versioned predicate: who has dropped out, by four conditions over dated facts and two independent flags (DOMAIN 2.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from contracts.intake import Flags


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """One enrolment as far as it is known. `end` is the first day out, none while it lasts."""

    uai: str
    formation: str | None
    start: date | None
    end: date | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the rule reads about one young person, on one day.

    left: the enrolment that ended, its `end` being the first day out. others: every enrolment known from any source.
    age: in whole years on the reference date, by the calendar of Europe/Paris. diplomas: `DIP_OBT` codes of any source.
    """

    left: Enrolment
    left_on: date
    age: int
    others: tuple[Enrolment, ...] = ()
    diplomas: frozenset[str] = frozenset()


type Condition = Callable[[Facts, "Rule"], bool]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Thresholds and conditions of one version. What is thin in the sources is configuration here (DOMAIN 2.2, 10).

    low_diplomas: DIP_OBT codes that do not reach the level of D.313-59: none, CFG, DNB, unknown, unstated.
    """

    name: str
    version: int
    enrolled_days: int
    age_from: int
    age_before: int
    majority: int
    low_diplomas: frozenset[str]
    leaver_without_diploma: tuple[Condition, ...]
    minor_under_obligation: tuple[Condition, ...]


def enrolled_long_enough(facts: Facts, rule: Rule) -> bool:
    """c1: at least 15 days of enrolment; an unknown entry date proves nothing."""
    start = facts.left.start
    return start is not None and (facts.left_on - start).days >= rule.enrolled_days


def of_the_age(facts: Facts, rule: Rule) -> bool:
    """c2: 16 to 25 years old on the reference date."""
    return rule.age_from <= facts.age < rule.age_before


def enrolled_nowhere(facts: Facts, rule: Rule) -> bool:  # noqa: ARG001 -- every condition has the same signature
    """c3: no other enrolment that begins at the exit, or lasts beyond it."""
    return not any(_runs_after(one, facts) for one in facts.others)


def below_the_level(facts: Facts, rule: Rule) -> bool:
    """c4: no source states a diploma of the level of D.313-59."""
    return facts.diplomas <= rule.low_diplomas


def minor(facts: Facts, rule: Rule) -> bool:
    """Aged 16 or 17: under the training obligation of L.114-1, diploma or not."""
    return rule.age_from <= facts.age < rule.majority


def _runs_after(one: Enrolment, facts: Facts) -> bool:
    return not _is_the_one_left(one, facts) and (one.end is None or one.end > facts.left_on)


def _is_the_one_left(one: Enrolment, facts: Facts) -> bool:
    """The same establishment and formation (an unstated one contradicts nothing), begun before the exit."""
    left = facts.left
    same_formation = one.formation is None or left.formation is None or one.formation == left.formation
    begun_before = one.start is None or one.start < facts.left_on
    return one.uai == left.uai and same_formation and begun_before


SIEI_V1 = Rule(
    name="siei",
    version=1,
    enrolled_days=15,
    age_from=16,
    age_before=26,
    majority=18,
    low_diplomas=frozenset({"", "01", "02", "03", "99"}),
    leaver_without_diploma=(enrolled_long_enough, of_the_age, enrolled_nowhere, below_the_level),
    minor_under_obligation=(minor, enrolled_nowhere),
)


def flags_of(facts: Facts, rule: Rule) -> Flags:
    """The two duties, each by its own conditions."""
    return Flags(
        l313_7=all(holds(facts, rule) for holds in rule.leaver_without_diploma),
        obligation_formation=all(holds(facts, rule) for holds in rule.minor_under_obligation),
    )


def is_dropout(flags: Flags) -> bool:
    return flags.l313_7 or flags.obligation_formation
