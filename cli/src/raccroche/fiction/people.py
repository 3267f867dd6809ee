"""Turns case and chance into a person: life, label, plan, and the lines that lists will hold."""

from dataclasses import dataclass
from datetime import date
from random import Random

from raccroche.fiction.biography import Biography, live
from raccroche.fiction.lines import ExpectedLine, lines_of
from raccroche.fiction.names import folded
from raccroche.fiction.offers import Offer
from raccroche.fiction.places import departement_of_uai
from raccroche.fiction.plan import Plan, plan_for
from raccroche.fiction.vocabulary import DIPLOMA, LEAVERS_DAY, NO_FLAG, Case, Dirt, Flags, Verdict


@dataclass(frozen=True, kw_only=True)
class Label:
    """What must come of this person: copied from the case, never computed from a file."""

    verdict: Verdict
    findings: tuple[str, ...]
    flags: Flags
    withdrawn: bool
    departement: str

    @property
    def detected(self) -> bool:
        return self.flags != NO_FLAG


@dataclass(frozen=True, kw_only=True)
class Person:
    """`plan` is there for whoever is detected."""

    index: int
    case: Case
    label: Label
    biography: Biography
    plan: Plan | None
    lines: tuple[ExpectedLine, ...]

    @property
    def identity(self) -> tuple[str, str, date]:
        return identity_of(self.biography.family_name, self.biography.first_name, self.biography.birth_date)


def identity_of(family_name: str, first_name: str, birth_date: date) -> tuple[str, str, date]:
    """By which a person is known again in whatever spelling a list used."""
    return folded(family_name), folded(first_name), birth_date


def person(index: int, case: Case, seed: int, catalogue: tuple[Offer, ...]) -> Person:
    """Depends on seed, index and case only, not on who came before."""
    life = live(case, index, Random(f"{seed}:{index}"))  # noqa: S311 -- a seeded fiction, no secret
    lines = lines_of(index, case, life)
    departement = departement_of_uai(lines[0].line.uai) if case.dirt is Dirt.WRONG_POSTCODE else life.commune.postcode[:2]
    label = Label(verdict=case.verdict, findings=case.findings, flags=case.flags, withdrawn=case.withdrawn, departement=departement)
    plan = _plan(label, life, case, Random(f"{seed}:{index}:plan"), catalogue) if label.detected else None  # noqa: S311 -- as above
    return Person(index=index, case=case, label=label, biography=life, plan=plan, lines=lines)


def _plan(label: Label, life: Biography, case: Case, chance: Random, catalogue: tuple[Offer, ...]) -> Plan:
    return plan_for(
        chance, age=_age(life.birth_date, LEAVERS_DAY), departement=label.departement, level=3 if life.diploma in DIPLOMA else 1,
        reachable=case.dirt is not Dirt.WRONG_PHONE, may_close=not label.withdrawn, catalogue=catalogue,
    )  # fmt: skip


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
