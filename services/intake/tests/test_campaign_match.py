"""The cross-match against the domain's own rules, case by case, and against the truth of the fiction."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import duckdb
import pytest

from chassis.paris import age_on
from intake.campaign.folding import MACROS
from intake.campaign.matching import Funnel, Match, Row, TooManyUnreadable
from intake.campaign.running import cut, private
from intake.campaign.snapshots import COLUMNS, Kind, Snapshot, SnapshotRefused
from intake.cleaning import NAME, folded
from intake.domain.detection import SIEI_V1, SIEI_V2, Enrolment, Facts, Rule, flags_of, is_dropout
from raccroche.fiction.campaign import CASES, write

ON = date(2026, 11, 2)
INE = "0123456789A"
LINE = {
    "uai": "0440074S", "ine": INE, "nom": "Zorvonn", "prenom": "Quela", "date_naissance": "2007-05-06", "commune_naissance": "44109",
    "formation": "2GT", "date_entree": "2025-09-01", "date_sortie": "", "diplome_obtenu": "", "date_obtention": "",
}  # fmt: skip
OTHERS = [LINE | {"ine": f"{n:010d}B", "nom": f"Drezo{'abcdefghij'[n % 10]}", "prenom": "Vorka"} for n in range(2000)]
"""Enough people who stay, so that one bad line in a thousand is not too many."""

type Lines = Sequence[Mapping[str, str]]


def matched(folder: Path, rule: Rule = SIEI_V1, **files: Lines) -> tuple[Funnel, list[Row], list[tuple[str, ...]]]:
    """What becomes of these lines."""
    snapshots: dict[Kind, Snapshot] = {}
    for kind, columns in COLUMNS.items():
        if kind in files:
            path = folder / f"{kind}.csv"
            with path.open("w", encoding="utf-8", newline="") as opened:
                writer = csv.DictWriter(opened, columns, delimiter=";", extrasaction="ignore")
                writer.writeheader()
                writer.writerows(files[kind])
            snapshots[kind] = Snapshot(kind=kind, path=path)
    with duckdb.connect() as connection:
        match = Match(connection=connection, snapshots=snapshots, reference=ON, rule=rule)
        funnel, _ = match.run()
        return funnel, list(match.leavers()), list(match.reviews())


def one(folder: Path, before: Mapping[str, str], *now: Mapping[str, str]) -> str:
    """What becomes of one line of last year beside these of this year."""
    funnel, leavers, reviews = matched(folder, previous=[LINE | before], current=[*OTHERS, *(LINE | line for line in now)])
    assert (len(leavers), len(reviews)) == (funnel.leavers, funnel.review)
    (fate,) = [name for name, count in vars(funnel).items() if name != "seen" and count]
    return fate


NO_INE = {"ine": ""}
IDENTITIES: list[tuple[str, Mapping[str, str], list[Mapping[str, str]], str]] = [
    ("nobody", {}, [], "leavers"),
    ("the same cells", {}, [{}], "still_enrolled"),
    ("another family name", {}, [{"nom": "Autre"}], "still_enrolled"),
    ("names swapped", {}, [{"nom": "Quela", "prenom": "Zorvonn"}], "still_enrolled"),
    ("INE with spaces and in small letters", {}, [{"ine": " 0123456789a"}], "still_enrolled"),
    ("a French date", {}, [{"date_naissance": "06/05/2007"}], "still_enrolled"),
    ("only the family name agrees: a twin", {}, [{"prenom": "Autre"}], "review"),
    ("INE with another birth date", {}, [{"date_naissance": "2007-05-07"}], "review"),
    ("no INE before", NO_INE, [{}], "still_enrolled"),
    ("no INE now, accents lost", {"nom": "Zorvönn", "prenom": "Quéla"}, [{"ine": "", "nom": "ZORVONN", "prenom": "QUELA"}], "still_enrolled"),
    ("an INE of no form is none", {"ine": "INCONNU"}, [{"ine": "INCONNU", "nom": "Autre"}], "leavers"),
    ("no INE and no commune", NO_INE, [{"commune_naissance": ""}], "review"),
    ("no INE, commune unstated before", NO_INE | {"commune_naissance": ""}, [{}], "review"),
    ("no INE, another commune", NO_INE, [{"commune_naissance": "75056"}], "leavers"),
    ("two with these names, born there and then", NO_INE, [{}, {"ine": "9123456789A"}], "review"),
    ("the same identity under another INE", {}, [{"ine": "9123456789A"}], "review"),
    ("names and birth date alone, two INE", {}, [{"ine": "9123456789A", "commune_naissance": ""}], "leavers"),
    ("left this year too", {}, [{"date_sortie": "2026-10-05"}], "leavers"),
    ("leaves later", {}, [{"date_sortie": "2027-01-05"}], "still_enrolled"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "now", "fate"), [row[1:] for row in IDENTITIES], ids=[row[0] for row in IDENTITIES])
def test_who_is_the_same(tmp_path: Path, before: Mapping[str, str], now: list[Mapping[str, str]], fate: str) -> None:
    assert one(tmp_path, before, *now) == fate


@pytest.mark.parametrize(("age", "days", "fate"), [(16, 0, "leavers"), (16, 1, "under_16"), (26, 0, "not_dropout"), (26, 1, "leavers")])
def test_ages_are_those_of_the_civil_calendar(tmp_path: Path, age: int, days: int, fate: str) -> None:
    birth = date(ON.year - age, ON.month, ON.day) + timedelta(days=days)
    assert one(tmp_path, {"date_naissance": birth.isoformat()}) == fate


@pytest.mark.parametrize("rule", [SIEI_V1, SIEI_V2], ids=["v1", "v2"])
def test_the_vectorised_rule_lets_through_whom_the_domain_finds(tmp_path: Path, rule: Rule) -> None:
    """Every combination of age, length and diploma; under the first version exactly them, under the second nobody less."""
    births = [date(ON.year - age, 11, 2) + timedelta(days=day) for age in (17, 18, 25, 26) for day in (0, 1)]
    periods = [(date(2026, 6, 15), days) for days in (14, 15, 16, 200)]
    diplomas = ["", "01", "02", "3", "03", "04", "05", "08", "99"]
    previous, held, expected = [], [], {}
    for number, (birth, (entry, days), diploma) in enumerate(product(births, periods, diplomas)):
        ine, left = f"{number:010d}C", min(entry + timedelta(days=days), ON)
        name = "Quela" + "".join("abcdefghij"[int(digit)] for digit in str(number))
        line = LINE | {"ine": ine, "prenom": name, "date_naissance": birth.isoformat(), "date_entree": entry.isoformat()}
        previous.append(line | {"formation": "24700000031", "date_sortie": left.isoformat()})
        held.append(line | {"diplome_obtenu": diploma})
        facts = Facts(
            left=Enrolment(uai=line["uai"], formation="24700000031", start=entry, end=left), left_on=left, on=ON, age=age_on(birth, ON),
            diplomas=frozenset({diploma.zfill(2)} if diploma else ()),
        )  # fmt: skip
        expected[ine] = is_dropout(flags_of(facts, rule))
    _, leavers, _ = matched(tmp_path, rule, previous=previous, current=OTHERS, diplomas=held)
    through = {row[1] for row in leavers}
    found = {ine for ine, dropout in expected.items() if dropout}
    assert 0 < len(found) < len(expected)
    assert through == found if rule is SIEI_V1 else through >= found


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        ({"diplome_obtenu": "08"}, "not_dropout"),
        ({"diplome_obtenu": "03"}, "leavers"),
        ({"diplome_obtenu": "08", "prenom": "Autre"}, "review"),
    ],
)
def test_a_diploma_that_may_be_somebody_elses_is_for_a_human(tmp_path: Path, told: Mapping[str, str], fate: str) -> None:
    funnel, *_ = matched(tmp_path, previous=[LINE], current=OTHERS, diplomas=[*OTHERS, LINE | told])
    assert getattr(funnel, fate) == 1


@pytest.mark.parametrize(("told", "fate"), [({}, "followed"), ({"prenom": "Autre"}, "review"), ({"ine": ""}, "followed")])
def test_who_is_followed_already_is_left_out(tmp_path: Path, told: Mapping[str, str], fate: str) -> None:
    funnel, *_ = matched(tmp_path, previous=[LINE], current=OTHERS, followed=[LINE | told])
    assert getattr(funnel, fate) == 1


def test_too_many_unreadable_lines_stop_the_campaign_as_their_people_would_look_absent(tmp_path: Path) -> None:
    with pytest.raises(TooManyUnreadable, match="current: 3 of 2,003"):
        matched(tmp_path, previous=[LINE], current=[*OTHERS, *[LINE | {"date_naissance": "hier"}] * 3])


def test_every_letter_that_a_name_may_have_folds_as_identity_folds_it() -> None:
    letters = [chr(code) for code in range(0x20, 0x2000) if NAME.fullmatch(chr(code))] + ["’"]
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        found = connection.execute("select l, folded('Ab' || l || 'c') from unnest($1) t (l)", [letters]).fetchall()
    assert len(found) > 700
    assert [letter for letter, ours in found if ours != folded(f"Ab{letter}c")] == []


@pytest.mark.parametrize("seed", [1, 2])
def test_the_files_of_the_fiction_come_to_its_truth(tmp_path: Path, seed: int) -> None:
    files = write(tmp_path, people=5000, seed=seed)
    kinds: tuple[Kind, ...] = ("previous", "current", "diplomas", "followed")
    with duckdb.connect() as connection:
        snapshots = {kind: Snapshot(kind=kind, path=getattr(files, kind)) for kind in kinds}
        match = Match(connection=connection, snapshots=snapshots, reference=ON, rule=SIEI_V1)
        funnel, lines = match.run()
        first, again = list(match.leavers()), list(match.leavers())
    truth = files.truth
    assert lines == {"previous": truth.previous, "current": truth.current, "diplomas": truth.diplomas, "followed": truth.followed_file}
    assert (funnel.review, funnel.followed, funnel.not_dropout, funnel.leavers) == (
        truth.review, truth.followed, truth.not_dropout, truth.dropout_lines,
    )  # fmt: skip
    assert (funnel.under_16, funnel.still_enrolled, funnel.unreadable) == (truth.under_16, truth.still_enrolled, 0)
    assert first == again and len(first) == truth.dropout_lines


def test_the_fiction_is_the_same_by_its_seed_and_its_cases_make_a_thousand(tmp_path: Path) -> None:
    assert sum(case.share for case in CASES) == 1000
    bodies = [write(tmp_path / name, people=2000, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4))]
    ours, same, other = [Counter(files.previous.read_text().splitlines()) for files in bodies]
    assert ours == same and ours != other
    with pytest.raises(ValueError, match="by the thousand"):
        write(tmp_path / "d", people=1500, seed=3)


def test_a_file_that_is_not_there_or_has_another_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotRefused, match="no such file"):
        Snapshot(kind="previous", path=tmp_path / "nothing.csv").check()
    (tmp_path / "other.csv").write_text("nom;prenom\n")
    with pytest.raises(SnapshotRefused, match="header"):
        Snapshot(kind="previous", path=tmp_path / "other.csv").check()


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    files = write(tmp_path, people=1000, seed=1)
    with duckdb.connect() as connection:
        source = Snapshot(kind="previous", path=files.previous).scan()
        connection.execute(f"copy (select * from {source}) to '{tmp_path}/previous.parquet' (format parquet)")
        snapshots: dict[Kind, Snapshot] = {
            "previous": Snapshot(kind="previous", path=tmp_path / "previous.parquet"),
            "current": Snapshot(kind="current", path=files.current),
        }
        funnel, _ = Match(connection=connection, snapshots=snapshots, reference=ON, rule=SIEI_V1).run()
    assert funnel.still_enrolled == files.truth.still_enrolled


def rows_of(*people: str) -> Iterator[Row]:
    yield from (
        ("0440074S", who, "N", "P", "2007-05-06", "44109", "2GT", "2025-09-01", f"2026-01-{n:02d}", []) for n, who in enumerate(people, 1)
    )


def test_batches_keep_a_persons_lines_together_and_begin_behind_what_is_done() -> None:
    batches = list(cut(rows_of("a", "b", "b", "b", "c"), 2, after=0))
    assert [[line for line, _ in batch] for batch in batches] == [[1, 2, 3, 4], [5]]
    assert [[line for line, _ in batch] for batch in cut(rows_of("a", "b", "c"), 2, after=2)] == [[3]]


def test_the_private_folder_is_ours_alone_and_goes_with_what_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/left").write_text("x")
    with private(tmp_path / "work") as folder:
        assert list(folder.iterdir()) == [] and folder.stat().st_mode & 0o777 == 0o700
        (folder / "spilled").write_text("x")
    assert not folder.exists()
