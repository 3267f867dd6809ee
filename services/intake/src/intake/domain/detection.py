"""The versioned predicate: who has dropped out, by four conditions over dated facts and two independent flags (DOMAIN 2.2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from contracts.intake import Flags
from intake.domain.apprenticeship import Contract, Patience, standing_on


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """One enrolment as far as it is known. `end` is the first day out, none while it lasts. An apprentice's lasts as contracts allow.

    as_of: the day as of which it was told, where that is known.
    """

    uai: str
    formation: str | None
    start: date | None
    end: date | None
    apprentice: bool = False
    as_of: date | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the rule reads about one young person, on one day.

    left: the enrolment that ended, its `end` being the first day out. on: the day of identification, a list's reference date.
    age: in whole years on that day, by the calendar of Europe/Paris. others: every enrolment known from any source.
    diplomas: `DIP_OBT` codes of any source. contracts: of apprenticeship, of any source. absent_as_of, last_seen: where the exit is an
    absence from the establishment's next complete list, the reference dates of that list and of the last one that told them.
    """

    left: Enrolment
    left_on: date
    on: date
    age: int
    others: tuple[Enrolment, ...] = ()
    diplomas: frozenset[str] = frozenset()
    contracts: tuple[Contract, ...] = ()
    absent_as_of: date | None = None
    last_seen: date | None = None


type Condition = Callable[[Facts, "Rule"], bool]
type CapHolder = Literal["reaches_the_level", "dropout_before_terminale"]
"""Whether a CAP or BEP counts for its holder who leaves a bac pro before terminale: it does, by the letter of D.313-59; it does not, by
the circulaire of 9 February 2011 as Céreq reads it, for the éducation nationale. Ministries differ (DOMAIN 2.2), so policy chooses."""


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """How a formation's code tells a bac pro and its year. The positions are those of the MEF (11 digits); thin in the sources.

    A MEF begins with its dispositif (247: bac pro in three years), its 9th digit is the cycle's length, its 10th the year in it.
    """

    bac_pro: tuple[str, ...] = ("247",)
    length: int = 8
    year: int = 9


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Thresholds and conditions of one version. What is thin in the sources is configuration here (DOMAIN 2.2, 10).

    low_diplomas: DIP_OBT codes that do not reach the level of D.313-59: none, CFG, DNB, unknown, unstated. cap_diplomas: CAP, BEP.
    """

    name: str
    version: int
    enrolled_days: int
    age_from: int
    age_before: int
    majority: int
    low_diplomas: frozenset[str]
    cap_diplomas: frozenset[str]
    cap_holder: CapHolder
    cycles: Cycles = field(default_factory=Cycles)
    patience: Patience = field(default_factory=Patience)
    leaver_without_diploma: tuple[Condition, ...]
    minor_under_obligation: tuple[Condition, ...]


def enrolled_long_enough(facts: Facts, rule: Rule) -> bool:
    """c1: at least 15 days of enrolment; an unknown entry date proves nothing, nor do days on which nobody told the absent one."""
    start, until = facts.left.start, min(facts.left_on, facts.last_seen or facts.left_on)
    return start is not None and (until - start).days >= rule.enrolled_days


def of_the_age(facts: Facts, rule: Rule) -> bool:
    """c2: 16 to 25 years old on the reference date."""
    return rule.age_from <= facts.age < rule.age_before


def enrolled_nowhere(facts: Facts, rule: Rule) -> bool:  # noqa: ARG001 -- every condition has the same signature
    """c3: no other enrolment that begins at the exit, or lasts beyond it; of an apprentice's, see `out_of_apprenticeship`."""
    return not any(_runs_after(one, facts) for one in facts.others if not one.apprentice)


def out_of_apprenticeship(facts: Facts, rule: Rule) -> bool:
    """c3 for apprentices: no contract runs, none ended within 180 days, and whoever waits for a first one has done so for over 90.

    Whom the training centre says to have left is no longer waiting there; a contract that runs counts all the same.
    """
    contracts = [one for one in facts.contracts if not _left_behind(one, facts, rule)]
    begun = [one.start for one in facts.others if one.apprentice and one.start and not _is_the_one_left(one, facts)]
    return standing_on(contracts, begun, facts.on, rule.patience) in {"none", "left"}


def _left_behind(one: Contract, facts: Facts, rule: Rule) -> bool:
    """Of the establishment that was left, begun before, and over."""
    there = one.uai == facts.left.uai and one.start < facts.left_on
    return there and standing_on([one], [], facts.on, rule.patience) != "in_contract"


def below_the_level(facts: Facts, rule: Rule) -> bool:
    """c4: no source states a diploma of the level of D.313-59, or policy says that it does not count here."""
    if facts.diplomas <= rule.low_diplomas:
        return True
    discounted = rule.cap_holder == "dropout_before_terminale" and _before_terminale(facts.left.formation or "", rule.cycles)
    return discounted and facts.diplomas <= rule.low_diplomas | rule.cap_diplomas


def _before_terminale(formation: str, cycles: Cycles) -> bool:
    """Of a bac pro, and provably not in its last year: a code that does not tell proves nothing."""
    length, year = formation[cycles.length : cycles.length + 1], formation[cycles.year : cycles.year + 1]
    return formation.startswith(cycles.bac_pro) and length.isdigit() and year.isdigit() and year < length


def minor(facts: Facts, rule: Rule) -> bool:
    """Aged 16 or 17: under the training obligation of L.114-1, diploma or not."""
    return rule.age_from <= facts.age < rule.majority


def _runs_after(one: Enrolment, facts: Facts) -> bool:
    return not _is_the_one_left(one, facts) and (one.end is None or one.end > facts.left_on)


def _is_the_one_left(one: Enrolment, facts: Facts) -> bool:
    """The same establishment and formation (an unstated one contradicts nothing), begun before the exit.

    Whom a complete list lacks has left all of the establishment, unless somebody tells an enrolment there as of that day or later.
    """
    left = facts.left
    begun_before = one.start is None or one.start < facts.left_on
    if facts.absent_as_of is not None:
        return one.uai == left.uai and begun_before and (one.as_of is None or one.as_of < facts.absent_as_of)
    same_formation = one.formation is None or left.formation is None or one.formation == left.formation
    return one.uai == left.uai and same_formation and begun_before


SIEI_V1 = Rule(
    name="siei",
    version=1,
    enrolled_days=15,
    age_from=16,
    age_before=26,
    majority=18,
    low_diplomas=frozenset({"", "01", "02", "03", "99"}),
    cap_diplomas=frozenset({"04", "05"}),
    cap_holder="reaches_the_level",
    leaver_without_diploma=(enrolled_long_enough, of_the_age, enrolled_nowhere, out_of_apprenticeship, below_the_level),
    minor_under_obligation=(minor, enrolled_nowhere, out_of_apprenticeship),
)
SIEI_V2 = replace(SIEI_V1, version=2, cap_holder="dropout_before_terminale")

RULES: Mapping[tuple[str, int], Rule] = {(rule.name, rule.version): rule for rule in (SIEI_V1, SIEI_V2)}
"""Every version that was ever in force or may be tried; a version in use is never changed, but followed by another."""


def flags_of(facts: Facts, rule: Rule) -> Flags:
    """The two duties, each by its own conditions."""
    return Flags(
        l313_7=all(holds(facts, rule) for holds in rule.leaver_without_diploma),
        obligation_formation=all(holds(facts, rule) for holds in rule.minor_under_obligation),
    )


def is_dropout(flags: Flags) -> bool:
    return flags.l313_7 or flags.obligation_formation
