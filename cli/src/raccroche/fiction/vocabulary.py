"""The words in which a case is told: ages, tenures, what is known elsewhere, the dirt of a line, and the verdict expected."""

from dataclasses import dataclass
from datetime import date
from enum import Enum

CENSUS_DAY = date(2025, 12, 31)
LEAVERS_DAY = date(2026, 1, 31)
LATE_DAY = date(2026, 3, 15)


class ListName(Enum):
    """The six lists of the fiction, in the order in which they are sent."""

    CFA_CENSUS = "cfa-census"
    B_ENROLMENTS = "b-enrolments"
    C_ENROLMENTS = "c-enrolments"
    A_LEAVERS = "a-leavers"
    B_LEAVERS = "b-leavers"
    C_LATE_ENROLMENTS = "c-late-enrolments"


LEAVERS = (ListName.A_LEAVERS, ListName.B_LEAVERS)
SIECLE_ONLY = (ListName.A_LEAVERS,)
CSV_ONLY = (ListName.B_LEAVERS,)


class Age(Enum):
    """Age on the list's reference date; the first three leave a margin on both sides so that no other date changes them."""

    CHILD = "13 to 15"
    MINOR = "16 or 17"
    ADULT = "18 to 25"
    GROWN = "26 to 30"
    SIXTEEN_THAT_DAY = "16th birthday on the reference date"
    SIXTEEN_DAY_AFTER = "16th birthday the day after"
    EIGHTEEN_THAT_DAY = "18th birthday on the reference date"
    EIGHTEEN_DAY_AFTER = "18th birthday the day after"
    TWENTY_SIX_THAT_DAY = "26th birthday on the reference date"
    TWENTY_SIX_DAY_AFTER = "26th birthday the day after"


class Tenure(Enum):
    """Days from the entry to the exit (the exit is the first day out)."""

    LONG = "three weeks or more"
    FIFTEEN_DAYS = "15 days"
    FOURTEEN_DAYS = "14 days"
    SAME_DAY = "0 days"
    ENTRY_UNKNOWN = "no entry date on the line"
    ENROLLED = "no exit: still enrolled"


class Elsewhere(Enum):
    """What another list says of the same person."""

    NOTHING = "nothing"
    CENSUS = "apprentice on 31 December, same INE"
    CENSUS_INE_ABSENT_THERE = "apprentice on 31 December, INE empty in the census"
    CENSUS_INE_ABSENT_HERE = "apprentice on 31 December, INE empty on the leavers' list"
    BEGUN_ON_EXIT_DAY = "enrolled in another lycée from the day of the exit"
    BEGUN_AFTER_EXIT = "enrolled in another lycée some time after the exit"
    RUNNING_SINCE_BEFORE = "enrolled in two places, the other one goes on"
    ENDS_DAY_AFTER_EXIT = "enrolled in two places, the other one ends the day after the exit"
    ENDED_ON_EXIT_DAY = "enrolled in two places, the other one ends the day of the exit"
    ENDED_BEFORE = "enrolled in another lycée the year before"
    SAME_LYCEE_BEFORE = "on December's list of the lycée left in January, same training"
    LATE = "enrolled in another lycée, known in March only"
    LATE_INE_ABSENT_THERE = "the same, INE empty on March's list"
    LATE_ENDED_BEFORE = "an old enrolment, known in March only"
    LATE_OTHER_BIRTH_DATE = "March's list has this INE with another birth date"


class Dirt(Enum):
    """What is wrong with the line, as real lists have it (DOMAIN 6 and 8)."""

    NONE = "nothing"
    WRONG_PHONE = "a phone number too short"
    WRONG_EMAIL = "an e-mail without @"
    WRONG_POSTCODE = "a postcode with a letter"
    MALFORMED_INE = "an INE cut short"
    NO_INE = "no INE"
    DOUBLED = "the line stands twice"
    DOUBLED_OTHER_PHONE = "the person stands twice, with another phone"
    INE_WITH_OTHER_BIRTH_DATE = "a second line: same INE and names, other birth date"
    INE_WITH_OTHER_NAMES = "a second line: same INE and birth date, other names"
    TOO_FEW_COLUMNS = "a column is missing"
    TOO_MANY_COLUMNS = "a column too many"
    OPEN_QUOTE = "a quote is never closed"
    CONTROL_CHARACTER = "a control character in a name"
    DIGIT_IN_NAME = "a digit in the name"
    NO_BIRTH_DATE = "no birth date"
    NO_FAMILY_NAME = "no family name"
    NO_FIRST_NAME = "no first name"
    NO_EXIT_DATE = "no exit date on a leavers' list"
    NO_ENTRY_DATE = "no entry date on an enrolment"
    NO_SUCH_DAY = "a birth date that is on no calendar"
    BORN_IN_FUTURE = "a birth date in the future"
    EXIT_BEFORE_ENTRY = "an exit before the entry"


class Verdict(Enum):
    ACCEPTED = "accepted"
    REMARKS = "accepted_with_remarks"
    REJECTED = "rejected"
    HELD = "held"
    NOT_KEPT = "not_kept"


@dataclass(frozen=True, kw_only=True)
class Flags:
    """The two independent duties; a detection is made when either holds (DOMAIN 2.2)."""

    l313_7: bool
    obligation_formation: bool

    @property
    def name(self) -> str:
        match self.l313_7, self.obligation_formation:
            case True, True:
                return "both"
            case True, False:
                return "l313_7_only"
            case False, True:
                return "obligation_only"
            case _:
                return "none"


BOTH = Flags(l313_7=True, obligation_formation=True)
L313_7 = Flags(l313_7=True, obligation_formation=False)
OBLIGATION = Flags(l313_7=False, obligation_formation=True)
NO_FLAG = Flags(l313_7=False, obligation_formation=False)

NO_DIPLOMA = ("01", "02", "03", "99", "")
DIPLOMA = ("04", "05", "06", "07", "08", "09", "10")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table: a way of living and of being written down, and what must come of it.

    `verdict` and `findings` are those of the main line; `flags` are those of the detection made when that list closes,
    `withdrawn` whether March takes it back. `boundary` and `side` name the edge of a rule on which the row stands.
    """

    name: str
    rule: str
    lists: tuple[ListName, ...] = LEAVERS
    age: Age
    tenure: Tenure = Tenure.LONG
    diploma: tuple[str, ...] = NO_DIPLOMA
    elsewhere: Elsewhere = Elsewhere.NOTHING
    dirt: Dirt = Dirt.NONE
    verdict: Verdict = Verdict.ACCEPTED
    findings: tuple[str, ...] = ()
    flags: Flags = NO_FLAG
    withdrawn: bool = False
    boundary: str | None = None
    side: str | None = None
    weight: int = 1
