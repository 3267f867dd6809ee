"""Workbooks: read as they look in an editor, refused when something hides in them, never a crash; and the two formats that come so."""

import io
import re
import tracemalloc
from datetime import date, datetime

import pytest
from dossier_specimens import BROKEN, DOSSIER, dossier, dossiers_json
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_specimens import UAI, enrolment, leaver, leavers_csv, read_all, zipped
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from workbook_specimens import OFFICE, by_hand, written

from intake.formats import ADAPTERS, csv_list, v3_json, v3_xlsx, xlsx_list
from intake.formats.cells import Cells, Fault, ListRefused, RawLine
from intake.formats.csv_list import ENROLMENTS, LEAVERS
from intake.formats.workbook import rows
from intake.inspection import inspect
from intake.record import Record
from intake.rules import RULES
from intake.validation import validated


def shown(body: bytes) -> list[tuple[int, dict[int, str]]]:
    return [(row.number, dict(row.cells)) for row in rows(io.BytesIO(body), only_sheet=True)]


def leavers_xlsx(*people: dict[str, str], header: tuple[str, ...] = LEAVERS) -> bytes:
    return written(header, *([one.get(name, "") for name in header] for one in people))


def dossiers_xlsx(*dossiers: dict[str, object]) -> bytes:
    names = [*DOSSIER, *BROKEN]
    return written([f"{name} *" for name in names], *([one.get(name) for name in names] for one in dossiers))


def without_line(lines: list[RawLine]) -> list[str]:
    return [re.sub(r"\bline=\d+, ", "", repr({name: getattr(one, name) for name in Cells.__slots__ if name != "line"})) for one in lines]


def test_cells_are_read_as_they_look() -> None:
    def formats(_: Workbook, sheet: Worksheet) -> None:
        sheet["A3"], sheet["B3"], sheet["C3"] = 39582, 39582, 39582
        sheet["A3"].number_format = "dd/mm/yyyy"
        sheet["B3"].number_format = '"jour" 0'
        sheet["C3"].number_format = "[$-40C]d mmmm yyyy;@"

    body = written(["é ", True, 44600, 1.5, date(2008, 5, 14), datetime(2008, 5, 14, 9)], [], change=formats)
    assert shown(body) == [
        (1, {0: "é", 1: "true", 2: "44600", 3: "1.5", 4: "2008-05-14", 5: "2008-05-14"}),
        (3, {0: "2008-05-14", 1: "39582", 2: "2008-05-14"}),
    ]


def test_dates_of_either_epoch_are_those_of_another_make() -> None:
    def since_1904(book: Workbook, _: Worksheet) -> None:
        book.epoch = datetime(1904, 1, 1)

    days = [date(1904, 1, 2), date(1950, 3, 1), date(2008, 5, 14), date(2024, 2, 29)]
    for change in (None, since_1904):
        told = written(days, change=change)
        assert list(shown(told)[0][1].values()) == [day.isoformat() for day in days]


def test_rich_texts_are_one_and_how_they_are_pronounced_is_not_read() -> None:
    texts = "<si><r><t>DU</t></r><r><rPr><b/></rPr><t>VALLON</t></r><rPh sb='0' eb='2'><t>x</t></rPh></si><si><t>A_x0007_</t></si>"
    cells = '<c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>in</t></is></c><c r="D1" t="s"><v>1</v></c><c t="str"><v>E</v></c>'
    assert shown(by_hand(f'<row r="1">{cells}</row>', texts=texts)) == [(1, {0: "DUVALLON", 2: "in", 3: "A\x07", 4: "E"})]


def test_a_million_blank_rows_and_two_far_cells_cost_no_memory() -> None:
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    tracemalloc.start()
    assert shown(by_hand(far)) == [(1, {0: "1"}), (1_048_576, {16_383: "2"})]
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    blank = "".join(f'<row r="{number}" s="1" customFormat="1"><c r="A{number}" s="1"/></row>' for number in range(2, 100_000))
    assert len(shown(by_hand(f'<row r="1"><c r="A1"><v>1</v></c></row>{blank}'))) == 1
    tracemalloc.stop()


def hidden(book: Workbook, _: Worksheet) -> None:
    book.create_sheet("b").sheet_state = "hidden"


def very_hidden(book: Workbook, _: Worksheet) -> None:
    book.create_sheet("b").sheet_state = "veryHidden"


def merged(_: Workbook, sheet: Worksheet) -> None:
    sheet.merge_cells("A1:B1")


XXE = '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
ONE = '<row r="1"><c r="A1"><v>1</v></c></row>'
REFUSED = [
    ("nothing", b"", "EMPTY_LIST"),
    ("a CSV", b"uai;ine", "TYPE_MISMATCH"),
    ("another archive", zipped(a=b"<x/>"), "TYPE_MISMATCH"),
    ("cut", written(["a"])[:-30], "ARCHIVE_BROKEN"),
    ("a bomb", by_hand(ONE + " " * 5_000_000), "ARCHIVE_RATIO"),
    ("a hidden sheet", written(["a"], change=hidden), "WORKBOOK_HIDDEN"),
    ("a very hidden sheet", written(["a"], change=very_hidden), "WORKBOOK_HIDDEN"),
    ("two sheets", written(["a"], change=lambda book, _: book.create_sheet("b") and None), "WORKBOOK_SHEETS"),
    ("a formula", written(["a"], ['=HYPERLINK("x")']), "WORKBOOK_FORMULA"),
    ("merged cells", written(["a"], change=merged), "WORKBOOK_MERGED"),
    ("entities", by_hand(ONE, prologue=XXE), "DOCTYPE_REFUSED"),
    ("broken XML", by_hand(ONE + "<row>"), "XML_BROKEN"),
    ("a row twice", by_hand(ONE + ONE), "SCHEMA_VERSION"),
    ("a cell twice", by_hand('<row r="1"><c r="A1"/><c r="A1"/></row>'), "SCHEMA_VERSION"),
    ("a cell of another row", by_hand('<row r="1"><c r="A2"/></row>'), "SCHEMA_VERSION"),
    ("a column that no sheet has", by_hand('<row r="1"><c r="XFE1"/></row>'), "SCHEMA_VERSION"),
    ("a text that is not there", by_hand('<row r="1"><c r="A1" t="s"><v>7</v></c></row>'), "SCHEMA_VERSION"),
    ("no sheet", by_hand(ONE, more={"xl/workbook.xml": "<workbook/>"}), "SCHEMA_VERSION"),
    ("macros", by_hand(ONE, relations=f'<Relationship Id="r2" Type="{OFFICE}/vbaProject" Target="v.bin"/>'), "MALWARE"),
    ("other data", by_hand(ONE, relations=f'<Relationship Id="r2" Type="{OFFICE}/externalLink" Target="x.xml"/>'), "EXTERNAL_REFERENCE"),
]


@pytest.mark.parametrize(("body", "rule"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_the_whole_workbook_is_refused(body: bytes, rule: str) -> None:
    with pytest.raises(ListRefused) as refused:
        shown(body)
    assert refused.value.rule == rule
    assert RULES[rule].effect == "file"


def test_a_list_reads_as_the_same_list_in_csv() -> None:
    people = (leaver(), leaver(nom="ARBELIN", courriel=""))
    assert without_line(read_all(xlsx_list, leavers_xlsx(*people))) == without_line(read_all(csv_list, leavers_csv(*people)))
    (only,) = read_all(xlsx_list, leavers_xlsx(enrolment(), header=ENROLMENTS))
    assert isinstance(only, Cells) and (only.line, only.kind, only.entry_date) == (2, "enrolment", "2026-02-01")


def test_columns_may_stand_in_another_order_and_none_may_lack() -> None:
    (only,) = read_all(xlsx_list, leavers_xlsx(leaver(), header=LEAVERS[::-1]))
    assert isinstance(only, Cells) and (only.uai, only.family_name, only.motive) == (UAI, "DUVALLON", "10")
    for header in (LEAVERS[1:], (*LEAVERS, "uai"), (*LEAVERS, "remarque"), ("", *LEAVERS)):
        with pytest.raises(ListRefused, match="HEADER_UNKNOWN"):
            read_all(xlsx_list, leavers_xlsx(leaver(), header=header))


def test_numbers_and_dates_that_a_spreadsheet_made_are_good_cells() -> None:
    row = {**leaver(), "code_postal": 1000, "telephone": 612345678, "date_naissance": date(2008, 5, 14), "commune_naissance": 44109}
    (only,) = read_all(xlsx_list, written(LEAVERS, [row[name] for name in LEAVERS]))
    line = validated(only, xlsx_list.ADAPTER, date(2026, 1, 31))
    assert isinstance(line, Record) and line.contact is not None and line.contact.address is not None
    assert (line.identity.birth_date, line.contact.phones, line.contact.address.postcode) == (date(2008, 5, 14), ("+33612345678",), "01000")
    assert line.remarks == ()


def test_a_bad_row_costs_only_itself() -> None:
    long, control, wide = leaver(nom="A" * 4001), leaver(nom="A_x0007_"), [*leaver().values(), "more"]
    body = written(
        LEAVERS, list(leaver().values()), list(long.values()), wide, list(control.values()), list(leaver(nom="ARBELIN").values())
    )
    lines = read_all(xlsx_list, body)
    assert [(one.line, one.rule) for one in lines if isinstance(one, Fault)] == [
        (3, "CELL_TOO_LONG"),
        (4, "COLUMN_COUNT"),
        (5, "CONTROL_CHAR"),
    ]
    assert [one.family_name for one in lines if isinstance(one, Cells)] == ["DUVALLON", "ARBELIN"]


def test_a_header_alone_is_no_list() -> None:
    for reader, body in ((xlsx_list, leavers_xlsx()), (v3_xlsx, dossiers_xlsx()), (xlsx_list, written([]))):
        with pytest.raises(ListRefused, match="EMPTY_LIST"):
            read_all(reader, body)


def test_dossiers_in_a_workbook_read_as_those_in_json() -> None:
    told = [dossier(**BROKEN), dossier(nom_apprenant="ARBELIN")]
    assert without_line(read_all(v3_xlsx, dossiers_xlsx(*told))) == without_line(read_all(v3_json, dossiers_json(*told)))


def test_a_workbook_of_dossiers_needs_no_id_but_every_other_required_column() -> None:
    names = [name for name in DOSSIER if name != "id_erp_apprenant"]
    (only,) = read_all(v3_xlsx, written(names, [DOSSIER[name] for name in names]))
    assert isinstance(only, Cells) and only.findings == ()
    with pytest.raises(ListRefused, match="HEADER_UNKNOWN"):
        read_all(v3_xlsx, written(names[1:], [DOSSIER[name] for name in names[1:]]))


def test_inspection_takes_both_and_the_header_tells_of_whom_ours_is() -> None:
    assert inspect(io.BytesIO(leavers_xlsx(leaver())), "xlsx", UAI).content == "leavers"
    assert inspect(io.BytesIO(leavers_xlsx(enrolment(), header=ENROLMENTS)), "xlsx", UAI).content == "enrolments"
    assert inspect(io.BytesIO(dossiers_xlsx(dossier())), "dossier_v3_xlsx", UAI).content == "all"


ATTRIBUTES = st.sampled_from(
    ["", ' r="1"', ' r="A1"', ' r="B1"', ' r="A2"', ' r="2"', ' t="s"', ' t="b"', ' t="e"', ' s="1"', ' s="x"', ' r="-1"']
)
PIECES = st.sampled_from(
    [
        "<v>1</v>",
        "<v>-1e999</v>",
        "<v>nan</v>",
        "<v>99999999999</v>",
        "<v/>",
        "<is><t>é</t></is>",
        "<f>1</f>",
        "x",
        "<rPh><t>y</t></rPh>",
        "&amp;",
    ]
)
CELL = st.builds("<c{}{}>{}</c>".format, ATTRIBUTES, ATTRIBUTES, st.lists(PIECES, max_size=3).map("".join))
ROW = st.builds("<row{}>{}</row>".format, ATTRIBUTES, st.lists(CELL, max_size=4).map("".join))


@settings(max_examples=300, deadline=None)
@given(st.lists(ROW, max_size=4).map("".join), st.lists(PIECES, max_size=3).map(lambda inner: f"<si>{''.join(inner)}</si>"))
def test_no_sheet_makes_the_readers_fail(sheet: str, texts: str) -> None:
    body = by_hand(sheet, texts=texts)
    for name in ("xlsx", "dossier_v3_xlsx"):
        try:
            assert all(isinstance(one, Cells | Fault) for one in ADAPTERS[name].read(io.BytesIO(body)))
        except ListRefused as refused:
            assert RULES[refused.rule].effect == "file"


GOOD = leavers_xlsx(leaver())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_changed_bytes_make_the_reader_fail(changes: list[tuple[int, int]]) -> None:
    body = bytearray(GOOD)
    for place, byte in changes:
        body[place] = byte
    try:
        assert all(isinstance(one, Cells | Fault) for one in read_all(xlsx_list, bytes(body)))
    except ListRefused as refused:
        assert RULES[refused.rule].effect == "file"
