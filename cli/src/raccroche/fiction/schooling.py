"""When and where somebody went to school: the stay that a leavers' list tells, and what another list says of the same person."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from raccroche.fiction.places import establishments
from raccroche.fiction.vocabulary import CENSUS_DAY, LATE_DAY, LEAVERS_DAY, Case, Elsewhere, ListName, Tenure

FORMATIONS = ("24725214311", "24122130311", "27622131011", "24025214211", "10110001110")


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """What a list says of being enrolled somewhere; `end` is the first day out, none while it lasts."""

    where: ListName
    start: date
    end: date | None
    formation: str


_KNOWN_TO_BE_OVER = (
    Elsewhere.NOTHING, Elsewhere.ENDED_ON_EXIT_DAY, Elsewhere.ENDED_BEFORE, Elsewhere.SAME_LYCEE_BEFORE, Elsewhere.LATE_ENDED_BEFORE,
    Elsewhere.LATE_OTHER_BIRTH_DATE,
)  # fmt: skip


def goes_on_elsewhere(kind: Elsewhere) -> bool:
    """Whether some list tells, in the end, that this person is enrolled after all."""
    return kind not in _KNOWN_TO_BE_OVER


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


def between(first: date, last: date, chance: Random) -> date:
    return first + timedelta(days=chance.randint(0, (last - first).days))


def stay(case: Case, chance: Random) -> tuple[date, date | None]:
    """Entry and exit. Whoever is enrolled elsewhere in December left in autumn, so that the other list can know."""
    if case.tenure is Tenure.ENROLLED:
        return between(date(2025, 9, 1), date(2025, 12, 12), chance), None
    if case.elsewhere is Elsewhere.SAME_LYCEE_BEFORE:
        return date(2025, 9, 1), between(date(2026, 1, 5), date(2026, 1, 30), chance)
    short = {Tenure.FIFTEEN_DAYS: 15, Tenure.FOURTEEN_DAYS: 14, Tenure.SAME_DAY: 0}.get(case.tenure)
    if short is not None:
        entry = between(date(2025, 9, 1), date(2026, 1, 12), chance)
        return entry, entry + timedelta(days=short)
    entry = chance.choice((date(2024, 9, 2), date(2025, 9, 1)))
    last = date(2026, 1, 30) if case.elsewhere is Elsewhere.NOTHING else date(2025, 11, 28)
    return entry, between(date(2025, 9, 22), last, chance)


def enrolment_elsewhere(kind: Elsewhere, entry: date, left: date | None, formation: str, chance: Random) -> Enrolment | None:
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
            stay = between(left, date(2025, 12, 15), chance), None
        case Elsewhere.BEGUN_ON_EXIT_DAY:
            stay = left, None
        case Elsewhere.BEGUN_AFTER_EXIT:
            stay = between(left + day, date(2025, 12, 15), chance), None
        case Elsewhere.RUNNING_SINCE_BEFORE | Elsewhere.SAME_LYCEE_BEFORE:
            stay = entry, None
        case Elsewhere.ENDS_DAY_AFTER_EXIT:
            return where, entry, left + day
        case Elsewhere.ENDED_ON_EXIT_DAY:
            return where, entry, left
        case Elsewhere.ENDED_BEFORE | Elsewhere.LATE_ENDED_BEFORE:
            return where, date(2023, 9, 4), date(2024, 7, 5)
        case Elsewhere.LATE | Elsewhere.LATE_INE_ABSENT_THERE | Elsewhere.LATE_OTHER_BIRTH_DATE:
            stay = between(date(2026, 2, 2), date(2026, 3, 12), chance), None
        case Elsewhere.NOTHING:
            raise ValueError("nothing is known elsewhere")
    return where, *stay


def _list_that_tells(kind: Elsewhere) -> ListName:
    if kind.name.startswith("CENSUS"):
        return ListName.CFA_CENSUS
    if kind.name.startswith("LATE"):
        return ListName.C_LATE_ENROLMENTS
    return ListName.B_ENROLMENTS if kind is Elsewhere.SAME_LYCEE_BEFORE else ListName.C_ENROLMENTS
