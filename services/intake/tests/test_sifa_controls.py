"""The ministry's controls of a SIFA file, each with a line that breaks it alone and one beside it that does not."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_specimens import OTHER_UAI, UAI, read_all, sifa_line

from intake.formats import sifa
from intake.formats.cells import Cells
from intake.formats.sifa import ORDER
from intake.formats.sifa_controls import MANDATORY
from intake.record import NotKept, Record, Rejected
from intake.reference.establishments import directory_in
from intake.rules import RULES
from intake.validation import validated

ON = date(2025, 12, 31)


def line_of(**changes: str) -> Record | Rejected | NotKept:
    (only,) = read_all(sifa, sifa_line(**changes).encode())
    return validated(only, sifa.ADAPTER, ON)


def remarks(**changes: str) -> list[tuple[str, str]]:
    line = line_of(**changes)
    assert isinstance(line, Record), line
    return [(one.field, one.rule) for one in line.remarks]


def test_a_good_line_has_no_finding() -> None:
    assert remarks() == []


@pytest.mark.parametrize("name", MANDATORY)
def test_a_mandatory_field_that_is_empty_rejects_the_line(name: str) -> None:
    line = line_of(**{name: ""})
    assert isinstance(line, Rejected)
    assert [(one.field, one.rule) for one in line.findings] == [(name, "MISSING_FIELD")]


def test_there_are_eighteen_of_them() -> None:
    assert len(MANDATORY) == len(set(MANDATORY)) == 18
    assert set(MANDATORY) <= set(ORDER)


def test_a_number_of_the_national_register_stands_for_the_diploma() -> None:
    assert remarks(DIPLOME="", RNCP="RNCP38539") == []


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"SIT_FORM": "0750654E"}, "SIT_FORM", "SIFA_IN02"),
        ({"UAI_EPLE": "0750654E"}, "UAI_EPLE", "SIFA_IN02"),
        ({"ETAB_N_1": "0750654E"}, "ETAB_N_1", "SIFA_IN02"),
        ({"ETAB_N_1": "NC"}, "ETAB_N_1", "SIFA_IN02"),
        ({"DATE_DEB_CONT": "02092025", "DATE_RUPT_CONT": "01092025"}, "DATE_RUPT_CONT", "SIFA_IN42"),
        ({"DATE_DEB_CONT": "02092025", "DATE_RUPT_CONT": "31022025"}, "DATE_RUPT_CONT", "SIFA_IN42"),
        ({"COD_POST": "44600", "COM_RESID": "75105"}, "COM_RESID", "SIFA_IN51"),
        ({"COD_POST": "97400", "COM_RESID": "97105"}, "COM_RESID", "SIFA_IN51"),
        ({"COD_POST": "20200", "COM_RESID": "2A004"}, "COM_RESID", "SIFA_IN51"),
        ({"SIT_N_1": "1003", "DIP_OBT": "04"}, "DIP_OBT", "SIFA_IN53"),
        ({"SIT_N_1": "5907", "ETAB_N_1": UAI}, "ETAB_N_1", "SIFA_IN56"),
        ({"SIT_N_1": "9900", "ETAB_N_1": "993"}, "ETAB_N_1", "SIFA_IN56"),
        ({"SIRET_EMP": "1944007430001"}, "SIRET_EMP", "SIFA_IN58"),
        ({"SIRET_EMP": "19440074300011"}, "SIRET_EMP", "SIFA_IN59"),
        ({"TYPE_CFA": "11"}, "TYPE_CFA", "SIFA_CODE"),
        ({"STATUT": "ETU"}, "STATUT", "SIFA_CODE"),
        ({"DIP_OBT": "16"}, "DIP_OBT", "SIFA_CODE"),
        ({"DUR_FORM_THEO": "79"}, "DUR_FORM_THEO", "SIFA_DURATION"),
        ({"DUR_FORM_REELLE": "5"}, "DUR_FORM_REELLE", "SIFA_DURATION"),
        ({"DUR_FORM_REELLE": "²"}, "DUR_FORM_REELLE", "SIFA_DURATION"),
    ],
)
def test_what_the_portal_lets_be_forced_is_a_remark(changes: dict[str, str], field: str, rule: str) -> None:
    changes = {"SIT_N_1": "3001", **changes}
    assert remarks(**changes) == [(field, rule)]
    assert RULES[rule].effect == "remark"


@pytest.mark.parametrize(
    "changes",
    [
        {"UAI_EPLE": OTHER_UAI}, {"ETAB_N_1": "02A"}, {"ETAB_N_1": "993"}, {"DATE_DEB_CONT": "01092025", "DATE_RUPT_CONT": "01092025"},
        {"COD_POST": "44600", "COM_RESID": "44184"}, {"COD_POST": "20000", "COM_RESID": "2A004"}, {"COD_POST": "97400", "COM_RESID": "97411"},
        {"COM_RESID": "75105"}, {"SIT_N_1": "1003", "DIP_OBT": "99"}, {"SIT_N_1": "3001", "DIP_OBT": "04"},
        {"SIT_N_1": "5907", "ETAB_N_1": "995"}, {"SIRET_EMP": "19440074300010"}, {"DUR_FORM_THEO": "78", "DUR_FORM_REELLE": "102"},
        {"DUR_FORM_THEO": "6", "DUR_FORM_REELLE": "6"},
    ],
)  # fmt: skip
def test_what_stands_just_inside_is_none(changes: dict[str, str]) -> None:
    assert remarks(**changes) == []


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize(
    ("changes", "day", "closed", "unknown"),
    [
        ({"SIT_FORM": OTHER_UAI}, ON, ["SIT_FORM"], []),
        ({"SIT_FORM": OTHER_UAI}, date(2025, 12, 30), [], []),  # the day before it closes
        ({"UAI_EPLE": OTHER_UAI}, ON, ["UAI_EPLE"], []),
        ({"SIT_FORM": OTHER_UAI, "UAI_EPLE": OTHER_UAI}, ON, ["SIT_FORM", "UAI_EPLE"], []),
        ({"UAI_EPLE": "0350029S"}, ON, ["UAI_EPLE"], []),  # opens the day after
        ({"UAI_EPLE": "0350029S"}, date(2026, 1, 1), [], []),
        ({"UAI_EPLE": "0250013D"}, ON, [], ["UAI_EPLE"]),
        ({"UAI_EPLE": "NC", "ETAB_N_1": OTHER_UAI}, ON, [], []),
    ],
)
def test_an_establishment_that_is_not_open_on_the_day_is_remarked_where_a_directory_says_so(
    complete: bool, changes: dict[str, str], day: date, closed: list[str], unknown: list[str]
) -> None:
    """Of one that is not listed, only where the directory has everybody."""
    rows = ["uai;since;until", f"{UAI};;", f"{OTHER_UAI};;2025-12-31", "0350029S;2026-01-01;"]
    (only,) = read_all(sifa, sifa_line(**changes).encode())
    line = validated(only, sifa.ADAPTER, day, directory_in(rows, complete=complete))
    assert isinstance(line, Record), line
    expected = closed + (unknown if complete else [])
    assert [(one.field, one.rule) for one in line.remarks] == [(name, "SIFA_IN04") for name in expected]
    without = validated(only, sifa.ADAPTER, day)
    assert isinstance(without, Record) and without.remarks == (), "the packaged directory has no dates"


def test_who_stands_in_the_file_twice_is_remarked_by_ine_and_by_identity_and_a_repeated_line_is_not() -> None:
    other = {"NOM": "ARBELIN", "INE_RNIE": "112345678AB"}
    lines = [
        sifa_line(),
        sifa_line(NOM="CORVAL"),
        sifa_line(INE_RNIE="212345678AB"),
        sifa_line(**other),
        sifa_line(),
        sifa_line(INE_RNIE=""),
    ]
    read = read_all(sifa, "\n".join(lines).encode())
    found = [[one.rule for one in line.findings] for line in read if isinstance(line, Cells)]
    assert found == [[], ["SIFA_EN01"], ["SIFA_EN01"], [], [], ["SIFA_EN01"]]


CELLS = st.text(alphabet="0123456789AB²é -", max_size=9)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(ORDER), CELLS, max_size=12))
def test_no_cells_make_a_control_fail_and_every_rule_has_its_sentence(changes: dict[str, str]) -> None:
    line = line_of(**changes)
    findings = line.remarks if isinstance(line, Record) else line.findings if isinstance(line, Rejected) else ()
    assert {RULES[one.rule].effect for one in findings} <= {"remark", "rejected"}
