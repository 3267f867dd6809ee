"""The second table: people whom nobody looks for, as the same lists hold them. Nothing may ever be found about them."""

from raccroche.fiction.vocabulary import Age, Case, Dirt, ListName, Tenure, Verdict

REMARKS, REJECTED, NOT_KEPT = Verdict.REMARKS, Verdict.REJECTED, Verdict.NOT_KEPT


def _enrolled(
    where: ListName, name: str, *, age: Age = Age.ADULT, dirt: Dirt = Dirt.NONE,
    verdict: Verdict = Verdict.ACCEPTED, finding: str | None = None, weight: int = 1,
) -> Case:  # fmt: skip
    return Case(
        name=f"{where.value.replace('-', '_')}_{name}", rule="DESIGN 3: enrolments of people whom nobody looks for are no events",
        lists=(where,), age=age, tenure=Tenure.ENROLLED, diploma=("01", "03", "04"), dirt=dirt, verdict=verdict,
        findings=(finding,) if finding else (), weight=weight,
    )  # fmt: skip


_CENSUS, _A, _B, _C, _MARCH = (
    ListName.CFA_CENSUS, ListName.A_LEAVERS, ListName.B_ENROLMENTS, ListName.C_ENROLMENTS, ListName.C_LATE_ENROLMENTS,
)  # fmt: skip

BYSTANDER_CASES: tuple[Case, ...] = (
    _enrolled(_CENSUS, "apprentice", weight=40),
    _enrolled(_CENSUS, "minor_apprentice", age=Age.MINOR, weight=15),
    _enrolled(_CENSUS, "without_ine", dirt=Dirt.NO_INE, weight=4),
    _enrolled(_CENSUS, "wrong_phone", dirt=Dirt.WRONG_PHONE, verdict=REMARKS, finding="PHONE_INVALID", weight=3),
    _enrolled(_CENSUS, "malformed_ine", dirt=Dirt.MALFORMED_INE, verdict=REMARKS, finding="INE_MALFORMED"),
    _enrolled(_CENSUS, "doubled", dirt=Dirt.DOUBLED),
    _enrolled(_CENSUS, "under_16", age=Age.CHILD, verdict=NOT_KEPT, finding="UNDER_16", weight=3),
    _enrolled(_CENSUS, "sixteen_on_the_day", age=Age.SIXTEEN_THAT_DAY),
    _enrolled(_CENSUS, "sixteen_the_day_after", age=Age.SIXTEEN_DAY_AFTER, verdict=NOT_KEPT, finding="UNDER_16"),
    _enrolled(_CENSUS, "column_missing", dirt=Dirt.TOO_FEW_COLUMNS, verdict=REJECTED, finding="COLUMN_COUNT"),
    _enrolled(_CENSUS, "birth_date_missing", dirt=Dirt.NO_BIRTH_DATE, verdict=REJECTED, finding="MISSING_FIELD"),
    _enrolled(_CENSUS, "entry_date_missing", dirt=Dirt.NO_ENTRY_DATE, verdict=REJECTED, finding="MISSING_FIELD"),
    _enrolled(_A, "pupil", weight=20),
    _enrolled(_A, "minor_pupil", age=Age.MINOR, weight=25),
    _enrolled(_A, "pupil_under_16", age=Age.CHILD, verdict=NOT_KEPT, finding="UNDER_16", weight=8),
    _enrolled(_A, "pupil_sixteen_the_day_after", age=Age.SIXTEEN_DAY_AFTER, verdict=NOT_KEPT, finding="UNDER_16"),
    _enrolled(_B, "pupil", weight=8),
    _enrolled(_B, "column_missing", dirt=Dirt.TOO_FEW_COLUMNS, verdict=REJECTED, finding="COLUMN_COUNT"),
    _enrolled(_C, "pupil", weight=8),
    _enrolled(_C, "birth_date_on_no_calendar", dirt=Dirt.NO_SUCH_DAY, verdict=REJECTED, finding="BAD_DATE"),
    _enrolled(_MARCH, "newcomer", weight=10),
    _enrolled(_MARCH, "newcomer_under_16", age=Age.CHILD, verdict=NOT_KEPT, finding="UNDER_16"),
    _enrolled(_MARCH, "entry_date_missing", dirt=Dirt.NO_ENTRY_DATE, verdict=REJECTED, finding="MISSING_FIELD"),
    _enrolled(_MARCH, "quote_never_closed", dirt=Dirt.OPEN_QUOTE, verdict=REJECTED, finding="UNTERMINATED_QUOTE"),
)
