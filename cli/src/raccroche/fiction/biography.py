"""Draws one life from its case and its own chance: identity, coordinates, schooling, and what another list says."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from raccroche.fiction.identifiers import ine_of, phone_of
from raccroche.fiction.names import family_name, first_name, folded
from raccroche.fiction.places import Commune, communes
from raccroche.fiction.schooling import FORMATIONS, Enrolment, between, enrolment_elsewhere, reference_day, stay
from raccroche.fiction.vocabulary import Age, Case, ListName, Tenure

NAMES_PER_PERSON = 4
MOTIVES = ("ABANDON", "DEMISSION", "CHANGEMENT DE SITUATION", "NON REINSCRIT")


@dataclass(frozen=True, kw_only=True)
class Guardian:
    family_name: str
    first_name: str
    phone: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Biography:
    """Who somebody is and how the schooling went. `exit` is the first day out; phones are ten national digits."""

    ine: str
    family_name: str
    first_name: str
    birth_date: date
    birth_commune: str
    sex: str
    phone: str
    email: str
    address: str
    commune: Commune
    guardian: Guardian
    other_family_name: str
    other_first_name: str
    where: ListName
    formation: str
    diploma: str
    motive: str
    entry: date | None
    exit: date | None
    elsewhere: Enrolment | None


def live(case: Case, index: int, chance: Random) -> Biography:
    """Everything about person `index` follows from the case and this person's own chance."""
    where = chance.choice(case.lists)
    name, first = family_name(index * NAMES_PER_PERSON), first_name(chance)
    home = chance.choice(communes())
    entry, left = stay(case, chance)
    formation = chance.choice(FORMATIONS)
    return Biography(
        ine=ine_of(index, chance), family_name=name, first_name=first, birth_date=_birth(case.age, reference_day(where), chance),
        birth_commune=chance.choice(communes()).code, sex=chance.choice("12"), phone=phone_of(index * 2, chance),
        email=_email(first, name), address=f"{chance.randint(1, 180)} rue {family_name(index * NAMES_PER_PERSON + 3)}", commune=home,
        guardian=_guardian(name, index, chance), other_family_name=family_name(index * NAMES_PER_PERSON + 2),
        other_first_name=first_name(chance), where=where, formation=formation, diploma=chance.choice(case.diploma),
        motive=chance.choice(MOTIVES), entry=None if case.tenure is Tenure.ENTRY_UNKNOWN else entry, exit=left,
        elsewhere=enrolment_elsewhere(case.elsewhere, entry, left, formation, chance),
    )  # fmt: skip


def _guardian(name: str, index: int, chance: Random) -> Guardian:
    family = name if chance.random() < 0.6 else family_name(index * NAMES_PER_PERSON + 1)
    first = first_name(chance)
    return Guardian(family_name=family, first_name=first, phone=phone_of(index * 2 + 1, chance), email=_email(first, family))


def _email(first: str, family: str) -> str:
    return f"{folded(first)}.{folded(family)}@example.org".lower()


def _birth(age: Age, on: date, chance: Random) -> date:  # noqa: C901 -- one line per age, a table in all but name
    """The wide ages keep clear of every reference date; 29 February is no birthday here, since years differ on when it falls."""
    match age:
        case Age.CHILD:
            born = between(date(2010, 3, 20), date(2012, 12, 31), chance)
        case Age.MINOR:
            born = between(date(2008, 3, 20), date(2009, 12, 30), chance)
        case Age.ADULT:
            born = between(date(2000, 4, 1), date(2007, 12, 30), chance)
        case Age.GROWN:
            born = between(date(1995, 1, 1), date(1999, 12, 30), chance)
        case Age.SIXTEEN_THAT_DAY:
            born = on.replace(year=on.year - 16)
        case Age.SIXTEEN_DAY_AFTER:
            born = _day_after(on, 16)
        case Age.EIGHTEEN_THAT_DAY:
            born = on.replace(year=on.year - 18)
        case Age.EIGHTEEN_DAY_AFTER:
            born = _day_after(on, 18)
        case Age.TWENTY_SIX_THAT_DAY:
            born = on.replace(year=on.year - 26)
        case Age.TWENTY_SIX_DAY_AFTER:
            born = _day_after(on, 26)
    return born.replace(day=28) if (born.month, born.day) == (2, 29) else born


def _day_after(on: date, years: int) -> date:
    birthday = on + timedelta(days=1)
    return birthday.replace(year=birthday.year - years)
