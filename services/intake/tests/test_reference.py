"""The reference data by day: mergers followed, académies replaced, codes that open and close; and what a line is told of them."""

import csv
import gzip
import itertools
from datetime import date
from pathlib import Path

import pytest
from intake_specimens import REFERENCE

import intake.reference
from intake.cleaning import DEPARTEMENT, uai_of
from intake.reference.checks import doubts
from intake.reference.communes import commune_at, communes, current_commune, postcode_fits
from intake.reference.dated import Period
from intake.reference.establishments import Directory, DirectoryRefused, directory_at, directory_in, packaged
from intake.reference.nomenclatures import LEVELS, Code, level_of, nomenclature_of
from intake.reference.territories import ACADEMIES, REGIONS, academie_at, academie_of, current_academie

RAW = Path(next(iter(intake.reference.__path__))) / "data"
DIRECTORY = directory_in(
    ["uai;name;since;until", "0440074S;Lycée A;;", "0750654D;Lycée B;;2025-09-01", "0350029S;Lycée C;2026-09-01;"], complete=True
)


def raw(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(gzip.open(RAW / f"{name}.csv.gz", "rt", encoding="utf-8"), delimiter=";"))


def test_there_are_as_many_communes_today_as_insee_counts() -> None:
    """34 969 on 1 January 2025 and 2026, without the 45 arrondissements municipaux."""
    day = date(2026, 1, 1)
    today = [one for times in communes().values() for one in times if one.period.holds(day) and one.into is None]
    assert len(today) == 34_969


def test_a_commune_that_was_taken_in_is_found_before_and_not_after() -> None:
    before, after = commune_at("49031", date(2015, 12, 31)), commune_at("49031", date(2016, 1, 1))
    assert before is not None and before.name == "Bocé" and after is None
    assert current_commune("49031") == "49018"


@pytest.mark.parametrize(
    ("code", "today"), [("75113", "75056"), ("44109", "44109"), ("99109", "99109"), ("75012", "92012"), ("NANTES", "NANTES")]
)
def test_a_code_is_followed_to_the_one_of_today(code: str, today: str) -> None:
    assert current_commune(code) == today


def test_every_code_leads_to_a_commune_of_today_but_those_that_vanished() -> None:
    """Walked here over the raw rows: six communes were shared out among several others."""
    last = {row["code"]: row for row in raw("communes")}
    for code in last:
        place = last[code]
        while place["into"]:
            place = last[place["into"]]
        assert current_commune(code) == place["code"]
    assert sum(1 for code in last if last[current_commune(code)]["until"]) <= 6


def test_times_of_one_code_do_not_overlap() -> None:
    for times in communes().values():
        for earlier, later in itertools.pairwise(times):
            assert earlier.period.until is not None and later.period.since is not None and earlier.period.until <= later.period.since


@pytest.mark.parametrize(("code", "postcode", "fits"), [("44109", "44300", True), ("44109", "44600", False), ("75113", "75014", True),
                                                        ("75113", "69001", False), ("99109", "44300", None)])  # fmt: skip
def test_a_postcode_fits_its_commune(code: str, postcode: str, fits: bool | None) -> None:
    """An arrondissement is read as its commune, which has all of them."""
    assert postcode_fits(code, postcode) is fits


def test_every_listed_uai_has_its_check_letter() -> None:
    assert len(packaged().listed) > 5000
    assert [uai for uai in packaged().listed if uai_of(uai) is None] == []


def test_an_establishment_is_open_until_the_day_on_which_it_closes() -> None:
    assert DIRECTORY.standing("0750654D", date(2025, 8, 31)) == "open"
    assert DIRECTORY.standing("0750654D", date(2025, 9, 1)) == "closed"
    assert DIRECTORY.standing("0250013D", date(2025, 9, 1)) == "unknown"


def test_an_establishment_is_open_from_the_day_on_which_it_opens() -> None:
    assert [DIRECTORY.standing("0350029S", day) for day in (date(2026, 8, 31), date(2026, 9, 1))] == ["not_open", "open"]


def test_one_that_opened_again_was_closed_meanwhile() -> None:
    rows = ["uai;since;until", "0440074S;2000-09-01;2010-07-31", "0440074S;2020-09-01;"]
    days = (date(1999, 1, 1), date(2005, 1, 1), date(2010, 7, 31), date(2015, 1, 1), date(2020, 9, 1))
    standings = [directory_in(rows, complete=False).standing("0440074S", day) for day in days]
    assert standings == ["not_open", "open", "closed", "closed", "open"]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        # The headers of the two exports, with the columns between those that are read shortened.
        (
            "numero_uai;appellation_officielle;code_postal_uai;etat_etablissement;date_ouverture;sigle;rnb",
            "0350029s;Lycée;35000;1;2026-09-01;LYC;",
        ),
        (
            "Identifiant_de_l_etablissement;Nom_etablissement;Code_postal;Date_ouverture;Etat",
            "0350029S;Lycée;35000;2026-09-01T00:00:00+02:00;OUVERT",
        ),
    ],
)
def test_the_exports_of_the_ministry_are_read_as_they_are(tmp_path: Path, header: str, row: str) -> None:
    file = tmp_path / "export.csv"
    file.write_text(f"{header}\r\n{row}\r\n", encoding="utf-8-sig", newline="")
    found = directory_at(file, complete=False)
    assert [found.standing("0350029S", day) for day in (date(2026, 8, 31), date(2026, 9, 1))] == ["not_open", "open"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "header"), ("uai;name\n0350029S;Lycée\n", "a day of opening or of closing"), ("name;since\nLycée;2026-09-01\n", "a UAI"),
        ("uai;since\n", "lists nobody"), ("uai;since\n0350029S;01/09/2026\n", "line 2 has a day that is none"),
        ("uai;since\n0350029S;2026-09-01\n0350029S;2026-02-30\n", "line 3"),
        ("uai;since;until\n0350029S;2026-09-01;2026-09-01\n0350029S;2020-09-01;1990-01-01\n", "line 3 closes before it opens"),
        ("uai;since\n;2026-09-01\n", "line 2 has no UAI"), ("uai;since\n0350029S\n", "line 2 has 1 cells where the header has 2"),
        ("uai;name;since\n0350029S;Lycée; 2;2026-09-01\n", "line 2 has 4 cells where the header has 3"),
        ("uai;since\n0350029S;\n0350029T;\n", "line 3 has a UAI that is none"), ("uai;since\n350029S;\n", "line 2 has a UAI that is none"),
        ('uai;"since\n0350029S;\n', "line 1 has a quote"), ('uai;name;since\n0350029S;"Lycée";\n0440074S;"Lycée;\n0750654D;;\n', "line 3 has a quote"),
        ('uai;name;since\n0350029S;;\n0440074S;"Lycée;\n0750654D;"Lycée";\n', "line 3 has a quote"),
        ('uai;name;since\n0350029S;"Lycée;\n0440074S;Lycée";\n', "line 2 has a quoted cell in which other lines stand"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_directory_is_refused_in_words(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "file.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DirectoryRefused, match=why):
        directory_at(file, complete=True)


def test_every_line_that_is_wrong_is_told_by_its_number_and_no_value_of_it() -> None:
    rows = [
        "uai;name;since",
        '0350029S;"Lycée\n',
        'de Rennes";',
        "",
        "WRONG1;;",
        ";;",
        ";;2026-09-01",
        "0350029S;;SOON",
        "0350029S;;",
        '0350029S;";',
    ]
    with pytest.raises(DirectoryRefused) as refused:
        directory_in(rows, complete=False)
    told = str(refused.value).split("; ")
    assert [one.split(" ha")[0] for one in told] == ["line 5", "line 7", "line 8", "line 10"]
    assert "WRONG" not in str(refused.value) and "SOON" not in str(refused.value)


def test_of_many_wrong_lines_ten_are_told_and_the_rest_counted() -> None:
    with pytest.raises(DirectoryRefused, match=r"line 11 has no UAI; and 3 lines more$"):
        directory_in(["uai;since", *[";2026-09-01"] * 13], complete=False)


def test_rows_in_which_nothing_stands_say_nothing_and_a_name_may_have_a_line_break() -> None:
    rows = ["uai;name;since", "", ";;", '0350029S;"Lycée\n', 'de Rennes";', "0440074S;;"]
    assert directory_in(rows, complete=True).listed.keys() == {"0350029S", "0440074S"}


def test_a_file_that_is_not_there_or_not_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    with pytest.raises(DirectoryRefused, match="cannot be read"):
        directory_at(file, complete=True)
    file.write_bytes("uai;since;nom\n0350029S;2026-09-01;Lycée\n".encode("cp1252"))
    with pytest.raises(DirectoryRefused, match="cannot be read"):
        directory_at(file, complete=True)


def test_normandie_took_the_place_of_caen_and_rouen() -> None:
    def code_of(departement: str, day: date) -> str | None:
        found = academie_of(departement, day)
        return found.code if found else None

    assert [code_of("76", day) for day in (date(2019, 12, 31), date(2020, 1, 1))] == ["21", "70"]
    assert [code_of("14", day) for day in (date(2019, 12, 31), date(2020, 1, 1))] == ["05", "70"]
    assert academie_at("21", date(2020, 1, 1)) is None
    assert [current_academie(code) for code in ("05", "21", "17", "99")] == ["70", "70", "17", None]


def test_every_departement_lies_in_one_academie_and_every_region_has_one() -> None:
    every = [f"{number:02d}" for number in range(1, 96) if number != 20] + ["2A", "2B", "971", "972", "973", "974", "976"]
    assert all(DEPARTEMENT.fullmatch(one) for one in every)
    for day in (date(2019, 6, 1), REFERENCE):
        places = [place for one in ACADEMIES if one.period.holds(day) for place in one.departements]
        assert len(places) == len(set(places)) and set(every) <= set(places)
        assert {one.region for one in ACADEMIES if one.period.holds(day)} - {None} == set(REGIONS)


@pytest.mark.parametrize(("said", "level"), [("V", 3), ("Niveau IV", 4), ("III", 5), ("ii", 6), ("I", 7), ("3", 3), ("niveau 8", 8), ("VI", None),
                                             ("2", None), ("", None)])  # fmt: skip
def test_a_level_is_read_in_either_scale(said: str, level: int | None) -> None:
    assert level_of(said) == level


def test_the_scales_replaced_each_other() -> None:
    old, new = date(2019, 1, 8), date(2019, 1, 9)
    assert [LEVELS.at(value, day) is not None for value in ("V", "3") for day in (old, new)] == [True, False, False, True]


def test_a_code_may_open_again_but_not_twice_at_once() -> None:
    early, late = Period(since=None, until=date(2020, 9, 1)), Period(since=date(2022, 9, 1), until=None)
    codes = nomenclature_of([Code(code="10", label="nouveau", period=late), Code(code="10", label="ancien", period=early)])
    labels = [found.label if (found := codes.at("10", day)) else None for day in (date(2020, 8, 31), date(2021, 1, 1), date(2022, 9, 1))]
    assert labels == ["ancien", None, "nouveau"]
    with pytest.raises(ValueError, match="twice"):
        nomenclature_of(
            [Code(code="10", label="a", period=early), Code(code="10", label="b", period=Period(since=date(2020, 8, 31), until=None))]
        )


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"uai": "0750654D"}, [("uai", "UAI_CLOSED")]),
        ({"uai": "0350029S"}, [("uai", "UAI_NOT_OPEN")]),
        ({"uai": "0250013D"}, [("uai", "UAI_UNKNOWN")]),
        ({"uai": "0250013D", "directory": Directory(listed=DIRECTORY.listed, complete=False)}, []),
        ({"birth_commune": "44999"}, [("birth_commune", "COMMUNE_UNKNOWN")]),
        ({"birth_commune": "49031"}, []),
        ({"birth_commune": "99109"}, []),
        ({"commune": "44109"}, [("postcode", "POSTCODE_NOT_OF_COMMUNE")]),
        ({"commune": "44109", "postcode": None}, []),
        ({"commune": "Nantes"}, []),
    ],
)
def test_a_line_is_told_what_the_reference_doubts(changes: dict[str, object], found: list[tuple[str, str]]) -> None:
    said: dict[str, object] = {
        "uai": "0440074S",
        "birth_commune": "44109",
        "commune": "",
        "postcode": "44600",
        "day": REFERENCE,
        "directory": DIRECTORY,
    }
    assert list(doubts(**{**said, **changes})) == found  # type: ignore[arg-type]  # named fields
