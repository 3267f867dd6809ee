"""What the lists say of one person: the main line, its double or its contradiction, and the line of another list."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from raccroche.fiction.biography import Biography
from raccroche.fiction.names import folded
from raccroche.fiction.schooling import Enrolment, uai_of
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
    main = _soiled(clean, case)
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


def _in_siecle(line: Line) -> bool:
    """There the only phones and e-mails are the guardians'."""
    return line.where is ListName.A_LEAVERS


def _wrong_phone(line: Line) -> Line:
    return replace(line, guardian_phone=line.guardian_phone[:6]) if _in_siecle(line) else replace(line, phone=line.phone[:6])


def _wrong_email(line: Line) -> Line:
    guardian, own = line.guardian_email.replace("@", " "), line.email.replace("@", " ")
    return replace(line, guardian_email=guardian) if _in_siecle(line) else replace(line, email=own)


def _inside_the_name(line: Line, intruder: str) -> Line:
    return replace(line, family_name=line.family_name[:4] + intruder + line.family_name[4:])


def _born(line: Line, day: Callable[[date], date | str]) -> Line:
    return replace(line, birth_date=day(line.birth_date)) if isinstance(line.birth_date, date) else line


_SOIL: Mapping[Dirt, Callable[[Line], Line]] = {
    Dirt.WRONG_PHONE: _wrong_phone,
    Dirt.WRONG_EMAIL: _wrong_email,
    Dirt.WRONG_POSTCODE: lambda line: replace(line, postcode=line.postcode[:2] + "X" + line.postcode[3:]),
    Dirt.MALFORMED_INE: lambda line: replace(line, ine=line.ine[:9]),
    Dirt.NO_INE: lambda line: replace(line, ine=""),
    Dirt.CONTROL_CHARACTER: lambda line: _inside_the_name(line, "\a"),
    Dirt.DIGIT_IN_NAME: lambda line: _inside_the_name(line, "3"),
    Dirt.NO_BIRTH_DATE: lambda line: replace(line, birth_date=None),
    Dirt.NO_FAMILY_NAME: lambda line: replace(line, family_name=""),
    Dirt.NO_FIRST_NAME: lambda line: replace(line, first_name=""),
    Dirt.NO_EXIT_DATE: lambda line: replace(line, exit=None),
    Dirt.NO_ENTRY_DATE: lambda line: replace(line, entry=None),
    Dirt.NO_SUCH_DAY: lambda line: _born(line, lambda day: f"{day.year}-02-30"),
    Dirt.BORN_IN_FUTURE: lambda line: _born(line, lambda day: day.replace(year=day.year + 60)),
    Dirt.EXIT_BEFORE_ENTRY: lambda line: replace(line, entry=line.exit + timedelta(days=3)) if line.exit else line,
    Dirt.TOO_FEW_COLUMNS: lambda line: replace(line, broken=Dirt.TOO_FEW_COLUMNS),
    Dirt.TOO_MANY_COLUMNS: lambda line: replace(line, broken=Dirt.TOO_MANY_COLUMNS),
    Dirt.OPEN_QUOTE: lambda line: replace(line, broken=Dirt.OPEN_QUOTE),
}


def _soiled(line: Line, case: Case) -> Line:
    """The dirt of a second line leaves the first one clean."""
    if case.elsewhere is Elsewhere.CENSUS_INE_ABSENT_HERE:
        line = replace(line, ine="")
    return _SOIL[case.dirt](line) if case.dirt in _SOIL else line


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
