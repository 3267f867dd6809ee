"""The cross-match against a reading of the same rule one line at a time, over small countries in which everybody is near to somebody."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random

from campaign_specimens import REFERENCE, SPACES, crossed, written

from chassis.paris import age_on
from intake.cleaning import folded, ine_of
from intake.domain.detection import SIEI_V1, Enrolment, Facts, flags_of, is_dropout
from intake.formats.csv_list import date_of
from intake.identity import COMMUNE
from intake.reference.communes import communes, current_commune

MERGED = next(code for code in communes() if code.startswith("49") and current_commune(code) not in {code, "49007"})

type Row = Mapping[str, str]


def read_as_lists_are(row: Row) -> Row:
    """Cells trimmed and dates read by the very code that reads them in a list of ours."""
    bare = {name: cell.strip() for name, cell in row.items()}
    days = {name: date_of(bare[name]).isoformat() for name in ("date_naissance", "date_entree", "date_sortie") if bare.get(name)}
    return {**bare, **days}


def person_of(row: Row) -> tuple[str, str, str, str | None]:
    commune = row["commune_naissance"].upper()
    return (
        folded(row["nom"]),
        folded(row["prenom"]),
        row["date_naissance"],
        current_commune(commune) if COMMUNE.fullmatch(commune) else None,
    )


def is_named(row: Row) -> bool:
    return all(person_of(row)[:2])


def related(left: Row, right: Row, everybody: Sequence[Row]) -> str:
    """same, near or other; `everybody`: all lines of both sides, in which several INE may stand under one identity."""
    ines = ine_of(left["ine"]), ine_of(right["ine"])
    here, there = person_of(left), person_of(right)
    if ines[0] is not None and ines[0] == ines[1]:
        names_agree = here[1] == there[1] or here[:2] == (there[1], there[0])
        return "same" if here[2] == there[2] and names_agree else "near"
    if here[:3] != there[:3] or not is_named(left):
        return "other"
    lacking = None in ines
    if here[3] is not None and here[3] == there[3]:
        under = {ine_of(row["ine"]) for row in everybody if person_of(row) == here} - {None}
        return "same" if lacking and len(under) <= 1 else "near"
    return "near" if lacking and None in (here[3], there[3]) else "other"


def lacks_ine(row: Row) -> bool:
    return ine_of(row["ine"]) is None and is_named(row) and person_of(row)[3] is not None


def one_ine_under(person: object, everybody: Sequence[Row]) -> str | None:
    under = {ine_of(row["ine"]) for row in everybody if person_of(row) == person} - {None}
    return under.pop() if len(under) == 1 else None


def figures_by_hand(files: Mapping[str, Sequence[Row]]) -> dict[str, int]:
    """What the figures must be, read from the rule in words; slow, and of another make than SQL."""
    files = {kind: [read_as_lists_are(row) for row in rows] for kind, rows in files.items()}
    ended = [row for row in files["current"] if row["date_sortie"] and row["date_sortie"] <= REFERENCE.isoformat()]
    enrolled = [row for row in files["current"] if row not in ended]
    seen = [*files["previous"], *ended]
    old = [row for row in seen if age_on(date.fromisoformat(row["date_naissance"]), REFERENCE) >= 16]
    old = [{**row, "ine": one_ine_under(person_of(row), [*old, *enrolled]) or row["ine"]} if lacks_ine(row) else row for row in old]
    count = defaultdict(int, seen=len(seen), under_16=len(seen) - len(old))
    standing: dict[object, list[tuple[Row, set[str]]]] = defaultdict(list)
    absent = []
    for row in old:
        met = {related(row, other, [*old, *enrolled]) for other in enrolled}
        fate = "still_enrolled" if "same" in met else "review" if "near" in met else "absent"
        count[fate] += fate != "absent"
        absent += [row] if fate == "absent" else []
    for row in absent:
        followed = {related(row, other, [*absent, *files["followed"]]) for other in files["followed"]}
        diplomas = [(related(row, other, [*absent, *files["diplomas"]]), other["diplome_obtenu"]) for other in files["diplomas"]]
        telling = {how for how, code in diplomas if code not in SIEI_V1.low_diplomas}
        doubtful = "near" in telling and "same" not in telling
        if "same" in followed:
            count["followed"] += 1
        elif "near" in followed or doubtful:
            count["review"] += 1
        else:
            codes = {code for how, code in diplomas if how == "same"}
            ine = ine_of(row["ine"])
            nameless = None if is_named(row) else id(row)
            standing[(ine, row["date_naissance"], folded(row["prenom"])) if ine else (*person_of(row), nameless)].append((row, codes))
    for lines in standing.values():
        count["leavers" if dropped_out(lines) else "not_dropout"] += len(lines)
    return count


def dropped_out(lines: Sequence[tuple[Row, set[str]]]) -> bool:
    """As the domain decides on the person's latest exit, and of one day's the longest stay."""
    codes = frozenset[str]().union(*(codes for _, codes in lines))
    last = max(min(row["date_sortie"] or REFERENCE.isoformat(), REFERENCE.isoformat()) for row, _ in lines)
    of_that_day = [row for row, _ in lines if min(row["date_sortie"] or REFERENCE.isoformat(), REFERENCE.isoformat()) == last]
    exit_date, entry = date.fromisoformat(last), date.fromisoformat(min(row["date_entree"] for row in of_that_day))
    left = Enrolment(uai="0440074S", formation=None, start=entry, end=exit_date)
    (age,) = {age_on(date.fromisoformat(row["date_naissance"]), REFERENCE) for row, _ in lines}
    return is_dropout(flags_of(Facts(left=left, left_on=exit_date, on=REFERENCE, age=age, diplomas=codes), SIEI_V1))


def a_small_country(chance: Random) -> dict[str, list[dict[str, str]]]:
    """Few names, dates and INE, so that everybody is near to somebody."""
    births = ["2009-11-02", "2009-03-14", "2008-11-02", "2008-11-03", "2000-11-02", "2000-11-03", "2010-11-03", "2012-05-05"]
    communes_told = ["44109", MERGED, current_commune(MERGED), "", "2b033", "FRANCE"]
    people = [
        {
            "nom": chance.choice(["Vorkild", "VORKILD", "Ghyl-Ana", "Ghyl"]), "prenom": chance.choice(["Quelo", "Quélo", "Ana", "Vorkild"]),
            "date_naissance": chance.choice(births), "commune_naissance": chance.choice(communes_told),
            "ine": chance.choice(["", "", "1234", *(f"{n}23456789AB" for n in range(1, 6))]), "uai": "0440074S", "formation": "2PRO",
        }
        for _ in range(14)
    ]  # fmt: skip

    def some(size: int, **more: Callable[[], str]) -> list[dict[str, str]]:
        told = [{**person, **{name: make() for name, make in more.items()}} for person in chance.sample(people, size)]
        return [as_somebody_types(row, chance) for row in told]

    entries = [(REFERENCE - timedelta(days=days)).isoformat() for days in (400, 30, 15, 14)]
    exits = ["", "", *((REFERENCE + timedelta(days=days)).isoformat() for days in (-1, 0, 1, -10))]
    dates: dict[str, Callable[[], str]] = {"date_entree": lambda: chance.choice(entries), "date_sortie": lambda: chance.choice(exits)}
    return {
        "previous": some(8, **dates), "current": some(4, **dates), "followed": some(1),
        "diplomas": some(2, diplome_obtenu=lambda: chance.choice(["", "01", "03", "04", "08", "99"])),
    }  # fmt: skip


def as_somebody_types(row: dict[str, str], chance: Random) -> dict[str, str]:
    """Now and then a French date, spaces of any kind, small letters, or a name in another script where there is no INE."""
    typed = {name: dirtied(cell, chance) if name in DIRTIED else cell for name, cell in row.items()}
    if not row["ine"] and chance.random() < 0.1:
        typed |= {"nom": chance.choice(["Иванов", "Петров", "?"]), "prenom": chance.choice(["Иван", "Пётр", "-"])}
    return typed


DIRTIED = {"ine", "date_naissance", "commune_naissance", "date_entree", "date_sortie"}


def dirtied(cell: str, chance: Random) -> str:
    if cell[4:5] == "-" and chance.random() < 0.2:
        year, month, day = cell.split("-")
        cell = f"{day}/{month}/{year}"
    match chance.randrange(12):
        case 0:
            return cell.lower()
        case 1:
            return f"{chance.choice(SPACES)}{cell}"
        case 2:
            return f"{cell}{chance.choice(SPACES)}"
        case _:
            return cell


def test_the_match_is_what_the_rule_says_one_line_at_a_time(tmp_path: Path) -> None:
    kinds: set[str] = set()
    for seed in range(160):
        files = a_small_country(Random(seed))
        expected = figures_by_hand(files)
        if not expected["leavers"]:
            continue
        found = crossed(written(tmp_path, **files)).figures.model_dump()
        assert found == {name: expected[name] for name in found}, f"seed {seed}: {json.dumps(files)}"
        kinds |= {name for name, count in found.items() if count}
    assert kinds == {"seen", "under_16", "still_enrolled", "review", "followed", "not_dropout", "leavers"}
