"""The table of cases: every boundary of the detection rule and every kind of dirt, with the verdict and the flags that must follow.

Written from DOMAIN.md 2.2 (who is a décrocheur), 5 (identifiers), 6 (formats) and 8 (what professionals complain about). A
diploma can be told by the CSV list only: a SIECLE export has no such field, so there the level stays unknown, which counts
as not reached.
"""

from raccroche.fiction.vocabulary import (
    BOTH,
    CSV_ONLY,
    DIPLOMA,
    L313_7,
    OBLIGATION,
    Age,
    Case,
    Dirt,
    Elsewhere,
    Tenure,
    Verdict,
)

ORDINARY = (
    Case(name="minor_without_diploma", rule="2.2: all four conditions, and the 16-18 obligation", age=Age.MINOR, flags=BOTH,
         boundary="both_flags", side="both", weight=16),
    Case(name="adult_without_diploma", rule="2.2: all four conditions", age=Age.ADULT, flags=L313_7,
         boundary="both_flags", side="l313_7_only", weight=24),
    Case(name="minor_with_diploma", rule="2.2: L.114-1 alone, diplômé ou non", age=Age.MINOR, lists=CSV_ONLY, diploma=DIPLOMA,
         flags=OBLIGATION, boundary="both_flags", side="obligation_only", weight=6),
    Case(name="adult_with_diploma", rule="2.2 condition 4, and of age", age=Age.ADULT, lists=CSV_ONLY, diploma=DIPLOMA,
         boundary="both_flags", side="none", weight=70),
)  # fmt: skip

FIFTEEN_DAYS = (
    Case(name="adult_left_after_15_days", rule="2.2 condition 1", age=Age.ADULT, tenure=Tenure.FIFTEEN_DAYS, flags=L313_7,
         boundary="fifteen_days", side="reached"),
    Case(name="adult_left_after_14_days", rule="2.2 condition 1", age=Age.ADULT, tenure=Tenure.FOURTEEN_DAYS,
         boundary="fifteen_days", side="not_reached", weight=6),
    Case(name="minor_left_after_15_days", rule="2.2 condition 1", age=Age.MINOR, tenure=Tenure.FIFTEEN_DAYS, flags=BOTH,
         boundary="fifteen_days", side="reached"),
    Case(name="minor_left_after_14_days", rule="2.2: the obligation asks for no 15 days", age=Age.MINOR,
         tenure=Tenure.FOURTEEN_DAYS, flags=OBLIGATION, boundary="fifteen_days", side="not_reached"),
    Case(name="adult_left_on_the_first_day", rule="2.2 condition 1", age=Age.ADULT, tenure=Tenure.SAME_DAY, weight=4),
    Case(name="adult_entry_unknown", rule="2.2 condition 1 cannot be shown", age=Age.ADULT, tenure=Tenure.ENTRY_UNKNOWN,
         verdict=Verdict.REMARKS, findings=("ENTRY_DATE_MISSING",), weight=3),
    Case(name="minor_entry_unknown", rule="2.2: the obligation stands without condition 1", age=Age.MINOR,
         tenure=Tenure.ENTRY_UNKNOWN, verdict=Verdict.REMARKS, findings=("ENTRY_DATE_MISSING",), flags=OBLIGATION),
)  # fmt: skip

AGES = (
    Case(name="sixteen_on_the_day", rule="2.2 condition 2", age=Age.SIXTEEN_THAT_DAY, flags=BOTH, boundary="sixteen", side="reached"),
    Case(name="sixteen_the_day_after", rule="2.2 condition 2: excluded, whatever the list says", age=Age.SIXTEEN_DAY_AFTER,
         verdict=Verdict.NOT_KEPT, findings=("UNDER_16",), boundary="sixteen", side="not_reached", weight=2),
    Case(name="under_sixteen", rule="2.2 condition 2", age=Age.CHILD, verdict=Verdict.NOT_KEPT, findings=("UNDER_16",), weight=8),
    Case(name="eighteen_on_the_day", rule="L.114-1 ends at majority", age=Age.EIGHTEEN_THAT_DAY, flags=L313_7,
         boundary="eighteen", side="reached"),
    Case(name="eighteen_the_day_after", rule="L.114-1 until majority", age=Age.EIGHTEEN_DAY_AFTER, flags=BOTH,
         boundary="eighteen", side="not_reached"),
    Case(name="twenty_six_the_day_after", rule="2.2: 16 to 25 révolus", age=Age.TWENTY_SIX_DAY_AFTER, flags=L313_7,
         boundary="twenty_six", side="not_reached"),
    Case(name="twenty_six_on_the_day", rule="2.2: 16 to 25 révolus", age=Age.TWENTY_SIX_THAT_DAY,
         boundary="twenty_six", side="reached", weight=2),
    Case(name="well_over_twenty_six", rule="2.2: 16 to 25 révolus", age=Age.GROWN, weight=4),
)  # fmt: skip

DIPLOMAS = (
    Case(name="adult_brevet_only", rule="2.2: DNB and CFG never count (DIP_OBT 03)", age=Age.ADULT, lists=CSV_ONLY,
         diploma=("03",), flags=L313_7, boundary="diploma", side="below"),
    Case(name="adult_cap", rule="2.2 condition 4: level 3 reached (DIP_OBT 04)", age=Age.ADULT, lists=CSV_ONLY,
         diploma=("04",), boundary="diploma", side="reached", weight=8),
    Case(name="minor_brevet_only", rule="2.2: DNB and CFG never count", age=Age.MINOR, lists=CSV_ONLY, diploma=("03",),
         flags=BOTH, boundary="diploma", side="below"),
    Case(name="minor_cap", rule="2.2: outside L.313-7, inside L.114-1", age=Age.MINOR, lists=CSV_ONLY, diploma=("04",),
         flags=OBLIGATION, boundary="diploma", side="reached"),
    Case(name="adult_diploma_unknown", rule="2.2 condition 4: unknown is not reached (DIP_OBT 99)", age=Age.ADULT,
         lists=CSV_ONLY, diploma=("99",), flags=L313_7),
)  # fmt: skip

ENROLLED_ELSEWHERE = (
    Case(name="apprentice_now", rule="2.2 condition 3", age=Age.ADULT, elsewhere=Elsewhere.CENSUS,
         boundary="enrolled_elsewhere", side="enrolled", weight=34),
    Case(name="minor_apprentice_now", rule="2.2 condition 3 ends the obligation too", age=Age.MINOR, elsewhere=Elsewhere.CENSUS,
         boundary="enrolled_elsewhere", side="enrolled", weight=10),
    Case(name="apprentice_without_ine_there", rule="3.1: names, birth date and commune of birth", age=Age.ADULT,
         elsewhere=Elsewhere.CENSUS_INE_ABSENT_THERE, boundary="enrolled_elsewhere", side="enrolled", weight=4),
    Case(name="apprentice_without_ine_here", rule="3.1: names, birth date and commune of birth", age=Age.ADULT,
         elsewhere=Elsewhere.CENSUS_INE_ABSENT_HERE, boundary="enrolled_elsewhere", side="enrolled", weight=4),
    Case(name="went_straight_to_another_lycee", rule="2.2 condition 3", age=Age.MINOR, elsewhere=Elsewhere.BEGUN_ON_EXIT_DAY,
         boundary="enrolled_elsewhere", side="enrolled", weight=4),
    Case(name="went_to_another_lycee_later", rule="2.2 condition 3", age=Age.ADULT, elsewhere=Elsewhere.BEGUN_AFTER_EXIT,
         boundary="enrolled_elsewhere", side="enrolled", weight=10),
    Case(name="in_two_places_one_goes_on", rule="2.2 condition 3", age=Age.ADULT, elsewhere=Elsewhere.RUNNING_SINCE_BEFORE,
         boundary="enrolled_elsewhere", side="enrolled", weight=4),
    Case(name="in_two_places_other_ends_the_day_after", rule="2.2 condition 3: ends after the exit", age=Age.ADULT,
         elsewhere=Elsewhere.ENDS_DAY_AFTER_EXIT, boundary="enrolled_elsewhere", side="enrolled"),
    Case(name="in_two_places_other_ends_that_day", rule="2.2 condition 3: nothing runs after the exit", age=Age.ADULT,
         elsewhere=Elsewhere.ENDED_ON_EXIT_DAY, flags=L313_7, boundary="enrolled_elsewhere", side="not_enrolled"),
    Case(name="another_lycee_the_year_before", rule="2.2 condition 3: ended before the exit", age=Age.MINOR,
         elsewhere=Elsewhere.ENDED_BEFORE, flags=BOTH, boundary="enrolled_elsewhere", side="not_enrolled"),
    Case(name="on_the_list_of_the_lycee_left", rule="2.2 condition 3: the enrolment left is none elsewhere", age=Age.ADULT,
         lists=CSV_ONLY, elsewhere=Elsewhere.SAME_LYCEE_BEFORE, flags=L313_7, boundary="enrolled_elsewhere", side="not_enrolled"),
)  # fmt: skip

LATE = (
    Case(name="found_enrolled_in_march", rule="8: late-enrolment events retract a signal", age=Age.ADULT,
         elsewhere=Elsewhere.LATE, flags=L313_7, withdrawn=True, boundary="late_enrolment", side="withdrawn", weight=9),
    Case(name="minor_found_enrolled_in_march", rule="8, and condition 3 of the obligation", age=Age.MINOR,
         elsewhere=Elsewhere.LATE, flags=BOTH, withdrawn=True, boundary="late_enrolment", side="withdrawn", weight=3),
    Case(name="diploma_minor_found_enrolled_in_march", rule="8, obligation only", age=Age.MINOR, lists=CSV_ONLY, diploma=DIPLOMA,
         elsewhere=Elsewhere.LATE, flags=OBLIGATION, withdrawn=True, boundary="late_enrolment", side="withdrawn"),
    Case(name="found_in_march_without_ine", rule="3.1 and 8", age=Age.ADULT, elsewhere=Elsewhere.LATE_INE_ABSENT_THERE,
         flags=L313_7, withdrawn=True, boundary="late_enrolment", side="withdrawn"),
    Case(name="old_enrolment_told_in_march", rule="2.2 condition 3: ended before the exit", age=Age.ADULT,
         elsewhere=Elsewhere.LATE_ENDED_BEFORE, flags=L313_7, boundary="late_enrolment", side="stands"),
    Case(name="graduate_found_enrolled_in_march", rule="nothing was found, nothing is withdrawn", age=Age.ADULT, lists=CSV_ONLY,
         diploma=DIPLOMA, elsewhere=Elsewhere.LATE, weight=2),
    Case(name="other_person_with_this_ine_in_march", rule="3.1: never INE alone; the line is held", age=Age.ADULT,
         elsewhere=Elsewhere.LATE_OTHER_BIRTH_DATE, flags=L313_7),
)  # fmt: skip

REMARKS = (
    Case(name="wrong_phone", rule="8: wrong or dead coordinates", age=Age.ADULT, dirt=Dirt.WRONG_PHONE,
         verdict=Verdict.REMARKS, findings=("PHONE_INVALID",), flags=L313_7, weight=6),
    Case(name="wrong_email", rule="5.6", age=Age.ADULT, dirt=Dirt.WRONG_EMAIL,
         verdict=Verdict.REMARKS, findings=("EMAIL_INVALID",), flags=L313_7),
    Case(name="wrong_postcode", rule="5.4; the département is then that of the UAI", age=Age.ADULT, lists=CSV_ONLY,
         dirt=Dirt.WRONG_POSTCODE, verdict=Verdict.REMARKS, findings=("POSTCODE_INVALID",), flags=L313_7),
    Case(name="malformed_ine", rule="5.2: treated as absent", age=Age.MINOR, dirt=Dirt.MALFORMED_INE,
         verdict=Verdict.REMARKS, findings=("INE_MALFORMED",), flags=BOTH),
    Case(name="without_ine", rule="5.2: may be empty", age=Age.ADULT, dirt=Dirt.NO_INE, flags=L313_7),
    Case(name="line_doubled", rule="8: duplicates; one person, one detection", age=Age.ADULT, dirt=Dirt.DOUBLED, flags=L313_7),
    Case(name="person_doubled_with_another_phone", rule="8: duplicates; one person, one detection", age=Age.MINOR,
         lists=CSV_ONLY, dirt=Dirt.DOUBLED_OTHER_PHONE, flags=BOTH),
)  # fmt: skip

HELD = (
    Case(name="ine_with_other_birth_date", rule="3.1: the second line is held", age=Age.ADULT,
         dirt=Dirt.INE_WITH_OTHER_BIRTH_DATE, flags=L313_7),
    Case(name="ine_with_other_names", rule="3.1: the second line is held", age=Age.MINOR,
         dirt=Dirt.INE_WITH_OTHER_NAMES, flags=BOTH),
)  # fmt: skip


def _rejected(name: str, rule: str, dirt: Dirt, finding: str, *, everywhere: bool = False) -> Case:
    lists = Case.lists if everywhere else CSV_ONLY
    return Case(name=name, rule=rule, age=Age.ADULT, lists=lists, dirt=dirt, verdict=Verdict.REJECTED, findings=(finding,))


REJECTED = (
    _rejected("column_missing", "6: the column order is fixed", Dirt.TOO_FEW_COLUMNS, "COLUMN_COUNT"),
    _rejected("column_too_many", "6: the column order is fixed", Dirt.TOO_MANY_COLUMNS, "COLUMN_COUNT"),
    _rejected("quote_never_closed", "8: dirt", Dirt.OPEN_QUOTE, "UNTERMINATED_QUOTE"),
    _rejected("control_character", "8: dirt", Dirt.CONTROL_CHARACTER, "CONTROL_CHAR"),
    _rejected("digit_in_name", "5.6", Dirt.DIGIT_IN_NAME, "NAME_INVALID"),
    _rejected("birth_date_missing", "6.1: missing birth date", Dirt.NO_BIRTH_DATE, "MISSING_FIELD", everywhere=True),
    _rejected("family_name_missing", "6.2: mandatory", Dirt.NO_FAMILY_NAME, "MISSING_FIELD", everywhere=True),
    _rejected("first_name_missing", "6.2: mandatory", Dirt.NO_FIRST_NAME, "MISSING_FIELD"),
    _rejected("exit_date_missing", "2.3: exit dates", Dirt.NO_EXIT_DATE, "MISSING_FIELD"),
    _rejected("birth_date_on_no_calendar", "5.6", Dirt.NO_SUCH_DAY, "BAD_DATE", everywhere=True),
    _rejected("born_in_the_future", "5.6", Dirt.BORN_IN_FUTURE, "BIRTH_DATE_IMPOSSIBLE"),
    _rejected("left_before_entering", "2.3", Dirt.EXIT_BEFORE_ENTRY, "EXIT_BEFORE_ENTRY", everywhere=True),
)

LEAVER_CASES: tuple[Case, ...] = (
    *ORDINARY, *FIFTEEN_DAYS, *AGES, *DIPLOMAS, *ENROLLED_ELSEWHERE, *LATE, *REMARKS, *HELD, *REJECTED,
)  # fmt: skip
