"""Each format becomes the same cells; a bad line costs only itself; columns that the law does not list land nowhere."""

import io
from dataclasses import asdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from intake_specimens import (
    ELEVE,
    ENROLLED_ELEVE,
    LEAVER,
    RESPONSABLES,
    UAI,
    eleves_xml,
    enrolment,
    enrolments_csv,
    leaver,
    leavers_csv,
    read_all,
    sifa_line,
    zipped,
)

from intake.campaign.leavers import body_of
from intake.formats import csv_list, siecle, sifa, xml
from intake.formats.archive import CHUNK
from intake.formats.cells import Cells, Fault, ListRefused, RawLine


def faults(lines: list[RawLine]) -> list[tuple[int, str]]:
    return [(line.line, line.rule) for line in lines if isinstance(line, Fault)]


def good(lines: list[RawLine]) -> list[Cells]:
    return [line for line in lines if isinstance(line, Cells)]


def test_a_leavers_csv_is_read_with_the_line_numbers_of_an_editor() -> None:
    first, second = good(read_all(csv_list, leavers_csv(leaver(), leaver(nom="ARBELIN"))))
    assert (first.line, first.kind, first.uai, first.family_name, first.guardians[0].first_name) == (2, "leaver", UAI, "DUVALLON", "Noé")
    assert (second.line, second.family_name) == (3, "ARBELIN")


def test_an_enrolments_csv_is_known_by_its_header() -> None:
    (only,) = good(read_all(csv_list, enrolments_csv(enrolment())))
    assert (only.kind, only.entry_date, only.exit_date) == ("enrolment", "2026-02-01", "")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_and_blank_lines_keep_the_numbers_right(ending: str) -> None:
    text = leavers_csv(leaver(), leaver(nom="ARBELIN")).decode().replace("\r\n", ending)
    with_blank = text.replace(f"{ending}{UAI}", f"{ending}{ending}{UAI}", 1).rstrip("\r\n")
    assert [line.line for line in read_all(csv_list, with_blank.encode())] == [3, 4]


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert len(read_all(csv_list, b"\xef\xbb\xbf" + leavers_csv(leaver()))) == 1


def test_quoted_cells_may_hold_separators_and_doubled_quotes() -> None:
    row = leaver(adresse='"3; rue ""des"" Essais"')
    assert good(read_all(csv_list, leavers_csv(row)))[0].address == ('3; rue "des" Essais',)


def test_an_unterminated_quote_costs_only_its_own_physical_line() -> None:
    lines = read_all(csv_list, leavers_csv(leaver(nom='"DUVALLON'), leaver(nom="ARBELIN"), leaver(nom="CORVAL")))
    assert faults(lines) == [(2, "UNTERMINATED_QUOTE")]
    assert [line.family_name for line in good(lines)] == ["ARBELIN", "CORVAL"]


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ("a;b;c", "COLUMN_COUNT"),
        (";".join([*LEAVER.values(), "more"]), "COLUMN_COUNT"),
        (";".join(LEAVER.values()).replace("DUVALLON", "DUVAL\x00LON", 1), "CONTROL_CHAR"),
        (";".join(LEAVER.values()).replace("DUVALLON", "DUVAL\x1bLON", 1), "CONTROL_CHAR"),
        (";".join(LEAVER.values()).replace("DUVALLON", "D" * 5000, 1), "CELL_TOO_LONG"),
        (";".join(LEAVER.values()).replace("DUVALLON", f'"{"D" * 200_000}"', 1), "CELL_TOO_LONG"),
    ],
    ids=["too few columns", "too many", "NUL", "escape", "a long cell", "a cell beyond the csv module's limit"],
)
def test_a_bad_line_is_reported_and_the_good_ones_kept(bad: str, rule: str) -> None:
    lines = read_all(csv_list, leavers_csv(leaver(), lines=(bad, ";".join(leaver(nom="ARBELIN").values()))))
    assert faults(lines) == [(3, rule)]
    assert len(good(lines)) == 2


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=80), max_size=8))
def test_no_text_makes_the_csv_reader_fail_and_its_lines_add_up(texts: list[str]) -> None:
    body = leavers_csv(leaver(), lines=tuple(texts))
    physical = [n for n, line in enumerate(body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1) if line.strip()]
    assert [line.line for line in read_all(csv_list, body)] == physical[1:]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text(alphabet=';|" aé\x00', max_size=6), min_size=45, max_size=49).map("|".join), min_size=1, max_size=5))
def test_no_text_makes_the_sifa_reader_fail_and_its_lines_add_up(texts: list[str]) -> None:
    body = "\n".join([sifa_line(), *texts]).encode()
    assert len(read_all(sifa, body)) == 1 + sum(bool(text.strip()) for text in texts)


@pytest.mark.parametrize("separator", ["|", ";"])
def test_sifa_is_read_with_either_separator_as_enrolments(separator: str) -> None:
    (only,) = good(read_all(sifa, sifa_line(separator).encode()))
    assert (only.line, only.kind, only.formation, only.diploma, only.entry_date, only.exit_date) == (
        1, "enrolment", "50022141", "03", "01092025", "",
    )  # fmt: skip


def test_a_sifa_line_of_46_columns_is_rejected_and_the_others_kept() -> None:
    lines = read_all(sifa, "\n".join([sifa_line(), sifa_line()[:-1], sifa_line()]).encode())
    assert faults(lines) == [(2, "COLUMN_COUNT")]
    assert len(good(lines)) == 2


def test_a_broken_contract_ends_no_enrolment() -> None:
    assert good(read_all(sifa, sifa_line(DATE_RUPT_CONT="15112025").encode()))[0].exit_date == ""


def test_health_nationality_and_family_columns_land_nowhere() -> None:
    marks = {"HANDI": "zq1", "NATIO": "zq2", "PCS": "zq3", "SIRET_EMP": "zq4", "SIT_AV_APP": "zq5"}
    kept = str(asdict(good(read_all(sifa, sifa_line(**marks).encode()))[0]))
    assert [mark for mark in marks.values() if mark in kept] == []
    eleve = ELEVE.replace("<NATIONALITE>100<", "<NATIONALITE>zq6<").replace("</ELEVE>", "<NIR>108054410900000</NIR></ELEVE>")
    assert not {"zq6", "108054410900000"} & set(str(asdict(good(read_all(siecle, eleves_xml(eleve)))[0])).replace("'", " ").split())


def test_siecle_joins_pupil_address_and_guardians() -> None:
    (only,) = good(read_all(siecle, zipped(ElevesAvecAdresses=eleves_xml(ELEVE), ResponsablesAvecAdresses=RESPONSABLES)))
    assert (only.line, only.kind, only.uai, only.first_names, only.postcode, only.exit_date) == (
        1, "leaver", UAI, ("Maïa",), "44600", "01/12/2025",
    )  # fmt: skip
    assert [(one.family_name, one.phones, one.email) for one in only.guardians] == [("DUVALLON", ("0612345679",), "noe@exemple.fr")]


def test_siecle_may_come_as_the_pupils_alone_and_an_absent_exit_is_an_enrolment() -> None:
    leaver_, enrolled = good(read_all(siecle, eleves_xml(ELEVE, ENROLLED_ELEVE)))
    assert (leaver_.kind, enrolled.kind, leaver_.guardians) == ("leaver", "enrolment", ())


def test_last_years_school_is_not_taken_for_the_pupil() -> None:
    (only,) = good(read_all(siecle, eleves_xml(ELEVE)))
    assert (only.email, only.phones) == ("", ())


@pytest.mark.parametrize("before_the_edge", range(1, 9))
def test_a_doctype_over_the_edge_of_two_chunks_is_seen(before_the_edge: int) -> None:
    head = b'<?xml version="1.0" encoding="UTF-8"?>'
    padding = b"<!---->" * CHUNK
    body = (head + padding)[: CHUNK - before_the_edge - 7]
    body = body[: body.rindex(b"<")] + b" " * (CHUNK - before_the_edge - body.rindex(b"<")) + b"<!DOCTYPE x><x/>"
    assert body.index(b"<!DOCTYPE") == CHUNK - before_the_edge
    with pytest.raises(ListRefused, match="DOCTYPE_REFUSED"):
        xml.check(lambda: io.BytesIO(body))


# ---- one odd line is its own ----


@pytest.mark.parametrize("odd", ["\t", ","])
def test_a_faulty_line_with_as_many_of_another_separator_is_only_its_own_fault(odd: str) -> None:
    faulty = leaver(nom=f"DUVAL\x00{odd * (len(csv_list.LEAVERS) - 1)}")
    for rows in ((faulty, leaver()), (leaver(), faulty)):
        lines = read_all(csv_list, leavers_csv(*rows))
        assert (len(lines), [rule for _, rule in faults(lines)]) == (2, ["CONTROL_CHAR"])


@pytest.mark.parametrize("more", [0, 1])
def test_a_line_without_the_files_separator_is_of_another_only_where_that_makes_a_whole_record_of_it(more: int) -> None:
    stray = "a" * 5000 + "," * (len(csv_list.LEAVERS) - 1 + more)
    lines = read_all(csv_list, leavers_csv(leaver(), lines=(stray,)))
    assert [rule for _, rule in faults(lines)] == ["COLUMN_COUNT"]


def test_a_line_separator_of_unicode_ends_no_record() -> None:
    (only,) = good(read_all(csv_list, leavers_csv(leaver(nom="DUVAL\u2028LON", adresse='"3; rue"'))))
    assert (only.family_name, only.address) == ("DUVAL\u2028LON", ("3; rue",))


NASTY = st.text(st.sampled_from('\t,;"\n\r\x00\x0b\x0c\x1c\x85\u2028\u2029\ufeff aé'), max_size=30)
CELL = st.one_of(
    st.just(""),
    NASTY,
    st.sampled_from(["\t", ",", ";", '"', "\n", "\r", "\u2028", "\t\n", ',"']).map(lambda one: one * 20),
    st.text(max_size=5),
)
ROW = st.dictionaries(st.integers(0, len(csv_list.LEAVERS) - 1), CELL, max_size=4).map(
    lambda cells: [cells.get(place, "x") for place in range(len(csv_list.LEAVERS))]
)
BREAKS = ["x\n" + "," * 20 + "\n\x00", *["x"] * 20]


@settings(max_examples=300)
@given(rows=st.lists(ROW, min_size=1, max_size=6))
@example(rows=[BREAKS])
@example(rows=[["x"] * 20 + ["\t" * 20]])
@example(rows=[["\x00" + "," * 20, *["x"] * 20]])
@example(rows=[["x" * 300_000 + "," * 20, *["x"] * 20], ["," * 20 + "x" * 300_000, *["x"] * 20]])
def test_whatever_stands_in_the_cells_of_a_campaigns_leavers_each_is_one_line_for_our_own_reader(rows: list[list[str]]) -> None:
    lines = read_all(csv_list, body_of([rows]))
    assert [line.line for line in lines] == list(range(2, len(rows) + 2))
    for row, line in zip(rows, lines, strict=True):
        if isinstance(line, Cells):
            assert line.family_name == row[2].replace("\r", " ").replace("\n", " ").strip()
