"""Dossiers apprenant V3: what the fields become, which line is refused and why, and that no bytes make the readers fail."""

import io
import json
from dataclasses import asdict
from datetime import date

import pytest
from dossier_specimens import BROKEN, DOSSIER, SIRET, dossier, dossiers_json
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_specimens import UAI, read_all

from intake.formats import v3_json
from intake.formats.cells import Cells, Fault, ListRefused
from intake.formats.json_array import objects
from intake.formats.v3_fields import DIPLOMAS, NAMES, REQUIRED, date_of, is_siret
from intake.record import Contract, NotKept, Record, Rejected
from intake.rules import RULES
from intake.validation import validated

ON = date(2026, 1, 31)


def line_of(on: date = ON, **changes: object) -> Record | Rejected | NotKept:
    (only,) = read_all(v3_json, dossiers_json(dossier(**changes)))
    return validated(only, v3_json.ADAPTER, on)


def record_of(on: date = ON, **changes: object) -> Record:
    line = line_of(on, **changes)
    assert isinstance(line, Record), line
    return line


def broken(**changes: object) -> set[tuple[str, str]]:
    line = line_of(**changes)
    assert isinstance(line, Rejected), line
    return {(one.field, one.rule) for one in line.findings}


def test_an_apprentice_in_contract_is_an_enrolment_with_its_contract() -> None:
    record = record_of(**{**BROKEN, "contrat_date_rupture": None, "cause_rupture_contrat": None})
    assert (record.kind, record.uai, record.entry_date, record.exit_date) == ("enrolment", UAI, date(2025, 9, 1), None)
    assert record.apprentice
    assert record.contracts == (Contract(start=date(2025, 9, 8), end=date(2027, 8, 31)),)
    assert (record.identity.birth_date, record.identity.sex, record.formation, record.departement) == (
        date(2008, 5, 14), "2", "50022141", "44",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("on", "kind", "left"),
    [(date(2026, 5, 8), "enrolment", None), (date(2026, 5, 9), "leaver", date(2026, 5, 9))],
    ids=["day 180", "day 181"],
)
def test_a_ruptured_apprentice_has_left_after_day_180_whatever_the_sender_calls_it(on: date, kind: str, left: date | None) -> None:
    for status in (0, 2, 3, None):
        record = record_of(on, **BROKEN, statut_apprenant=status)
        assert (record.kind, record.exit_date) == (kind, left)


def test_an_abandonment_that_no_date_shows_is_remarked() -> None:
    told = record_of(date(2025, 11, 29), statut_apprenant=0)
    assert [(one.field, one.rule) for one in told.remarks] == [("statut_apprenant", "STATUS_DIFFERS")]
    assert record_of(date(2025, 11, 30), statut_apprenant=0).remarks == ()


def test_four_contracts_are_read_each_with_its_own_place() -> None:
    starts = {f"contrat_date_debut{place}": f"2025-{9 + number:02d}-01" for number, place in enumerate(("", "_2", "_3", "_4"), 0)}
    starts["contrat_date_debut_2"] = "01/10/2025"
    assert [one.start for one in record_of(**starts).contracts] == [date(2025, month, 1) for month in (9, 10, 11, 12)]


@pytest.mark.parametrize("place", ["", "_3"])
@pytest.mark.parametrize("ours", ["contrat_date_fin", "contrat_date_rupture"])
def test_a_contract_without_a_start_is_told_on_both_fields(ours: str, place: str) -> None:
    found = broken(**{f"{ours}{place}": "2026-01-01"})
    assert found == {(f"{ours}{place}", "CONTRACT_WITHOUT_START"), (f"contrat_date_debut{place}", "CONTRACT_WITHOUT_START")}


def test_a_cause_of_rupture_without_a_contract_is_told() -> None:
    assert broken(cause_rupture_contrat_2="x") == {("contrat_date_debut_2", "CONTRACT_WITHOUT_START")}


def test_a_contract_that_ends_or_breaks_before_its_start_is_told() -> None:
    found = broken(contrat_date_debut="2025-10-01", contrat_date_fin="2025-09-30", contrat_date_rupture="2025-09-01")
    assert found == {("contrat_date_fin", "CONTRACT_DATES"), ("contrat_date_rupture", "CONTRACT_DATES")}


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_required_field_that_is_empty_rejects_the_line(name: str, empty: object) -> None:
    assert broken(**{name: empty}) == {(name, "MISSING_FIELD")}


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("annee_scolaire", "2025-2027", "BAD_SCHOOL_YEAR"),
        ("annee_scolaire", "2025", "BAD_SCHOOL_YEAR"),
        ("etablissement_formateur_uai", "0750654E", "BAD_UAI"),
        ("etablissement_responsable_siret", "19440074300011", "BAD_SIRET"),
        ("etablissement_formateur_siret", "1944007430001", "BAD_SIRET"),
        ("date_inscription_formation", "hier", "BAD_DATE"),
        ("date_fin_formation", "31/02/2027", "BAD_DATE"),
        ("date_exclusion_formation", "2026-13-01", "BAD_DATE"),
        ("contrat_date_debut_2", "2026-02-30", "BAD_DATE"),
        ("date_exclusion_formation", "2025-08-31", "EXIT_BEFORE_ENTRY"),
    ],
)
def test_a_wrong_field_rejects_the_line_by_its_rule(name: str, value: str, rule: str) -> None:
    assert broken(**{name: value}) == {(name, rule)}
    assert RULES[rule].effect == "rejected"


def test_a_school_year_may_be_that_of_the_calendar() -> None:
    assert record_of(annee_scolaire="2026-2026").kind


def test_a_siret_is_checked_as_another_make_does() -> None:
    def luhn(digits: str) -> bool:
        total = 0
        for place, digit in enumerate(reversed(digits)):
            total += sum(map(int, str(int(digit) * (2 if place % 2 else 1))))
        return total % 10 == 0

    last = [f"{SIRET[:-1]}{digit}" for digit in range(10)]
    assert [is_siret(one) for one in last] == [luhn(one) for one in last]
    assert is_siret("194 400 743 00010")
    assert is_siret("35600000000049") and not is_siret("3560000000004")


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2008-05-13T22:00:00.000Z", date(2008, 5, 14)),
        ("2008-01-13T23:00:00Z", date(2008, 1, 14)),
        ("2008-05-14T00:00:00.000Z", date(2008, 5, 14)),
        ("2008-05-14T00:00:00+02:00", date(2008, 5, 14)),
        ("2008-05-14 00:00:00", date(2008, 5, 14)),
        ("14/05/2008", date(2008, 5, 14)),
    ],
)
def test_an_instant_is_the_day_that_paris_shows(cell: str, day: date) -> None:
    assert date_of(cell) == day


@pytest.mark.parametrize(
    "cell", ["14/5/2008", "14/05/08", "05-14-2008", "2008-05-14T", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_nothing_else_is_a_date(cell: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        date_of(cell)


def test_a_diploma_obtained_is_known_by_its_code_and_one_not_obtained_says_nothing() -> None:
    found = {cfd: record_of(obtention_diplome_formation=True, formation_cfd=f"{cfd:9<8}").diploma for cfd, _ in DIPLOMAS}
    assert found == {"500": "04", "400": "08", "450": "09", "4": "10", "3": "13", "2": "14", "1": "14"}
    assert record_of(obtention_diplome_formation=True, formation_cfd=None, formation_rncp="RNCP1234").diploma == "06"
    assert record_of(obtention_diplome_formation=False).diploma is None


def test_what_the_law_does_not_list_lands_nowhere() -> None:
    marks = {
        "nir_apprenant": "zq1", "rqth_apprenant": "zq2", "siret_employeur": "zq3", "cause_rupture_contrat": "zq4", "derniere_situation": "zq5",
        "cause_exclusion_formation": "zq6", "nom_referent_handicap_formation": "zq7", "nationalite_apprenant": "zq8",
    }  # fmt: skip
    (only,) = read_all(v3_json, dossiers_json(dossier(**marks)))
    assert isinstance(only, Cells)
    assert [mark for mark in marks.values() if mark in str(asdict(only))] == []


def test_a_bad_dossier_costs_only_itself() -> None:
    good = json.dumps(dossier())
    bad = [good.replace("{", '{"nom_apprenant": "A",', 1), '{"tel_apprenant": NaN}', '{"nom_apprenant": {}}', '{"a" "b"}']
    lines = read_all(v3_json, f"[{good}, {', '.join(bad)}, {good}]".encode())
    assert [(one.line, one.rule) for one in lines if isinstance(one, Fault)] == [(number, "DOSSIER_BROKEN") for number in (2, 3, 4, 5)]
    assert [one.line for one in lines if isinstance(one, Cells)] == [1, 6]
    (control,) = read_all(v3_json, dossiers_json(dossier(nom_apprenant="A\x07")))
    (long,) = read_all(v3_json, dossiers_json(dossier(nom_apprenant="A" * 4001)))
    assert isinstance(control, Fault) and isinstance(long, Fault)
    assert (control.rule, long.rule) == ("CONTROL_CHAR", "CELL_TOO_LONG")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "EMPTY_LIST"), (b" \n", "EMPTY_LIST"), (b"[]", "EMPTY_LIST"), (b"[ ]\n", "EMPTY_LIST"), (b"{}", "TYPE_MISMATCH"),
        (b"nom;prenom", "TYPE_MISMATCH"), (b'"a"', "TYPE_MISMATCH"), (b"x[{}]", "TYPE_MISMATCH"), (b"[{}", "JSON_BROKEN"),
        (b"[{}}]", "JSON_BROKEN"), (b"[{},]", "JSON_BROKEN"), (b"[{} {}]", "JSON_BROKEN"), (b"[1]", "JSON_BROKEN"), (b"[[]]", "JSON_BROKEN"),
        (b'["a"]', "JSON_BROKEN"), (b"[{}] x", "JSON_BROKEN"), (b"[{}][{}]", "JSON_BROKEN"), (b'[{}]"', "JSON_BROKEN"),
        (b"[" * 100_000, "JSON_BROKEN"), (b'[{"a":' * 50, "JSON_BROKEN"), (b'[{"a":"' + b"x" * 400_000 + b'"}]', "JSON_BROKEN"),
        (b'[{"a":"\xe9"}]', "ENCODING"), ('[{"a": "é"}]'.encode("utf-16"), "ENCODING"), (b'[{"a":"\xc3', "ENCODING"),
        (b"x" * 400_000, "TYPE_MISMATCH"), (b'[{"a":"\\', "JSON_BROKEN"),
    ],
)  # fmt: skip
def test_the_whole_file_is_refused(body: bytes, rule: str) -> None:
    with pytest.raises(ListRefused) as refused:
        read_all(v3_json, body)
    assert refused.value.rule == rule
    assert RULES[rule].effect == "file"


class Dripping(io.BytesIO):
    """A body that comes a few bytes at a time."""

    step = 1

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(self.step, size) if size and size > 0 else self.step)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(alphabet='"\\{}[],: \naé𝄞', max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='"\\{}[]a', max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(alphabet='"\\{}[]aé', max_size=5), JSON, max_size=4), min_size=1, max_size=5),
    st.integers(1, 7),
    st.booleans(),
)
def test_objects_are_cut_as_the_json_module_reads_them_however_they_drip(told: list[object], step: int, escaped: bool) -> None:
    body = Dripping(json.dumps(told, ensure_ascii=escaped, indent=1 if step % 2 else None).encode())
    body.step = step
    assert [json.loads(one) for one in objects(body)] == told


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\ 1ae', max_size=60).map(str.encode))
def test_no_bytes_make_the_reader_fail(body: bytes) -> None:
    try:
        assert all(isinstance(one, Cells | Fault) for one in read_all(v3_json, body))
    except ListRefused as refused:
        assert RULES[refused.rule].effect == "file"


VALUES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20) | st.dates().map(str) | st.datetimes().map(str)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(NAMES)), VALUES, max_size=8), st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_no_values_make_validation_fail_and_every_rule_has_its_sentence(changes: dict[str, object], on: date) -> None:
    try:
        (only,) = read_all(v3_json, json.dumps([{**DOSSIER, **changes}]).encode())
    except ListRefused as refused:
        assert RULES[refused.rule].effect == "file"
        return
    line = validated(only, v3_json.ADAPTER, on)
    findings = line.remarks if isinstance(line, Record) else line.findings if isinstance(line, Rejected) else ()
    assert {RULES[one.rule].effect for one in findings} <= {"remark", "rejected"}
