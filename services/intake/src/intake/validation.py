"""A line's cells become the common record, or the rules that they break; under-16s are counted and go no further."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from chassis.paris import age_on, birthday
from contracts.intake import Finding
from contracts.personal import Contact, Guardian, Guardians, Identity, PostalAddress
from intake import apprentices, cleaning
from intake.formats.cells import Adapter, Cells, Fault, GuardianCells, RawLine
from intake.record import Held, Line, NotKept, Record, Rejected
from intake.reference.checks import away_of, doubts
from intake.reference.establishments import Directory, packaged
from intake.rules import RULES

KEPT_FROM_AGE = 16
OLDEST = 120
MAJORITY_YEARS = 18


@dataclass(kw_only=True)
class Notes:
    """The findings of one line, as they are made, under the sender's own column names."""

    adapter: Adapter
    faults: list[Finding] = field(default_factory=list)
    doubts: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)

    def take(self, findings: tuple[Finding, ...]) -> None:
        """What the format's own controls found."""
        for finding in findings:
            (self.faults if RULES[finding.rule].effect == "rejected" else self.remarks).append(finding)

    def fault(self, name: str, rule: str) -> None:
        self.faults.append(Finding(field=self.adapter.column(name), rule=rule))

    def doubt(self, name: str, rule: str) -> None:
        self.doubts.append(Finding(field=self.adapter.column(name), rule=rule))

    def remark(self, name: str, rule: str) -> None:
        finding = Finding(field=self.adapter.column(name), rule=rule)
        if finding not in self.remarks:
            self.remarks.append(finding)


def validated(raw: RawLine, adapter: Adapter, reference_date: date, directory: Directory | None = None) -> Line:
    """What this line is. A birth date that reads as under 16 comes before every fault: such a line is never kept.

    directory: of establishments, else that of the package.
    """
    if isinstance(raw, Fault):
        return Rejected(line=raw.line, findings=raw.findings, text=raw.text)
    notes = Notes(adapter=adapter)
    birth_date = _birth_date(raw, notes, reference_date)
    if _under_16(birth_date or _meant(raw.birth_date, adapter), reference_date):
        return NotKept(line=raw.line)
    departement, uai = _establishment(raw, notes)
    identity = _identity(raw, notes, birth_date)
    entry_date, exit_date = _period(raw, notes)
    notes.take(raw.findings)
    contracts = apprentices.contracts_of(raw, notes)
    left = apprentices.first_day_out(raw, entry_date, contracts, notes, reference_date)
    _doubts(raw, notes, uai, reference_date, directory or packaged())
    if notes.doubts and not notes.faults:
        return Held(line=raw.line, findings=tuple(notes.doubts), departement=_residence(raw, notes) or departement)
    if notes.faults or identity is None:
        return Rejected(line=raw.line, findings=tuple(notes.faults), cells=mendable(raw))
    return Record(
        line=raw.line,
        kind="leaver" if left else "enrolment" if _leaves_later(raw, exit_date, reference_date) else raw.kind,
        uai=uai,
        identity=identity,
        contact=_contact(raw, notes),
        guardians=_guardians(raw, notes),
        formation=_label(raw.formation, "formation", notes),
        diploma=_diploma(raw, notes),
        entry_date=entry_date,
        exit_date=left or exit_date,
        motive=_label(raw.motive, "motive", notes),
        age=age_on(identity.birth_date, reference_date),
        majority_month=f"{birthday(identity.birth_date, MAJORITY_YEARS):%Y-%m}",
        departement=_residence(raw, notes) or departement,
        risk=raw.risk,
        apprentice=raw.training is not None or bool(contracts),
        contracts=contracts,
        remarks=tuple(notes.remarks),
    )


def _leaves_later(raw: Cells, exit_date: date | None, reference_date: date) -> bool:
    """Who will leave after the day that the list describes is enrolled on it."""
    return raw.kind == "leaver" and exit_date is not None and exit_date > reference_date


def _diploma(raw: Cells, notes: Notes) -> str | None:
    """A code of SIFA's DIP_OBT; anything else says nothing that a rule could read, and may say too much."""
    code = raw.diploma.strip().zfill(2)
    if not raw.diploma.strip():
        return None
    if cleaning.DIPLOMA.fullmatch(code):
        return code
    if notes.adapter.column("diploma") not in {one.field for one in raw.findings}:  # the format's own controls told it
        notes.remark("diploma", "DIPLOMA_UNKNOWN")
    return None


def _doubts(raw: Cells, notes: Notes, uai: str, reference_date: date, directory: Directory) -> None:
    """What the reference data say."""
    birth_commune, commune = raw.birth_commune.strip().upper(), raw.commune.strip().upper()
    postcode = cleaning.postcode_of(raw.postcode)
    found = doubts(uai=uai, birth_commune=birth_commune, commune=commune, postcode=postcode, day=reference_date, directory=directory)
    for name, rule in found:
        notes.remark(name, rule)
    away = away_of(raw.sites, reference_date, directory)
    notes.take(tuple(Finding(field=column, rule="SIFA_IN04") for column in away))


def _under_16(birth_date: date | None, reference_date: date) -> bool:
    return birth_date is not None and birth_date <= reference_date and age_on(birth_date, reference_date) < KEPT_FROM_AGE


def _meant(cell: str, adapter: Adapter) -> date | None:
    """The birth date that a spreadsheet has damaged: enough to know that a line is not to be kept, not to take it."""
    try:
        return adapter.date_of(cell.strip().zfill(8))
    except ValueError:
        return cleaning.serial_date(cell)


def _birth_date(raw: Cells, notes: Notes, reference_date: date) -> date | None:
    day = _date(raw.birth_date, "birth_date", notes, required=True)
    if day is not None and (day > reference_date or age_on(day, reference_date) > OLDEST or (day.month, day.day, day.year) == (1, 1, 1900)):
        notes.fault("birth_date", "BIRTH_DATE_IMPOSSIBLE")
        return None
    return day


def _date(cell: str, name: str, notes: Notes, *, required: bool) -> date | None:
    if not cell:
        if required:
            notes.fault(name, "MISSING_FIELD")
        return None
    try:
        day = notes.adapter.date_of(cell)
        return day if name == "birth_date" else cleaning.believable(day)
    except ValueError:
        notes.fault(name, "SPREADSHEET_MANGLED" if cleaning.serial_date(cell) or cleaning.mangled(cell) else "BAD_DATE")
        return None


def _establishment(raw: Cells, notes: Notes) -> tuple[str, str]:
    uai = cleaning.uai_of(raw.uai)
    departement = cleaning.departement_of_uai(uai) if uai else None
    if not uai or not departement:
        notes.fault("uai", "BAD_UAI" if raw.uai else "MISSING_FIELD")
        return "", ""
    return departement, uai


def _identity(raw: Cells, notes: Notes, birth_date: date | None) -> Identity | None:
    family_name = _name(raw.family_name, "family_name", notes)
    first_names = [_name(name, "first_names", notes) for name in raw.first_names or ("",)]
    ine = cleaning.ine_of(raw.ine)
    if raw.ine and not ine:
        _malformed_ine(raw.ine, notes)
    kept = tuple(name for name in first_names if name)
    if birth_date is None or family_name is None or len(kept) != len(first_names):
        return None
    return Identity(
        ine=ine,
        family_name=family_name,
        usage_name=cleaning.name_of(raw.usage_name),
        first_names=kept,
        birth_date=birth_date,
        birth_commune=cleaning.plain(raw.birth_commune).upper() or None,
        sex=_sex(raw.sex),
    )


def _malformed_ine(text: str, notes: Notes) -> None:
    """What a spreadsheet rounded cannot be told from another's INE, so its line is mended first."""
    if cleaning.mangled(text):
        notes.fault("ine", "SPREADSHEET_MANGLED")
    else:
        notes.remark("ine", "INE_MALFORMED")


def _name(text: str, name: str, notes: Notes) -> str | None:
    if not text:
        notes.fault(name, "MISSING_FIELD")
        return None
    found = cleaning.name_of(text)
    if found is None and cleaning.confusable(text):
        notes.doubt(name, "CONFUSABLE_NAME")
    elif found is None:
        notes.fault(name, "NAME_INVALID")
    return found


def _sex(text: str) -> Literal["1", "2"] | None:
    match text.strip().upper():
        case "1" | "M" | "H":
            return "1"
        case "2" | "F":
            return "2"
        case _:
            return None


def _period(raw: Cells, notes: Notes) -> tuple[date | None, date | None]:
    leaver = raw.kind == "leaver"
    entry = _date(raw.entry_date, "entry_date", notes, required=raw.kind == "enrolment")
    left = _date(raw.exit_date, "exit_date", notes, required=leaver)
    if leaver and not raw.entry_date:
        notes.remark("entry_date", "ENTRY_DATE_MISSING")
    if entry and left and left < entry:
        notes.fault("exit_date", "EXIT_BEFORE_ENTRY")
    return entry, left


def _contact(raw: Cells, notes: Notes) -> Contact | None:
    lines, commune = tuple(filter(None, map(cleaning.plain, raw.address))), cleaning.plain(raw.commune) or None
    postcode = cleaning.postcode_of(raw.postcode)
    address = PostalAddress(lines=lines, postcode=postcode, commune=commune) if lines or postcode or commune else None
    phones, email = _phones(raw.phones, "phones", notes), _own_email(raw, notes)
    return Contact(phones=phones, email=email, address=address) if phones or email or address else None


def _phones(cells: tuple[str, ...], name: str, notes: Notes) -> tuple[str, ...]:
    found = [phone for cell in cells for phone in cleaning.phones_of(cell)]
    if None in found:
        notes.remark(name, "PHONE_INVALID")
    return tuple(dict.fromkeys(phone for phone in found if phone))


def _email(cell: str, name: str, notes: Notes) -> str | None:
    found = cleaning.email_of(cell) if cell else None
    if cell and found is None:
        notes.remark(name, "EMAIL_INVALID")
    return found


def _own_email(raw: Cells, notes: Notes) -> str | None:
    """That of the young person: neither a school's nor a guardian's, to whom one would write in their stead."""
    found = _email(raw.email, "email", notes)
    theirs = {guardian.email.strip().lower() for guardian in raw.guardians}
    if found is not None and (cleaning.is_a_schools(found) or found.lower() in theirs):
        notes.remark("email", "EMAIL_OF_ANOTHER")
        return None
    return found


def _label(text: str, name: str, notes: Notes) -> str | None:
    """A code or a short label. Free text is not kept, and told apart where it says what no list may say."""
    found = cleaning.label_of(text)
    if text.strip() and found is None:
        notes.remark(name, "FORBIDDEN_DATA" if cleaning.forbidden(text) else "FREE_TEXT")
    return found


def _guardians(raw: Cells, notes: Notes) -> Guardians | None:
    found = tuple(guardian for cells in raw.guardians if (guardian := _guardian(cells, notes)))
    return Guardians(guardians=found) if found else None


def _guardian(cells: GuardianCells, notes: Notes) -> Guardian | None:
    family_name = cleaning.name_of(cells.family_name)
    if family_name is None:
        return None
    return Guardian(
        family_name=family_name,
        first_name=cleaning.name_of(cells.first_name),
        phones=_phones(cells.phones, "guardian_phones", notes),
        email=_email(cells.email, "guardian_email", notes),
        priority=int(cells.priority) if cells.priority in {"0", "1", "2"} else None,
    )


def _residence(raw: Cells, notes: Notes) -> str | None:
    if not raw.postcode:
        return None
    postcode = cleaning.postcode_of(raw.postcode)
    if postcode is None:
        notes.remark("postcode", "POSTCODE_INVALID")
        return None
    if any(one.rule == "POSTCODE_NOT_OF_COMMUNE" for one in notes.remarks):  # one of the two is wrong, and nobody knows which
        return None
    return cleaning.departement_of_postcode(postcode)


def mendable(raw: Cells) -> Cells:
    """The refused cells; neither what stands for an INE without being one (it may be a NIR), nor free text, is kept."""
    ine, motive, formation = raw.ine, raw.motive, raw.formation
    return replace(
        raw,
        ine=ine if cleaning.ine_of(ine) else "",
        motive=motive if cleaning.label_of(motive) else "",
        formation=formation if cleaning.label_of(formation) else "",
    )
