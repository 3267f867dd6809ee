"""The cross-match: against the generator's truth, case by case, and over bad files."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import duckdb
import pytest
from campaign_specimens import LEAVER, REFERENCE, SPACES, STAYS, crossed, lines_of, written

from intake.campaign.admitting import Accepted, CampaignRefused
from intake.campaign.crossing import Limits, _database, cross
from intake.campaign.folding import MACROS
from intake.campaign.snapshots import Snapshot, SnapshotRefused
from intake.cleaning import NAME, folded
from intake.domain.detection import SIEI_V1, SIEI_V2, Rule
from raccroche.fiction import campaign

type Row = Mapping[str, str]


@pytest.mark.parametrize(("people", "seed"), [(1000, 1), (3000, 2), (2000, 77)])
def test_the_figures_are_the_generators_truth(tmp_path: Path, people: int, seed: int) -> None:
    files = campaign.write(tmp_path, people=people, seed=seed)
    found = crossed(
        {kind: Snapshot(kind=kind, path=getattr(files, kind)) for kind in ("previous", "current", "diplomas", "followed")}, Accepted()
    )
    truth = files.truth
    figures = found.figures
    assert (figures.under_16, figures.still_enrolled, figures.review) == (truth.under_16, truth.still_enrolled, truth.review)
    assert (figures.followed, figures.not_dropout, figures.leavers) == (truth.followed, truth.not_dropout, truth.dropout_lines)
    assert {kind: one.read for kind, one in found.lines.items()} == {
        "previous": truth.previous, "current": truth.current, "diplomas": truth.diplomas, "followed": truth.followed_file,
    }  # fmt: skip
    assert sum(count for name, count in figures.model_dump().items() if name != "seen") == figures.seen


def test_names_fold_in_sql_as_everywhere_else() -> None:
    letters = [chr(code) for code in range(0x20, 0x1F00) if NAME.fullmatch(chr(code))]
    assert len(letters) > 700
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        rows = connection.execute("select x, folded('a' || x || 'b') from (select unnest(?) as x)", [letters]).fetchall()
    assert [(letter, found) for letter, found in rows if found != folded(f"a{letter}b")] == []


# ---- what goes on, and what is wrong with files ----


@pytest.mark.parametrize(("rule", "held", "told"), [(SIEI_V1, ("1", "08"), "08"), (SIEI_V2, ("99", "04"), "04"), (SIEI_V1, ("1",), "01")])
def test_a_leaver_goes_on_with_its_own_cells_and_the_diploma_that_decides(
    tmp_path: Path, rule: Rule, held: tuple[str, ...], told: str
) -> None:
    diplomas = [{**LEAVER, "diplome_obtenu": code} for code in held]
    files = written(tmp_path, previous=[LEAVER, STAYS], current=[STAYS], diplomas=diplomas)
    (line,) = lines_of(crossed(files, rule=rule).body)
    assert {name: line[name] for name in LEAVER} == {**LEAVER, "date_sortie": REFERENCE.isoformat()}
    assert line["diplome_obtenu"] == told


def test_one_ine_that_stands_for_two_hides_neither(tmp_path: Path) -> None:
    old = {**LEAVER, "nom": "Wurzalo", "prenom": "Tremys", "date_naissance": "1990-01-01"}
    figures = crossed(written(tmp_path, previous=[old, LEAVER, STAYS], current=[STAYS])).figures
    assert (figures.leavers, figures.not_dropout) == (1, 1)


def test_an_unstated_diploma_reaches_no_level(tmp_path: Path) -> None:
    adult = {**LEAVER, "date_naissance": "2006-03-14"}
    files = written(tmp_path, previous=[adult, STAYS], current=[STAYS], diplomas=[{**adult, "diplome_obtenu": ""}])
    assert crossed(files).figures.leavers == 1


@pytest.mark.parametrize(("rule", "leavers"), [(SIEI_V1, 1), (SIEI_V2, 2)])
def test_a_cap_holder_goes_on_where_the_rule_may_find_one(tmp_path: Path, rule: Rule, leavers: int) -> None:
    holder = {**LEAVER, "ine": "623456789AB", "nom": "Plixane", "date_naissance": "2006-01-05"}
    files = written(tmp_path, previous=[LEAVER, holder], current=[STAYS], diplomas=[{**holder, "diplome_obtenu": "04"}])
    assert crossed(files, rule=rule).figures.leavers == leavers


def test_twins_under_one_ine_are_two_leavers(tmp_path: Path) -> None:
    twin = {**LEAVER, "prenom": "Ysorin"}
    found = crossed(written(tmp_path, previous=[LEAVER, twin], current=[STAYS], diplomas=[{**twin, "diplome_obtenu": "08"}]))
    assert {line["prenom"] for line in lines_of(found.body)} >= {"Ysorin"}
    assert found.figures.leavers + found.figures.review == 2


@pytest.mark.parametrize("code", ["néant", "Aucun", "non", "00", "123", ""])
def test_what_is_no_diploma_code_is_no_diploma(tmp_path: Path, code: str) -> None:
    adult = {**LEAVER, "date_naissance": "2006-01-05"}
    found = crossed(written(tmp_path, previous=[adult], current=[STAYS], diplomas=[{**adult, "diplome_obtenu": code}]))
    assert [line["diplome_obtenu"] for line in lines_of(found.body)] == [""]


@pytest.mark.parametrize("ine", ["00000000000", "99999999999", "0000000000A", "1111111111B", "000000000AB", "2222A22222B", "INCONNU0000"])
def test_what_stands_for_an_unknown_ine_makes_no_two_people_one(tmp_path: Path, ine: str) -> None:
    leaver, other = {**LEAVER, "ine": ine}, {**LEAVER, "ine": ine, "nom": "Twegin", "commune_naissance": "69123"}
    assert crossed(written(tmp_path, previous=[leaver], current=[other])).figures.leavers == 1


@pytest.mark.parametrize("commune", ["INCONNUE", "99350", "NANTES"])
def test_a_country_or_a_word_is_no_commune_of_birth(tmp_path: Path, commune: str) -> None:
    one, other = ({**LEAVER, "ine": "", "commune_naissance": commune, "uai": uai} for uai in ("0440074S", "0750654D"))
    figures = crossed(written(tmp_path, previous=[one, {**LEAVER, "prenom": "Ysorin"}], current=[other])).figures
    assert (figures.review, figures.still_enrolled) == (1, 0)


def test_an_exit_that_cannot_be_read_is_no_exit_and_a_short_year_no_date(tmp_path: Path) -> None:
    figures = crossed(written(tmp_path, previous=[LEAVER, STAYS], current=[{**STAYS, "date_sortie": "n/c"}])).figures
    assert (figures.still_enrolled, figures.leavers) == (1, 1)
    many = [{**STAYS, "ine": f"{n:09d}AB", "nom": f"Vork{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}"} for n in range(1100, 3100)]
    short = {**LEAVER, "ine": "923456789AB", "date_naissance": "04/03/08"}
    assert crossed(written(tmp_path, previous=[LEAVER, *many, short], current=many), Accepted(unreadable=1)).figures.unreadable == 1


@pytest.mark.parametrize("birth", ["0008-03-14", "2108-03-14", "1905-11-02", "9999-01-01", "2026-11-03", "01/01/1900", "-008-03-14"])
def test_a_birth_date_that_no_list_may_tell_is_unreadable(tmp_path: Path, birth: str) -> None:
    files = written(tmp_path, previous=[LEAVER, {**STAYS, "date_naissance": birth}], current=[STAYS])
    figures = crossed(files, Accepted(unreadable=1, any_volume=True)).figures
    assert (figures.unreadable, figures.leavers, figures.under_16, figures.not_dropout) == (1, 1, 0, 0)
    with pytest.raises(CampaignRefused):
        crossed(files, Accepted(any_volume=True))


@pytest.mark.parametrize("left", ["0026-06-30", "1799-12-31", "2206-06-30", "2025-08-31"])
def test_an_exit_of_an_unbelievable_year_or_before_the_entry_is_no_exit(tmp_path: Path, left: str) -> None:
    figures = crossed(written(tmp_path, previous=[LEAVER, STAYS], current=[{**STAYS, "date_sortie": left}])).figures
    assert (figures.still_enrolled, figures.leavers) == (1, 1)


def test_an_ine_counts_under_the_name_of_last_year_though_its_holder_plainly_goes_on_under_another(tmp_path: Path) -> None:
    gone = {**STAYS, "ine": "323456789AB"}
    renamed, other = {**LEAVER, "nom": "Durand"}, {**LEAVER, "ine": "523456789AB"}
    figures = crossed(written(tmp_path, previous=[gone, LEAVER, {**LEAVER, "ine": ""}], current=[renamed, other])).figures
    assert (figures.still_enrolled, figures.review, figures.leavers) == (1, 1, 1)


@pytest.mark.parametrize("prenom", ["?", "[", "{", "Иван"])
def test_whose_first_name_nobody_can_read_does_not_plainly_go_on(tmp_path: Path, prenom: str) -> None:
    unread = {**LEAVER, "prenom": prenom}
    figures = crossed(written(tmp_path, previous=[{**STAYS, "ine": "323456789AB"}, unread], current=[unread])).figures
    assert (figures.review, figures.still_enrolled) == (1, 0)


def test_who_was_enrolled_twice_once_without_ine_is_one_person(tmp_path: Path) -> None:
    twice = [LEAVER, {**LEAVER, "ine": "", "uai": "0750654D"}]
    gone = {**STAYS, "ine": "323456789AB"}
    renamed = crossed(written(tmp_path, previous=[gone, *twice], current=[{**LEAVER, "nom": "Durand"}])).figures
    assert (renamed.still_enrolled, renamed.leavers) == (2, 1)
    unlike = crossed(written(tmp_path, previous=[gone, *twice], current=[{**LEAVER, "nom": "Durand", "prenom": "Ana"}])).figures
    assert (unlike.review, unlike.leavers) == (2, 1)


def test_whoever_is_followed_counts_so_whatever_diploma_they_hold(tmp_path: Path) -> None:
    adult = {**LEAVER, "date_naissance": "2006-03-14"}
    files = written(
        tmp_path, previous=[adult, {**STAYS, "ine": "323456789AB", "nom": "Plixane"}], current=[STAYS], followed=[adult],
        diplomas=[{**adult, "diplome_obtenu": "08"}],
    )  # fmt: skip
    assert (crossed(files).figures.followed, crossed(files).figures.not_dropout) == (1, 0)


@pytest.mark.parametrize("other", [{"date_naissance": "2006-03-15"}, {"prenom": "Ana"}])
def test_a_diploma_under_the_same_ine_but_another_birth_date_or_first_name_is_a_doubt(tmp_path: Path, other: Row) -> None:
    adult = {**LEAVER, "date_naissance": "2006-03-14"}
    files = written(
        tmp_path, previous=[adult, {**STAYS, "ine": "323456789AB", "nom": "Plixane"}], current=[STAYS],
        diplomas=[{**adult, **other, "diplome_obtenu": "08"}],
    )  # fmt: skip
    assert (crossed(files).figures.review, crossed(files).figures.not_dropout) == (1, 0)


def test_too_little_memory_is_said_to_be_that_and_no_file_s_fault(tmp_path: Path) -> None:
    people = [{**LEAVER, "ine": f"{n:09d}AB", "nom": f"Vork{'abcdefghij'[n % 10]}"} for n in range(1000, 3000)]
    files = written(tmp_path, previous=[*people, STAYS], current=people)
    with pytest.raises(CampaignRefused, match="--memory"):
        cross(files, {}, REFERENCE, SIEI_V1, Limits(threads=1, memory="1MB"), Accepted(any_volume=True), reviewed=False)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    files = written(tmp_path, previous=[LEAVER], current=[STAYS])
    with duckdb.connect() as connection:
        connection.execute(f"copy (select 1 as one) to '{tmp_path / 'current.parquet'}'")
    files["current"] = Snapshot(kind="current", path=tmp_path / "current.parquet")
    with pytest.raises(SnapshotRefused, match=r"^current: "):
        crossed(files)


@pytest.mark.parametrize("name", ["p*.parquet", "p?.csv", "p[12].csv"])
def test_a_path_that_reads_as_a_pattern_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(";".join(LEAVER) + "\n")
    with pytest.raises(SnapshotRefused, match="another name"):
        Snapshot(kind="previous", path=tmp_path / name).check()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_folder_that_is_named_like_a_column_fills_none(tmp_path: Path, suffix: str) -> None:
    files = written(tmp_path, previous=[LEAVER, STAYS], current=[STAYS])
    folder = tmp_path / "formation=XXX"
    folder.mkdir()
    with duckdb.connect() as connection:
        source, target = tmp_path / "previous.csv", folder / f"previous.{suffix}"
        connection.execute(f"copy (select * from read_csv('{source}', delim=';', all_varchar=true)) to '{target}' {CSV_AS_OURS[suffix]}")
    files["previous"] = Snapshot(kind="previous", path=target)
    assert [line["formation"] for line in lines_of(crossed(files).body)] == ["2PRO"]


CSV_AS_OURS = {"csv": "(format csv, delimiter ';', header)", "parquet": "(format parquet)"}


def test_temporary_files_are_encrypted() -> None:
    with _database(Limits()) as connection:
        assert connection.execute("select current_setting('temp_file_encryption')").fetchone() == (True,)


def test_a_cell_over_several_lines_is_one_line_of_the_list(tmp_path: Path) -> None:
    found = crossed(written(tmp_path, previous=[{**LEAVER, "formation": 'a\nb;"c"'}], current=[STAYS]))
    assert [line["formation"] for line in lines_of(found.body)] == ['a b;"c"']


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    files = written(tmp_path, previous=[LEAVER, STAYS], current=[STAYS])
    as_csv = crossed(files)
    for kind in ("previous", "current"):
        with duckdb.connect() as connection:
            source, target = tmp_path / f"{kind}.csv", tmp_path / f"{kind}.parquet"
            connection.execute(f"copy (select * from read_csv('{source}', delim=';', all_varchar=true)) to '{target}'")
            files[kind] = Snapshot(kind=kind, path=target)
    assert asdict(crossed(files)) == asdict(as_csv)


def test_files_of_one_year_are_no_campaign(tmp_path: Path) -> None:
    with pytest.raises(CampaignRefused, match="two years"):
        crossed(written(tmp_path, previous=[STAYS], current=[STAYS]))


@pytest.mark.parametrize("name", ["absent.csv", "other.csv", "broken.parquet"])
def test_a_file_that_is_not_what_it_says_is_refused_in_words(tmp_path: Path, name: str) -> None:
    files = written(tmp_path, previous=[LEAVER], current=[STAYS])
    (tmp_path / "other.csv").write_text("a;b;c\n1;2;3\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but no more")
    files["current"] = Snapshot(kind="current", path=tmp_path / name)
    with pytest.raises((SnapshotRefused, CampaignRefused)) as refused:
        for one in files.values():
            one.check()
        crossed(files)
    assert str(tmp_path) not in str(refused.value)


def test_spaces_within_an_ine_are_none_of_it(tmp_path: Path) -> None:
    for space in SPACES:
        told = {**LEAVER, "ine": f"123456789{space}ab{space}", "commune_naissance": "75056"}
        found = crossed(written(tmp_path, previous=[LEAVER, {**STAYS, "ine": "1"}], current=[told])).figures
        assert (found.still_enrolled, found.leavers) == (1, 1)


def test_of_two_people_whose_names_nobody_can_read_one_does_not_hide_the_other(tmp_path: Path) -> None:
    gone = {**LEAVER, "ine": "", "nom": "Иванов", "prenom": "Иван"}
    found = crossed(written(tmp_path, previous=[gone, STAYS], current=[{**gone, "nom": "Петров", "prenom": "Пётр"}, STAYS])).figures
    assert (found.still_enrolled, found.leavers) == (1, 1)


def test_where_the_commune_of_birth_is_not_stated_a_human_says(tmp_path: Path) -> None:
    unstated = {**LEAVER, "ine": "", "commune_naissance": ""}
    gone = {**STAYS, "ine": "323456789AB"}
    found = crossed(written(tmp_path, previous=[unstated, gone], current=[{**LEAVER, "ine": ""}])).figures
    assert (found.review, found.leavers) == (1, 1)


def test_the_same_enrolment_told_twice_goes_on_once(tmp_path: Path) -> None:
    found = crossed(written(tmp_path, previous=[LEAVER, LEAVER, {**LEAVER, "formation": "2GT"}, STAYS], current=[STAYS]))
    assert (found.figures.leavers, len(lines_of(found.body))) == (3, 2)
