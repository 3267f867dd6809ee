"""What the lists say of one person: the main line, its double or its contradiction, and the line of another list."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from raccroche.fiction.biography import Biography, Enrolment, uai_of
from raccroche.fiction.names import folded
from raccroche.fiction.vocabulary import Case, Dirt, Elsewhere, ListName, Verdict


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line before it is written in a format; a birth or exit date may be raw text where the dirt asks for it."""

    where: ListName
    key: str
    uai: str
    ine: str
    family_name: str
    first_name: str
    birth_date: date | str | None
    birth_commune: str
    sex: str
    phone: str
    email: str
    address: str
    postcode: str
    commune: str
    guardian_family_name: str
    guardian_first_name: str
    guardian_phone: str
    guardian_email: str
    formation: str
    diploma: str
    motive: str
    entry: date | None
    exit: date | None
    broken: Dirt = Dirt.NONE


@dataclass(frozen=True, kw_only=True)
class ExpectedLine:
    """A line with the verdict and the findings' rules that it must get."""

    line: Line
    verdict: Verdict
    findings: tuple[str, ...] = ()


def lines_of(index: int, case: Case, life: Biography) -> tuple[ExpectedLine, ...]:
    """In the order in which they must stand within one list."""
    clean = _clean(index, life)
    main = _soiled(clean, case, life)
    return (
        ExpectedLine(line=main, verdict=case.verdict, findings=case.findings),
        *_second(main, case, life),
        *([_other_list(clean, life.elsewhere, case.elsewhere)] if life.elsewhere else []),
    )


def _clean(index: int, life: Biography) -> Line:
    return Line(
        where=life.where, key=f"{index}-1", uai=uai_of(life.where), ine=life.ine, family_name=life.family_name,
        first_name=life.first_name, birth_date=life.birth_date, birth_commune=life.birth_commune, sex=life.sex, phone=life.phone,
        email=life.email, address=life.address, postcode=life.commune.postcode, commune=life.commune.name,
        guardian_family_name=life.guardian.family_name, guardian_first_name=life.guardian.first_name,
        guardian_phone=life.guardian.phone, guardian_email=life.guardian.email, formation=life.formation, diploma=life.diploma,
        motive=life.motive if life.exit else "", entry=life.entry, exit=life.exit,
    )  # fmt: skip


def _soiled(line: Line, case: Case, life: Biography) -> Line:
    if case.elsewhere is Elsewhere.CENSUS_INE_ABSENT_HERE:
        line = replace(line, ine="")
    match case.dirt:
        case Dirt.WRONG_PHONE if line.where is ListName.A_LEAVERS:
            return replace(line, guardian_phone=line.guardian_phone[:6])
        case Dirt.WRONG_PHONE:
            return replace(line, phone=line.phone[:6])
        case Dirt.WRONG_EMAIL if line.where is ListName.A_LEAVERS:
            return replace(line, guardian_email=line.guardian_email.replace("@", " "))
        case Dirt.WRONG_EMAIL:
            return replace(line, email=line.email.replace("@", " "))
        case Dirt.WRONG_POSTCODE:
            return replace(line, postcode=line.postcode[:2] + "X" + line.postcode[3:])
        case Dirt.MALFORMED_INE:
            return replace(line, ine=line.ine[:9])
        case Dirt.NO_INE:
            return replace(line, ine="")
        case Dirt.CONTROL_CHARACTER:
            return replace(line, family_name=line.family_name[:4] + "\a" + line.family_name[4:])
        case Dirt.DIGIT_IN_NAME:
            return replace(line, family_name=line.family_name[:4] + "3" + line.family_name[4:])
        case Dirt.NO_BIRTH_DATE:
            return replace(line, birth_date=None)
        case Dirt.NO_FAMILY_NAME:
            return replace(line, family_name="")
        case Dirt.NO_FIRST_NAME:
            return replace(line, first_name="")
        case Dirt.NO_EXIT_DATE:
            return replace(line, exit=None)
        case Dirt.NO_ENTRY_DATE:
            return replace(line, entry=None)
        case Dirt.NO_SUCH_DAY:
            return replace(line, birth_date=f"{life.birth_date.year}-02-30")
        case Dirt.BORN_IN_FUTURE:
            return replace(line, birth_date=life.birth_date.replace(year=life.birth_date.year + 60))
        case Dirt.EXIT_BEFORE_ENTRY if line.exit:
            return replace(line, entry=line.exit + timedelta(days=3))
        case Dirt.TOO_FEW_COLUMNS | Dirt.TOO_MANY_COLUMNS | Dirt.OPEN_QUOTE:
            return replace(line, broken=case.dirt)
        case _:  # the dirt of a second line leaves the first one clean
            return line


def _second(main: Line, case: Case, life: Biography) -> Iterator[ExpectedLine]:
    other_key = main.key + "-2"
    match case.dirt:
        case Dirt.DOUBLED:
            yield ExpectedLine(line=main, verdict=Verdict.REMARKS, findings=("DUPLICATE_LINE",))
        case Dirt.DOUBLED_OTHER_PHONE:
            yield ExpectedLine(line=replace(main, key=other_key, phone=life.guardian.phone), verdict=Verdict.ACCEPTED)
        case Dirt.INE_WITH_OTHER_BIRTH_DATE:
            born = _another_birth_date(life)
            yield ExpectedLine(line=replace(main, key=other_key, birth_date=born), verdict=Verdict.HELD, findings=("IDENTITY_CONFLICT",))
        case Dirt.INE_WITH_OTHER_NAMES:
            other = replace(main, key=other_key, family_name=life.other_family_name, first_name=life.other_first_name)
            yield ExpectedLine(line=other, verdict=Verdict.HELD, findings=("IDENTITY_CONFLICT",))
        case _:  # every other dirt is on the main line
            return


def _another_birth_date(life: Biography) -> date:
    return life.birth_date.replace(year=life.birth_date.year - 1)


def _other_list(clean: Line, enrolment: Enrolment, kind: Elsewhere) -> ExpectedLine:
    line = replace(
        clean, where=enrolment.where, key=clean.key + "-elsewhere", uai=uai_of(enrolment.where), formation=enrolment.formation,
        entry=enrolment.start, exit=enrolment.end, motive="",
    )  # fmt: skip
    match kind:
        case Elsewhere.CENSUS_INE_ABSENT_THERE | Elsewhere.LATE_INE_ABSENT_THERE:
            return ExpectedLine(line=replace(line, ine=""), verdict=Verdict.ACCEPTED)
        case Elsewhere.LATE_OTHER_BIRTH_DATE if isinstance(line.birth_date, date):
            older = line.birth_date.replace(year=line.birth_date.year - 1)
            return ExpectedLine(line=replace(line, birth_date=older), verdict=Verdict.HELD, findings=("IDENTITY_CONFLICT",))
        case _:  # the line is as the person is
            return ExpectedLine(line=line, verdict=Verdict.ACCEPTED)


def spelt(line: Line) -> Line:
    """As SIFA writes: upper case, no accents, no special characters (DOMAIN 5.6)."""
    return replace(
        line, family_name=folded(line.family_name), first_name=folded(line.first_name), address=folded(line.address),
        guardian_family_name=folded(line.guardian_family_name), guardian_first_name=folded(line.guardian_first_name),
    )  # fmt: skip
