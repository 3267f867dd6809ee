"""What the fictitious académie promises: the same for the same seed, every case present, sums that add up, nobody real."""

import csv
import io
import json
import re
import zipfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from raccroche.fiction import Fiction, ListFile, generate, truth_document
from raccroche.fiction.bystanders import BYSTANDER_CASES
from raccroche.fiction.cases import LEAVER_CASES
from raccroche.fiction.csv_list import ENROLMENTS_HEADER, LEAVERS_HEADER
from raccroche.fiction.people import person
from raccroche.fiction.sifa import COLUMNS
from raccroche.fiction.territory import DEPARTEMENTS, owed
from raccroche.fiction.vocabulary import L313_7, OBLIGATION, Dirt, Verdict

UAI_KEYS = "ABCDEFGHJKLMNPRSTUVWXYZ"
INE = re.compile(r"[0-9]{9}[A-HJK]{2}|[0-9]{10}[A-HJ-NPR-Z]|[0-9]{4}A[0-9]{5}[A-HJ-NPR-Z]")
FICTION_PHONE = re.compile(r"(019900|026191|035301|046571|053649)[0-9]{4}")


@pytest.fixture(scope="module")
def fiction() -> Fiction:
    return generate(2000, seed=7)


@pytest.fixture(scope="module")
def small() -> Fiction:
    return generate(80, seed=7)


def list_named(fiction: Fiction, part: str) -> ListFile:
    return next(file for file in fiction.files if part in file.filename)


def test_the_same_seed_gives_the_same_bytes_and_the_same_truth(small: Fiction) -> None:
    assert generate(80, seed=7) == small


def test_another_seed_gives_other_people(small: Fiction) -> None:
    other = generate(80, seed=8)
    assert [file.list_id for file in other.files] != [file.list_id for file in small.files]
    assert {one.biography.ine for one in other.people}.isdisjoint({one.biography.ine for one in small.people})


def test_a_person_depends_on_seed_index_and_case_only(small: Fiction) -> None:
    for one in reversed(small.people):
        assert person(one.index, one.case, 7, small.offers) == one


@pytest.mark.parametrize("people", [60, 80, 200])
def test_a_small_academie_has_every_row_of_the_table(people: int) -> None:
    lived = {one.case.name for one in generate(people, seed=3).people}
    assert lived == {case.name for case in (*LEAVER_CASES, *BYSTANDER_CASES)}


def test_rows_have_names_of_their_own() -> None:
    names = Counter(case.name for case in (*LEAVER_CASES, *BYSTANDER_CASES))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_twenty_people_stand_on_each_side_of_each_boundary(seed: int) -> None:
    boundaries = generate(2000, seed=seed).truth.boundaries
    assert {"fifteen_days", "sixteen", "diploma", "enrolled_elsewhere", "both_flags"} <= set(boundaries)
    assert all(len(sides) >= 2 for sides in boundaries.values())
    assert min(count for sides in boundaries.values() for count in sides.values()) >= 20


def test_about_four_leavers_in_ten_are_detected(fiction: Fiction) -> None:
    assert 0.35 <= fiction.truth.detections / 2000 <= 0.45


def test_fewer_people_than_rows_are_rounded_up_to_one_each() -> None:
    leavers = [one.case.name for one in generate(10, seed=1).people if one.index < len(LEAVER_CASES)]
    assert sorted(leavers) == sorted(case.name for case in LEAVER_CASES)


def test_verdicts_add_up_to_lines_in_each_list_and_in_all(fiction: Fiction) -> None:
    every = [*fiction.truth.per_list.values(), fiction.truth.totals]
    for count in every:
        assert count.lines == count.accepted + count.accepted_with_remarks + count.rejected + count.held + count.not_kept
    assert sum(count.lines for count in every[:-1]) == fiction.truth.totals.lines


def test_each_file_has_as_many_records_as_the_truth_says(fiction: Fiction) -> None:
    for file in fiction.files:
        assert records_in(file) == fiction.truth.per_list[str(file.list_id)].lines == len(fiction.expected_lines[file.list_id])


def records_in(file: ListFile) -> int:
    match file.format:
        case "siecle":
            with zipfile.ZipFile(io.BytesIO(file.body)) as archive:
                return archive.read("ElevesAvecAdresses.xml").count(b"<ELEVE ")
        case "sifa":
            return len(file.body.decode("ascii").splitlines())
        case "csv":
            return len(file.body.decode("utf-8-sig").splitlines()) - 1


def test_flags_add_up_to_detections_and_each_has_a_case_and_a_plan(fiction: Fiction) -> None:
    truth = fiction.truth
    assert sum(truth.by_flags.values()) == truth.detections == truth.cases
    assert [one.index for one in fiction.people if one.label.detected != (one.plan is not None)] == []


def test_csv_lines_have_the_documented_columns_except_where_the_dirt_says(fiction: Fiction) -> None:
    for part, header in (("b-leavers", LEAVERS_HEADER), ("c-enrolments", ENROLMENTS_HEADER), ("c-late", ENROLMENTS_HEADER)):
        file = list_named(fiction, part)
        first, *records = file.body.decode("utf-8-sig").splitlines()
        assert first == header
        for record, expected in zip(records, fiction.expected_lines[file.list_id], strict=True):
            whole = len(next(csv.reader([record], delimiter=";"))) == len(header.split(";"))
            assert whole == (expected.line.broken is Dirt.NONE)


def test_census_lines_have_47_columns_except_where_the_dirt_says(fiction: Fiction) -> None:
    file = list_named(fiction, "census")
    widths = [len(record.split("|")) for record in file.body.decode("ascii").splitlines()]
    broken = [expected.line.broken is not Dirt.NONE for expected in fiction.expected_lines[file.list_id]]
    assert len(COLUMNS) == 47
    assert [width != 47 for width in widths] == broken


def test_the_siecle_zip_holds_pupils_and_guardians_in_latin_9_and_inflates_modestly(fiction: Fiction) -> None:
    file = list_named(fiction, "a-leavers")
    with zipfile.ZipFile(io.BytesIO(file.body)) as archive:
        assert archive.namelist() == ["ElevesAvecAdresses.xml", "ResponsablesAvecAdresses.xml"]
        assert all(b'encoding="ISO-8859-15"' in archive.read(name)[:60] for name in archive.namelist())
        assert sum(info.file_size for info in archive.infolist()) < 50 * len(file.body)


def test_every_line_carries_the_uai_of_its_sender_and_every_uai_its_key(fiction: Fiction) -> None:
    for file in fiction.files:
        assert file.uai[7] == UAI_KEYS[int(file.uai[:7]) % 23]
        assert {expected.line.uai for expected in fiction.expected_lines[file.list_id]} == {file.uai}
    assert {file.uai for file in fiction.files} == {one.uai for one in fiction.establishments}


def test_lists_are_sent_in_the_order_of_the_phases(fiction: Fiction) -> None:
    phases = [file.phase for file in fiction.files]
    assert phases == ["enrolments"] * 3 + ["leavers"] * 2 + ["late_enrolments"]
    days = {file.phase: file.reference_date for file in fiction.files}
    assert days == {"enrolments": date(2025, 12, 31), "leavers": date(2026, 1, 31), "late_enrolments": date(2026, 3, 15)}


def test_a_contradicting_line_comes_after_the_one_that_it_contradicts(fiction: Fiction) -> None:
    seen: set[str] = set()
    held = 0
    for file in fiction.files:
        for expected in fiction.expected_lines[file.list_id]:
            if expected.verdict is Verdict.HELD:
                held += 1
                assert expected.line.ine in seen
            elif expected.verdict is Verdict.ACCEPTED:
                seen.add(expected.line.ine)
    assert held == fiction.truth.totals.held > 0


def test_ine_and_family_names_belong_to_one_person_each(fiction: Fiction) -> None:
    lives = [one.biography for one in fiction.people]
    assert len({life.ine for life in lives}) == len({life.family_name for life in lives}) == len(lives)
    assert all(INE.fullmatch(life.ine) for life in lives)
    assert all(len(name) >= 8 for life in lives for name in (life.family_name, life.first_name, life.guardian.family_name))


def test_phones_and_e_mails_can_reach_nobody(fiction: Fiction) -> None:
    for one in fiction.people:
        life = one.biography
        assert FICTION_PHONE.fullmatch(life.phone)
        assert FICTION_PHONE.fullmatch(life.guardian.phone)
        assert life.email.endswith("@example.org")
        assert life.guardian.email.endswith("@example.org")


def test_a_person_is_known_again_in_capitals_without_accents(fiction: Fiction) -> None:
    one = next(one for one in fiction.people if not one.biography.family_name.isascii())
    capitals = one.identity
    assert capitals[0].isascii()
    assert fiction.person_named(*capitals) == one
    assert fiction.person_named("Nobodywhatever", *capitals[1:]) is None


def test_every_name_number_and_address_in_a_file_is_among_the_secrets(small: Fiction) -> None:
    secrets = small.secrets()
    assert min(map(len, secrets)) >= 8
    census = list_named(small, "census").body.decode("ascii")
    for record in census.splitlines():
        cells = record.split("|")
        assert {cells[12], cells[14], cells[17], cells[21], cells[25]} <= secrets
    leavers = list_named(small, "b-leavers").body.decode("utf-8-sig")
    assert sum(secret in leavers for secret in secrets) > 300
    assert {"+33" + one.biography.guardian.phone[1:] for one in small.people} <= secrets


def test_who_is_owed_follows_from_the_designations_in_force(fiction: Fiction) -> None:
    for now in (datetime(2025, 9, 1, 6, tzinfo=UTC), datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)):
        for departement in DEPARTEMENTS:
            in_force = {
                (row.recipient_id, row.recipient_class)
                for row in fiction.designations
                if row.departement == departement and row.valid_from <= now and (row.valid_to is None or now < row.valid_to)
            }
            assert set(owed(departement, L313_7)) == {recipient for recipient, _ in in_force}
            assert set(owed(departement, OBLIGATION)) == {recipient for recipient, kind in in_force if kind == "mission_locale"}
    assert {row.recipient_id for row in fiction.designations} == {one.recipient_id for one in fiction.recipients}


def test_one_departement_changed_its_designated_body_without_gap_or_overlap(fiction: Fiction) -> None:
    bodies = sorted(
        (row for row in fiction.designations if row.departement == "49" and row.recipient_class == "designated_body"),
        key=lambda row: row.valid_from,
    )
    assert [row.recipient_id for row in bodies] == ["psad-49-ancienne", "psad-49"]
    assert bodies[0].valid_to == bodies[1].valid_from


def test_transmissions_are_those_that_flags_and_territory_owe(fiction: Fiction) -> None:
    total = sum(fiction.truth.per_recipient.values())
    both_bodies = {"44": 3, "49": 2, "53": 2, "72": 2, "85": 2}
    expected = sum(both_bodies[one.label.departement] if one.label.flags.l313_7 else 1 for one in fiction.people if one.label.detected)
    assert total == expected
    assert 0 < fiction.truth.recalled < total
    assert {"psad-49-ancienne", "psad-72-future"}.isdisjoint(fiction.truth.per_recipient)


def test_a_postcode_that_cannot_be_read_leaves_the_departement_of_the_uai(fiction: Fiction) -> None:
    found = [one for one in fiction.people if one.case.name == "wrong_postcode"]
    assert {one.label.departement for one in found} == {"49"}


def test_plans_lead_to_offers_that_suit_and_seats_are_ample(fiction: Fiction) -> None:
    by_id = {offer.offer_id: offer for offer in fiction.offers}
    asked: Counter[str] = Counter()
    for one in fiction.people:
        if one.plan and one.plan.offer_id and one.plan.bilan:
            offer = by_id[one.plan.offer_id]
            asked[offer.offer_id] += 1
            assert offer.suits(age=one.plan.bilan.age, departement=one.plan.bilan.search_area[0])
            assert one.plan.bilan.wishes == offer.themes
            assert (one.plan.accepted is True) == (one.plan.decline_motive is None)
    assert all(count < by_id[offer_id].seats for offer_id, count in asked.items())
    assert len(by_id) == 12
    assert {offer.organisation for offer in fiction.offers} == set(fiction.organisations)


def test_the_work_adds_up_and_nobody_closes_a_case_that_march_withdraws(fiction: Fiction) -> None:
    work = fiction.truth.work
    assert work.referrals_made == work.referrals_accepted + work.referrals_declined + work.referrals_cancelled
    assert work.referrals_made <= work.bilans <= fiction.truth.cases <= work.contacts
    assert work.closed["dropout_withdrawn"] == fiction.truth.withdrawn
    assert not [one.index for one in fiction.people if one.label.withdrawn and one.plan and one.plan.closing]


def test_the_truth_is_a_json_document_without_anybody_in_it(small: Fiction, tmp_path: Path) -> None:
    small.write(tmp_path)
    text = (tmp_path / "truth.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(truth_document(small)))
    assert not [secret for secret in small.secrets() if secret in text]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".json"} == {
        file.filename: file.body for file in small.files
    }
