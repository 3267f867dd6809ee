"""From cells to the record: every rule of a line, the boundary of 16 years, and values cleaned."""

from datetime import date
from random import Random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_specimens import REFERENCE, enrolment, enrolments_csv, leaver, leavers_csv, read_all

from intake.cleaning import (
    NOT_A_PERSONS,
    REGIONS,
    departement_of_postcode,
    departement_of_uai,
    folded,
    ine_of,
    label_of,
    name_of,
    phone_of,
    uai_of,
)
from intake.formats import csv_list
from intake.record import Held, Line, NotKept, Record, Rejected
from intake.rules import RULES
from intake.validation import validated


def read(**changes: str) -> Line:
    return validated(read_all(csv_list, leavers_csv(leaver(**changes)))[0], csv_list.ADAPTER, REFERENCE)


def rules(line: Line) -> list[tuple[str, str]]:
    assert isinstance(line, Rejected)
    return [(finding.field, finding.rule) for finding in line.findings]


def remarks(line: Line) -> list[tuple[str, str]]:
    assert isinstance(line, Record)
    return [(finding.field, finding.rule) for finding in line.remarks]


def record(**changes: str) -> Record:
    line = read(**changes)
    assert isinstance(line, Record)
    return line


def test_a_good_line_becomes_a_record_with_derived_facts() -> None:
    found = record()
    assert (found.age, found.majority_month, found.departement, found.remarks) == (17, "2026-05", "44", ())
    assert found.contact is not None and found.contact.phones == ("+33612345678",)
    assert found.guardians is not None and found.guardians.guardians[0].first_name == "Noé"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"nom": ""}, [("nom", "MISSING_FIELD")]),
        ({"prenom": ""}, [("prenom", "MISSING_FIELD")]),
        ({"date_naissance": ""}, [("date_naissance", "MISSING_FIELD")]),
        ({"date_sortie": ""}, [("date_sortie", "MISSING_FIELD")]),
        ({"uai": ""}, [("uai", "MISSING_FIELD")]),
        ({"uai": "0440074X"}, [("uai", "BAD_UAI")]),
        ({"date_naissance": "00/00/2008"}, [("date_naissance", "BAD_DATE")]),
        ({"date_naissance": "3/4/09"}, [("date_naissance", "BAD_DATE")]),
        ({"date_naissance": "39582"}, [("date_naissance", "SPREADSHEET_MANGLED")]),
        ({"date_sortie": "2025-02-30"}, [("date_sortie", "BAD_DATE")]),
        ({"date_naissance": "2026-02-01"}, [("date_naissance", "BIRTH_DATE_IMPOSSIBLE")]),
        ({"date_naissance": "1900-01-01"}, [("date_naissance", "BIRTH_DATE_IMPOSSIBLE")]),
        ({"date_naissance": "0009-04-03"}, [("date_naissance", "BIRTH_DATE_IMPOSSIBLE")]),
        ({"nom": "DUVALL0N"}, [("nom", "NAME_INVALID")]),
        ({"nom": "-"}, [("nom", "NAME_INVALID")]),
        ({"prenom": "<script>"}, [("prenom", "NAME_INVALID")]),
        ({"nom": "Дювалон"}, [("nom", "NAME_INVALID")]),
        ({"ine": "1,23E+10"}, [("ine", "SPREADSHEET_MANGLED")]),
        ({"date_entree": "2025-12-02"}, [("date_sortie", "EXIT_BEFORE_ENTRY")]),
        ({"nom": "", "date_sortie": "x"}, [("nom", "MISSING_FIELD"), ("date_sortie", "BAD_DATE")]),
    ],
)  # fmt: skip
def test_a_line_is_rejected_with_field_and_rule(changes: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert rules(read(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"telephone": "06 12"}, [("telephone", "PHONE_INVALID")]),
        ({"telephone": "0899 70 12 34"}, [("telephone", "PHONE_INVALID")]),
        ({"representant_telephone": "123"}, [("representant_telephone", "PHONE_INVALID")]),
        ({"courriel": "a@b"}, [("courriel", "EMAIL_INVALID")]),
        ({"ine": "108054410912345"}, [("ine", "INE_MALFORMED")]),
        ({"code_postal": "00123"}, [("code_postal", "POSTCODE_INVALID")]),
        ({"date_entree": ""}, [("date_entree", "ENTRY_DATE_MISSING")]),
    ],
)  # fmt: skip
def test_a_line_is_accepted_with_remarks(changes: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert remarks(read(**changes)) == expected


def test_what_is_remarked_upon_is_not_kept() -> None:
    found = record(ine="108054410912345", telephone="06 12", courriel="a@b", code_postal="00123")
    assert found.contact is not None and found.contact.address is not None
    assert (found.identity.ine, found.contact.phones, found.contact.email, found.contact.address.postcode) == (None, (), None, None)
    assert found.departement == "44"


def test_a_rejected_line_keeps_nothing_in_place_of_an_ine() -> None:
    line = read(nom="", ine="108054410912345")
    assert isinstance(line, Rejected) and line.cells is not None and line.cells.ine == ""


@pytest.mark.parametrize(("birth", "kept"), [("2010-02-01", False), ("2010-01-31", True)], ids=["15 years 364 days", "16 that day"])
def test_under_16_on_the_reference_date_is_not_kept(birth: str, kept: bool) -> None:
    assert isinstance(read(date_naissance=birth), Record if kept else NotKept)


def test_under_16_comes_before_every_fault_so_that_nothing_is_kept() -> None:
    assert read(date_naissance="2012-01-01", nom="", date_sortie="x") == NotKept(line=2)


def test_an_enrolled_under_16_is_not_kept_either_and_an_enrolment_needs_its_entry() -> None:
    young = read_all(csv_list, enrolments_csv(enrolment(date_naissance="2012-01-01")))[0]
    late = read_all(csv_list, enrolments_csv(enrolment(date_entree="")))[0]
    assert isinstance(validated(young, csv_list.ADAPTER, REFERENCE), NotKept)
    assert rules(validated(late, csv_list.ADAPTER, REFERENCE)) == [("date_entree", "MISSING_FIELD")]


def test_french_dates_are_days_first() -> None:
    assert record(date_naissance="03/04/2008").identity.birth_date == date(2008, 4, 3)


@pytest.mark.parametrize(
    "uai", ["0070004S", "0120025M", "0250013D", "0750654D", "7200009X", "6200001G", "9720490A", "9711071M", "9740922J"]
)
def test_real_uais_hold(uai: str) -> None:
    assert uai_of(f" {uai.lower()} ") == uai


@pytest.mark.parametrize("wrong", ["0750654E", "0133015H", "9741046E", "0940123S", "075065D", "0750654I"])
def test_wrong_uais_do_not(wrong: str) -> None:
    assert uai_of(wrong) is None


@pytest.mark.parametrize(
    ("postcode", "departement"),
    [("44600", "44"), ("20000", "2A"), ("20137", "2A"), ("20200", "2B"), ("20600", "2B"), ("20900", None), ("97410", "974"), ("98800", "988"),
     ("98000", None), ("01000", "01"), ("96000", None)],
)  # fmt: skip
def test_the_departement_follows_from_the_postcode(postcode: str, departement: str | None) -> None:
    assert departement_of_postcode(postcode) == departement


def test_the_departement_follows_from_the_uai() -> None:
    assert [departement_of_uai(uai) for uai in ("0440074S", "6200001G", "7200009X", "9740922J")] == ["44", "2A", "2B", "974"]


@pytest.mark.parametrize(
    ("written", "e164"),
    [("06 12 34 56 78", "+33612345678"), ("0033612345678", "+33612345678"), ("+262692001234", "+262692001234"), ("0692001234", "+262692001234"),
     ("0899701234", None), ("12", None), ("", None)],
)  # fmt: skip
def test_phones_become_e164_with_the_overseas_prefix(written: str, e164: str | None) -> None:
    assert phone_of(written) == e164


@pytest.mark.parametrize(
    "ine", ["012345678AB", "0123456789A", "0494004062M", "1234A56789Z", "1234567890 a", "0000000010A", "0000A00001B", "000000001AB"]
)
def test_the_known_forms_of_ine_are_taken(ine: str) -> None:
    assert ine_of(ine) == ine.replace(" ", "").upper()


def test_folding_makes_one_of_many_spellings() -> None:
    assert {folded(name) for name in ("Benoît", "BENOIT", "Beno\u0069\u0302t", "be-noit")} == {"BENOIT"}
    assert folded("Œuvrard d’Aÿ") == "OEUVRARDDAY"


def test_a_real_person_may_be_named_null() -> None:
    assert name_of("Null") == "Null"


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_no_cell_makes_validation_fail(name: str, phone: str, day: str) -> None:
    clean = [text.translate(dict.fromkeys(map(ord, ';"\r\n'))) for text in (name, phone, day)]
    raw = read_all(csv_list, leavers_csv(leaver(nom=clean[0], telephone=clean[1], date_entree=clean[2])))[0]
    assert isinstance(validated(raw, csv_list.ADAPTER, REFERENCE), Record | Rejected | Held | NotKept)


def test_every_rule_has_its_french_sentence() -> None:
    assert all(text.sentence.endswith(".") and len(text.sentence) > 20 for text in RULES.values())


def as_the_library_reads(digits: str) -> str | None:
    try:
        number = phonenumbers.parse(digits, REGIONS.get(digits[:4], "FR"))
    except phonenumbers.NumberParseException:
        return None
    reachable = phonenumbers.number_type(number) not in NOT_A_PERSONS
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if reachable else None


def test_ten_digits_are_read_as_the_library_reads_them() -> None:
    """Of every third block of ten thousand numbers its first, its last and another; the international prefix is among them."""
    chance = Random(3)
    blocks = [f"0{start:05d}" for start in range(0, 100_000, 3)]
    numbers = [f"{block}{end:04d}" for block in blocks for end in (0, chance.randrange(10_000), 9999)]
    assert [one for one in numbers if phone_of(one) != as_the_library_reads(one)] == []


@pytest.mark.parametrize("told", ["Aucun", "DURAND Ana 06 12 34 56 78", "néant", "DNB", "00", "16"])
def test_a_diploma_that_is_no_code_is_not_kept_and_is_told(told: str) -> None:
    (line,) = (validated(one, csv_list.ADAPTER, REFERENCE) for one in read_all(csv_list, leavers_csv(leaver(diplome_obtenu=told))))
    assert isinstance(line, Record)
    assert line.diploma is None
    assert "DIPLOMA_UNKNOWN" in [one.rule for one in line.remarks]


@pytest.mark.parametrize("field", ["date_entree", "date_sortie", "date_naissance"])
@pytest.mark.parametrize("day", ["9999-12-31", "1000-01-01", "2101-01-01"])
def test_no_day_is_beyond_what_a_school_can_mean(field: str, day: str) -> None:
    (line,) = (validated(one, csv_list.ADAPTER, REFERENCE) for one in read_all(csv_list, leavers_csv(leaver(**{field: day}))))
    assert isinstance(line, Rejected)


def test_who_leaves_after_the_lists_day_is_enrolled_until_then() -> None:
    (line,) = (validated(one, csv_list.ADAPTER, REFERENCE) for one in read_all(csv_list, leavers_csv(leaver(date_sortie="2026-07-04"))))
    assert isinstance(line, Record)
    assert (line.kind, line.exit_date) == ("enrolment", date(2026, 7, 4))


def test_a_label_is_no_nir() -> None:
    assert label_of("108057512345678") is None
    assert label_of("1 08 05 75 123 456 78") is None
    assert label_of("24725214311") == "24725214311"


@pytest.mark.parametrize(("one", "other"), [("An", "Đan"), ("Eva", "Łeva")])
def test_letters_that_unicode_leaves_whole_are_not_dropped(one: str, other: str) -> None:
    assert folded(one) != folded(other)
    assert folded("Łukasz") == folded("Lukasz")


PLACEHOLDERS = [form.replace("n", digit) for digit in "0123456789" for form in ("nnnnnnnnnnn", "nnnnnnnnnnA", "nnnnnnnnnAB", "nnnnAnnnnnB")]
"""One digit throughout, in each form that an INE may have."""


@pytest.mark.parametrize("ine", [*PLACEHOLDERS, "11111111112", "INCONNU0000"])
def test_what_stands_for_an_unknown_ine_is_none(ine: str) -> None:
    assert ine_of(ine) is None
