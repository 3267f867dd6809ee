"""Draws one life from its case and its own chance: identity, coordinates, schooling, and what another list says."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from raccroche.fiction.identifiers import ine_of, phone_of
from raccroche.fiction.names import family_name, first_name, folded
from raccroche.fiction.places import Commune, communes, establishments
from raccroche.fiction.vocabulary import CENSUS_DAY, LATE_DAY, LEAVERS_DAY, Age, Case, Elsewhere, ListName, Tenure

NAMES_PER_PERSON = 4
FORMATIONS = ("24725214311", "24122130311", "27622131011", "24025214211", "10110001110")
MOTIVES = ("ABANDON", "DEMISSION", "CHANGEMENT DE SITUATION", "NON REINSCRIT")


@dataclass(frozen=True, kw_only=True)
class Guardian:
    family_name: str
    first_name: str
    phone: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """What a list says of being enrolled somewhere; `end` is the first day out, none while it lasts."""

    where: ListName
    start: date
    end: date | None
    formation: str


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


def reference_day(where: ListName) -> date:
    match where:
        case ListName.CFA_CENSUS | ListName.B_ENROLMENTS | ListName.C_ENROLMENTS:
            return CENSUS_DAY
        case ListName.A_LEAVERS | ListName.B_LEAVERS:
            return LEAVERS_DAY
        case ListName.C_LATE_ENROLMENTS:
            return LATE_DAY


def uai_of(where: ListName) -> str:
    lycee_a, lycee_b, lycee_c, cfa = establishments()
    match where:
        case ListName.A_LEAVERS:
            return lycee_a.uai
        case ListName.B_LEAVERS | ListName.B_ENROLMENTS:
            return lycee_b.uai
        case ListName.C_ENROLMENTS | ListName.C_LATE_ENROLMENTS:
            return lycee_c.uai
        case ListName.CFA_CENSUS:
            return cfa.uai


def live(case: Case, index: int, chance: Random) -> Biography:
    """Everything about person `index` follows from the case and this person's own chance."""
    where = chance.choice(case.lists)
    name, first = family_name(index * NAMES_PER_PERSON), first_name(chance)
    home = chance.choice(communes())
    entry, left = _stay(case, chance)
    formation = chance.choice(FORMATIONS)
    return Biography(
        ine=ine_of(index, chance), family_name=name, first_name=first, birth_date=_birth(case.age, reference_day(where), chance),
        birth_commune=chance.choice(communes()).code, sex=chance.choice("12"), phone=phone_of(index * 2, chance),
        email=_email(first, name), address=f"{chance.randint(1, 180)} rue {family_name(index * NAMES_PER_PERSON + 3)}", commune=home,
        guardian=_guardian(name, index, chance), other_family_name=family_name(index * NAMES_PER_PERSON + 2),
        other_first_name=first_name(chance), where=where, formation=formation, diploma=chance.choice(case.diploma),
        motive=chance.choice(MOTIVES), entry=None if case.tenure is Tenure.ENTRY_UNKNOWN else entry, exit=left,
        elsewhere=_elsewhere(case.elsewhere, entry, left, formation, chance),
    )  # fmt: skip


def _guardian(name: str, index: int, chance: Random) -> Guardian:
    family = name if chance.random() < 0.6 else family_name(index * NAMES_PER_PERSON + 1)
    first = first_name(chance)
    return Guardian(family_name=family, first_name=first, phone=phone_of(index * 2 + 1, chance), email=_email(first, family))


def _email(first: str, family: str) -> str:
    return f"{folded(first)}.{folded(family)}@example.org".lower()


def _between(first: date, last: date, chance: Random) -> date:
    return first + timedelta(days=chance.randint(0, (last - first).days))


def _birth(age: Age, on: date, chance: Random) -> date:
    """The wide ages keep clear of every reference date; 29 February is no birthday here, since years differ on when it falls."""
    match age:
        case Age.CHILD:
            born = _between(date(2010, 3, 20), date(2012, 12, 31), chance)
        case Age.MINOR:
            born = _between(date(2008, 3, 20), date(2009, 12, 30), chance)
        case Age.ADULT:
            born = _between(date(2000, 4, 1), date(2007, 12, 30), chance)
        case Age.GROWN:
            born = _between(date(1995, 1, 1), date(1999, 12, 30), chance)
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


def _stay(case: Case, chance: Random) -> tuple[date, date | None]:
    """Entry and exit. Whoever is enrolled elsewhere in December left in autumn, so that the other list can know."""
    if case.tenure is Tenure.ENROLLED:
        return _between(date(2025, 9, 1), date(2025, 12, 12), chance), None
    if case.elsewhere is Elsewhere.SAME_LYCEE_BEFORE:
        return date(2025, 9, 1), _between(date(2026, 1, 5), date(2026, 1, 30), chance)
    short = {Tenure.FIFTEEN_DAYS: 15, Tenure.FOURTEEN_DAYS: 14, Tenure.SAME_DAY: 0}.get(case.tenure)
    if short is not None:
        entry = _between(date(2025, 9, 1), date(2026, 1, 12), chance)
        return entry, entry + timedelta(days=short)
    entry = chance.choice((date(2024, 9, 2), date(2025, 9, 1)))
    last = date(2026, 1, 30) if case.elsewhere is Elsewhere.NOTHING else date(2025, 11, 28)
    return entry, _between(date(2025, 9, 22), last, chance)


def _elsewhere(kind: Elsewhere, entry: date, left: date | None, formation: str, chance: Random) -> Enrolment | None:
    if kind is Elsewhere.NOTHING or left is None:
        return None
    where, start, end = _place_and_time(kind, entry, left, chance)
    other = formation if kind is Elsewhere.SAME_LYCEE_BEFORE else chance.choice([code for code in FORMATIONS if code != formation])
    return Enrolment(where=where, start=start, end=end, formation=other)


def _place_and_time(kind: Elsewhere, entry: date, left: date, chance: Random) -> tuple[ListName, date, date | None]:
    day = timedelta(days=1)
    where = _list_that_tells(kind)
    match kind:
        case Elsewhere.CENSUS | Elsewhere.CENSUS_INE_ABSENT_THERE | Elsewhere.CENSUS_INE_ABSENT_HERE:
            stay = _between(left, date(2025, 12, 15), chance), None
        case Elsewhere.BEGUN_ON_EXIT_DAY:
            stay = left, None
        case Elsewhere.BEGUN_AFTER_EXIT:
            stay = _between(left + day, date(2025, 12, 15), chance), None
        case Elsewhere.RUNNING_SINCE_BEFORE | Elsewhere.SAME_LYCEE_BEFORE:
            stay = entry, None
        case Elsewhere.ENDS_DAY_AFTER_EXIT:
            return where, entry, left + day
        case Elsewhere.ENDED_ON_EXIT_DAY:
            return where, entry, left
        case Elsewhere.ENDED_BEFORE | Elsewhere.LATE_ENDED_BEFORE:
            return where, date(2023, 9, 4), date(2024, 7, 5)
        case Elsewhere.LATE | Elsewhere.LATE_INE_ABSENT_THERE | Elsewhere.LATE_OTHER_BIRTH_DATE:
            stay = _between(date(2026, 2, 2), date(2026, 3, 12), chance), None
        case Elsewhere.NOTHING:
            raise ValueError("nothing is known elsewhere")
    return where, *stay


def _list_that_tells(kind: Elsewhere) -> ListName:
    if kind.name.startswith("CENSUS"):
        return ListName.CFA_CENSUS
    if kind.name.startswith("LATE"):
        return ListName.C_LATE_ENROLMENTS
    return ListName.B_ENROLMENTS if kind is Elsewhere.SAME_LYCEE_BEFORE else ListName.C_ENROLMENTS
