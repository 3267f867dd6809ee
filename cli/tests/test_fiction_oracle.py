"""The labels against a tiny oracle written from DOMAIN 2.2 and 3.1, once over the lives and once over the written files."""

import csv
import io
import unicodedata
import xml.etree.ElementTree as ET  # the files are our own
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import pytest

from raccroche.fiction import Fiction, generate
from raccroche.fiction.cases import LEAVER_CASES
from raccroche.fiction.people import Person, person
from raccroche.fiction.vocabulary import BOTH, L313_7, NO_FLAG, Dirt, Elsewhere, Flags, ListName, Verdict

LEAVERS_DAY = date(2026, 1, 31)


@pytest.fixture(scope="module")
def fiction() -> Fiction:
    return generate(2000, seed=11)


def years(born: date, on: date) -> int:
    return on.year - born.year - (1 if (on.month, on.day) < (born.month, born.day) else 0)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The numbers of DOMAIN 2.2, so that a test can get one of them wrong."""

    days: int = 15
    youngest: int = 16
    oldest: int = 25
    majority: int = 18
    below_level: frozenset[str] = frozenset({"", "01", "02", "03", "99"})
    elsewhere_counts: bool = True
    obligation_asks_for_level: bool = False


RIGHT = Reading()


def verdict_of_rule(born: date, entry: date | None, left: date, diploma: str, *, enrolled: bool, reading: Reading = RIGHT) -> Flags:
    """DOMAIN 2.2: four cumulative conditions for L.313-7; age 16 or 17 and not enrolled for the obligation."""
    age = years(born, LEAVERS_DAY)
    long_enough = entry is not None and (left - entry).days >= reading.days
    in_age, minor = reading.youngest <= age <= reading.oldest, reading.youngest <= age < reading.majority
    below_level, out = diploma in reading.below_level, not (enrolled and reading.elsewhere_counts)
    obligation = minor and out and (below_level or not reading.obligation_asks_for_level)
    return Flags(l313_7=long_enough and in_age and out and below_level, obligation_formation=obligation)


def counts_after(left: date, end: date | None) -> bool:
    return end is None or end > left


def flags_of_life(one: Person, reading: Reading = RIGHT) -> tuple[Flags, bool]:
    """Flags when the leavers' list closes, and whether March withdraws them."""
    life = one.biography
    if life.exit is None or one.label.verdict in {Verdict.REJECTED, Verdict.NOT_KEPT}:
        return NO_FLAG, False
    other = life.elsewhere
    same_person = one.case.elsewhere is not Elsewhere.LATE_OTHER_BIRTH_DATE
    same_place = one.case.elsewhere is Elsewhere.SAME_LYCEE_BEFORE
    counts = other is not None and same_person and not same_place and counts_after(life.exit, other.end)
    late = other is not None and other.where is ListName.C_LATE_ENROLMENTS
    diploma = "" if life.where is ListName.A_LEAVERS else life.diploma
    flags = verdict_of_rule(life.birth_date, life.entry, life.exit, diploma, enrolled=counts and not late, reading=reading)
    return flags, counts and late and flags != NO_FLAG


def test_every_label_is_what_the_law_says_of_the_life(fiction: Fiction) -> None:
    wrong = [one.case.name for one in fiction.people if flags_of_life(one) != (one.label.flags, one.label.withdrawn)]
    assert Counter(wrong) == Counter()


@pytest.mark.parametrize(
    "wrong",
    [
        Reading(days=14), Reading(days=16), Reading(youngest=17), Reading(oldest=24), Reading(oldest=26), Reading(majority=17),
        Reading(majority=19), Reading(below_level=RIGHT.below_level - {"03"}), Reading(below_level=RIGHT.below_level | {"04"}),
        Reading(below_level=RIGHT.below_level - {"99"}), Reading(below_level=RIGHT.below_level - {""}),
        Reading(elsewhere_counts=False), Reading(obligation_asks_for_level=True),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("people", [80, 2000])
def test_a_rule_wrong_by_one_gives_other_counts_than_the_truth(people: int, wrong: Reading) -> None:
    found = generate(people, seed=11)
    counts = Counter(flags_of_life(one, wrong)[0].name for one in found.people)
    assert {name: counts[name] for name in found.truth.by_flags} != dict(found.truth.by_flags)


def test_whoever_is_under_sixteen_on_the_reference_date_is_not_kept_and_nobody_else(fiction: Fiction) -> None:
    days = {file.list_id: file.reference_date for file in fiction.files}
    young = {
        (list_id, number)
        for list_id, lines in fiction.expected_lines.items()
        for number, expected in enumerate(lines)
        if isinstance(expected.line.birth_date, date) and years(expected.line.birth_date, days[list_id]) < 16
    }
    not_kept = {
        (list_id, number)
        for list_id, lines in fiction.expected_lines.items()
        for number, expected in enumerate(lines)
        if expected.verdict is Verdict.NOT_KEPT
    }
    born_in_future = {
        (list_id, number)
        for list_id, lines in fiction.expected_lines.items()
        for number, expected in enumerate(lines)
        if expected.findings == ("BIRTH_DATE_IMPOSSIBLE",)
    }
    assert young == not_kept | born_in_future
    assert len(not_kept) > 40


def test_the_oracle_finds_a_row_with_a_wrong_label(fiction: Fiction) -> None:
    right = next(case for case in LEAVER_CASES if case.name == "adult_left_after_14_days")
    assert flags_of_life(person(1, right, 1, fiction.offers))[0] == NO_FLAG
    mislabelled = replace(right, flags=L313_7)
    one = person(1, mislabelled, 1, fiction.offers)
    assert flags_of_life(one)[0] != one.label.flags


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line as a reader finds it in a file."""

    uai: str
    ine: str
    names: tuple[str, str]
    born: date
    commune: str
    diploma: str
    entry: date | None
    exit: date | None


def fold(text: str) -> str:
    return unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode().upper()


def day(text: str) -> date | None:
    form = "%d/%m/%Y" if "/" in text else "%Y-%m-%d" if "-" in text else "%d%m%Y"
    return datetime.strptime(text, form).date() if text else None


def csv_rows(body: bytes) -> Iterator[Row]:
    header, *records = body.decode("utf-8-sig").splitlines()
    names = header.split(";")
    for record in records:
        cells = next(csv.reader([record], delimiter=";"))
        if len(cells) != len(names) or record.count('"') % 2:
            continue
        row = dict(zip(names, cells, strict=True))
        yield from readable(
            uai=row["uai"], ine=row["ine"], names=(row["nom"], row["prenom"]), born=row["date_naissance"],
            commune=row["commune_naissance"], diploma=row.get("diplome_obtenu", ""), entry=row["date_entree"],
            left=row["date_sortie"], leaver="motif_sortie" in row,
        )  # fmt: skip


def sifa_rows(body: bytes) -> Iterator[Row]:
    for record in body.decode("ascii").splitlines():
        cells = record.split("|")
        if len(cells) == 47:
            yield from readable(
                uai=cells[1], ine=cells[0], names=(cells[12], cells[14]), born=cells[28], commune=cells[29], diploma=cells[36],
                entry=cells[40], left="", leaver=False,
            )  # fmt: skip


def siecle_rows(body: bytes) -> Iterator[Row]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        root = ET.fromstring(archive.read("ElevesAvecAdresses.xml"))
    uai = root.findtext("PARAMETRES/UAJ", "")
    for eleve in root.iterfind("DONNEES/ELEVES/ELEVE"):
        yield from readable(
            uai=uai, ine=eleve.findtext("ID_NATIONAL", ""), names=(eleve.findtext("NOM_DE_FAMILLE", ""), eleve.findtext("PRENOM", "")),
            born=eleve.findtext("DATE_NAISS", ""), commune=eleve.findtext("CODE_COMMUNE_INSEE_NAISS", ""), diploma="",
            entry=eleve.findtext("DATE_ENTREE", ""), left=eleve.findtext("DATE_SORTIE", ""), leaver=False,
        )  # fmt: skip


def readable(
    *, uai: str, ine: str, names: tuple[str, str], born: str, commune: str, diploma: str, entry: str, left: str, leaver: bool
) -> Iterator[Row]:
    """Nothing for a line that lacks what it must have, or has it in a shape that cannot be."""
    try:
        birth, start, end = day(born), day(entry), day(left)
    except ValueError:
        return
    letters = all(name and not any(character.isdigit() or not character.isprintable() for character in name) for name in names)
    orderly = start is None or end is None or start <= end
    if birth is None or not letters or not orderly or (end is None and (leaver or start is None)):
        return
    known = ine if len(ine) == 11 else ""
    both = fold(names[0]), fold(names[1])
    yield Row(uai=uai, ine=known, names=both, born=birth, commune=commune, diploma=diploma, entry=start, exit=end)


def same(one: Row, other: Row) -> bool:
    """DOMAIN 3.1 with DESIGN 11: INE and birth date and a name part; without INE names, birth date and commune of birth."""
    if one.ine and other.ine:
        return one.ine == other.ine and one.born == other.born and any(part in other.names for part in one.names)
    return (one.names, one.born, one.commune) == (other.names, other.born, other.commune)


def flags_of_row(row: Row, enrolments: list[Row]) -> Flags:
    assert row.exit is not None  # only leavers are asked about
    enrolled = any(same(row, other) and other.uai != row.uai and counts_after(row.exit, other.exit) for other in enrolments)
    return verdict_of_rule(row.born, row.entry, row.exit, row.diploma, enrolled=enrolled)


def test_the_written_files_tell_the_same_story_as_the_labels(fiction: Fiction) -> None:
    read = {"siecle": siecle_rows, "sifa": sifa_rows, "csv": csv_rows}
    every = [(file, row) for file in fiction.files for row in read[file.format](file.body)]
    rows = [(file.phase, row) for file, row in every if years(row.born, file.reference_date) >= 16]
    by_person: dict[tuple[str, str], list[Row]] = {}
    late: dict[tuple[str, str], list[Row]] = {}
    for phase, row in rows:
        known = late if phase == "late_enrolments" else by_person
        if phase != "leavers":
            known.setdefault(row.names, []).append(row)
    leavers: dict[tuple[str, ...], Row] = {}
    for phase, row in rows:
        if phase == "leavers" and row.exit:
            leavers.setdefault((row.ine or str((*row.names, row.born)),), row)
    flags = {key: flags_of_row(row, by_person.get(row.names, [])) for key, row in leavers.items()}
    found = Counter(flag.name for flag in flags.values() if flag != NO_FLAG)
    withdrawn = sum(
        flags[key] != NO_FLAG and flags_of_row(row, late.get(row.names, [])) == NO_FLAG and bool(late.get(row.names))
        for key, row in leavers.items()
    )
    assert found == Counter(dict(fiction.truth.by_flags))
    assert withdrawn == fiction.truth.withdrawn


def test_a_minor_with_no_diploma_owes_both_flags_and_the_oracle_knows_it() -> None:
    flags = verdict_of_rule(date(2009, 5, 5), date(2025, 9, 1), date(2025, 11, 3), "03", enrolled=False)
    assert flags == BOTH


def test_the_dirt_of_every_rejected_row_is_of_a_kind_that_rejects(fiction: Fiction) -> None:
    harmless = {Dirt.NONE, Dirt.NO_INE, Dirt.DOUBLED, Dirt.DOUBLED_OTHER_PHONE}
    assert not [one.case.name for one in fiction.people if one.label.verdict is Verdict.REJECTED and one.case.dirt in harmless]
