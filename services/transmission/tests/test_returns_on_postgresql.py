"""Return information on a real PostgreSQL: from what intake and followup say to a file that only one establishment reads."""

import csv
import hashlib
import io
from datetime import UTC, date, datetime, timedelta

import jsonschema
import pytest
from returns_house import (
    APRIL_ENDS,
    INSTANT,
    LATER,
    LIST,
    MARCH_ENDS,
    OTHER,
    READY,
    TENTH,
    UAI,
    Episode,
    file_of,
    matched,
    offer,
    received,
    returns_said,
    said,
    told,
)
from transmission_house import House

from contracts.intake import ReportReceived

pytestmark = pytest.mark.stack


async def test_an_establishment_learns_what_became_of_those_on_its_lists(house: House) -> None:
    solved, met, gone, enrolled, new = (Episode(line=line) for line in range(1, 6))
    elsewhere = Episode(line=1, uai=OTHER, list_id=LATER)
    await said(house, TENTH, offer, received(), received(LATER, OTHER))
    await said(house, TENTH, *(event for one in (solved, met, gone, enrolled, new, elsewhere) for event in one.found))
    await said(house, TENTH + timedelta(days=1), solved.opened, met.opened, gone.opened, enrolled.opened)
    await said(house, TENTH + timedelta(days=2), met.reached, *solved.in_solution, gone.closed("refused"), enrolled.withdrawn)
    await told(house, MARCH_ENDS + READY)
    assert await file_of(house, UAI, "2026-03") == [
        ("1", "1", "EN_SOLUTION_APPRENTI", "12/03/2026"),
        ("1", "2", "CONTACTE", "12/03/2026"),
        ("1", "3", "CLOS", "12/03/2026"),
        ("1", "4", "INSCRIT_AILLEURS", "12/03/2026"),
        ("1", "5", "SIGNALE", "10/03/2026"),
    ]
    assert await file_of(house, OTHER, "2026-03") == [("2", "1", "SIGNALE", "10/03/2026")]


async def test_only_the_sender_of_that_establishment_reads_its_file(house: House) -> None:
    await said(house, TENTH, received(), *Episode(line=1).found)
    await told(house, MARCH_ENDS + READY)
    for token, status in (
        (f"sender/{UAI}", 200), (f"sender/{OTHER}", 404), ("sender", 403),
        *((f"{role}/{UAI}", 403) for role in ("adviser", "recipient", "platform", "ops", "analyst")),
    ):  # fmt: skip
        assert (await house.ask("GET", "/returns/2026-03.csv", token)).status_code == status, token
    assert (await house.got("/returns", f"sender/{OTHER}"))["returns"] == []
    assert (await house.ask("GET", "/returns", f"ops/{UAI}")).status_code == 403
    (listed,) = (await house.got("/returns", f"sender/{UAI}"))["returns"]
    assert {name: listed[name] for name in ("period", "lines", "current")} == {"period": "2026-03", "lines": 1, "current": True}
    for never in ("2026-02", "2026-04"):
        assert (await house.ask("GET", f"/returns/{never}.csv", f"sender/{UAI}")).status_code == 404
    for no_month in ("2026-13", "2026-3", "mars", "=1+1"):
        assert (await house.ask("GET", f"/returns/{no_month}.csv", f"sender/{UAI}")).status_code == 422


ALLOWED = {  # written by hand, read by a validator of another make
    "type": "object",
    "additionalProperties": False,
    "required": ["liste", "ligne", "code", "situation", "depuis_le"],
    "properties": {
        "liste": {"type": "string", "pattern": "^[0-9a-f-]{36}$"},
        "ligne": {"type": "string", "pattern": "^[0-9]+$"},
        "code": {
            "enum": [
                "SIGNALE", "SUIVI", "NON_JOINT", "CONTACTE", "EN_SOLUTION", "EN_SOLUTION_SCOLAIRE", "EN_SOLUTION_APPRENTI",
                "EN_SOLUTION_STAGIAIRE", "EN_SOLUTION_VOLONTAIRE", "INSCRIT_AILLEURS", "ANNULE", "DEJA_SUIVI", "CLOS_NON_JOINT", "CLOS",
            ]
        },
        "situation": {"type": "string", "pattern": "^[A-Z][^0-9=+@|;]*\\.$"},
        "depuis_le": {"type": "string", "pattern": "^[0-9]{2}/[0-9]{2}/[0-9]{4}$"},
    },
}  # fmt: skip


async def test_a_file_says_nothing_beyond_what_is_allowed(house: House) -> None:
    solved, met = Episode(line=1), Episode(line=2)
    await said(house, TENTH, offer, received(), *solved.found, *met.found, solved.opened, met.opened, met.reached, *solved.in_solution)
    await told(house, MARCH_ENDS + READY)
    answer = await house.ask("GET", "/returns/2026-03.csv", f"sender/{UAI}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="retour-2026-03.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert len(rows) == 2
    for row in rows:
        jsonschema.validate(row, ALLOWED)
    for hidden in (solved.person, solved.detection_id, solved.of_case["case_id"], offer.offer_id, offer.organisation, "35"):
        assert not any(str(hidden) == cell or (len(str(hidden)) > 4 and str(hidden) in cell) for row in rows for cell in row.values())


async def test_the_event_carries_the_hash_of_the_bytes_that_are_kept_and_these_are_encrypted(house: House) -> None:
    await said(house, TENTH, received(), *Episode(line=1).found)
    await told(house, MARCH_ENDS + READY)
    (event,) = await returns_said(house)
    sealed = await house.admin.fetchval("select sealed from return_files where uai = $1", UAI)
    assert event.sealed_sha256 == hashlib.sha256(sealed).hexdigest()
    assert b"SIGNALE" not in sealed
    assert str(LIST).encode() not in sealed
    assert (event.uai, event.period, event.until, event.lines) == (UAI, "2026-03", MARCH_ENDS, 1)


async def test_counts_stay_out_of_the_event_while_one_of_them_is_small(house: House) -> None:
    few, many = [Episode(line=line) for line in range(1, 5)], [Episode(line=line, uai=OTHER, list_id=LATER) for line in range(1, 7)]
    await said(house, TENTH, received(), received(LATER, OTHER), *(event for one in (*few, *many) for event in one.found))
    await told(house, MARCH_ENDS + READY)
    assert {event.uai: event.destinations for event in await returns_said(house)} == {UAI: None, OTHER: {"reported": 6}}


@pytest.mark.parametrize(
    ("ends", "period"),
    [
        (MARCH_ENDS, "2026-03"),  # the month in which summer time begins
        (datetime(2026, 10, 31, 23, tzinfo=UTC), "2026-10"),  # that in which it ends
        (datetime(2026, 12, 31, 23, tzinfo=UTC), "2026-12"),
    ],
)
async def test_what_was_recorded_before_midnight_in_paris_belongs_to_the_month_and_what_came_then_to_the_next(
    house: House, ends: datetime, period: str
) -> None:
    just, late, later = Episode(line=1), Episode(line=2), Episode(line=3)
    await said(house, ends - timedelta(days=5), received(), *just.found, *late.found, just.opened, late.opened)
    await said(house, ends - INSTANT, just.reached)
    await said(house, ends, late.reached, *later.found)
    await told(house, ends + READY - INSTANT)
    assert await returns_said(house) == []
    await told(house, ends + READY)
    assert [(line, code) for _, line, code, _ in await file_of(house, UAI, period)] == [("1", "CONTACTE"), ("2", "SUIVI")]


async def test_of_one_who_leaves_two_establishments_each_learns_of_its_own_exit_only(house: House) -> None:
    first = Episode(line=1)
    second = Episode(line=4, uai=OTHER, list_id=LATER, exit_date=date(2026, 3, 20), person=first.person)
    await said(house, TENTH, received(), received(LATER, OTHER), *first.found, first.opened, first.withdrawn)
    await said(house, TENTH + timedelta(days=12), *second.found, second.opened, second.reached)
    await told(house, MARCH_ENDS + READY)
    assert await file_of(house, UAI, "2026-03") == [("1", "1", "INSCRIT_AILLEURS", "10/03/2026")]
    assert await file_of(house, OTHER, "2026-03") == [("2", "4", "CONTACTE", "22/03/2026")]


async def test_who_leaves_the_same_establishment_again_is_a_new_line_and_the_old_one_stays_as_it_was(house: House) -> None:
    first = Episode(line=1)
    again = Episode(line=9, list_id=LATER, exit_date=date(2026, 4, 2), person=first.person)
    await said(house, TENTH, received(), received(LATER), *first.found, first.opened, first.closed("unreachable"))
    await said(house, APRIL_ENDS - timedelta(days=9), *again.found, again.opened, again.reached)
    await told(house, APRIL_ENDS + READY)
    assert await file_of(house, UAI, "2026-04") == [
        ("1", "1", "CLOS_NON_JOINT", "10/03/2026"),
        ("2", "9", "CONTACTE", "22/04/2026"),
    ]


async def test_a_line_of_somebody_elses_list_or_of_a_report_is_no_line_of_the_establishment(house: House) -> None:
    reported = ReportReceived(list_id=LATER, origin="report", reference_date=date(2026, 3, 1))
    of_another, of_a_report = Episode(line=1), Episode(line=1, list_id=LATER)
    await said(house, TENTH, received(LIST, OTHER), reported, *of_another.found, *of_a_report.found)
    await told(house, MARCH_ENDS + READY)
    assert await returns_said(house) == []
    assert (await house.ask("GET", "/returns/2026-03.csv", f"sender/{OTHER}")).status_code == 404


async def test_another_exit_on_the_same_day_is_not_taken_for_that_of_the_establishment(house: House) -> None:
    own = Episode(line=3)
    of_another = Episode(line=5, uai=OTHER, list_id=LATER, person=own.person)
    await said(house, TENTH, received(), received(LATER), *own.found)
    await said(house, TENTH + timedelta(hours=1), of_another.found[0])
    await told(house, MARCH_ENDS + READY)
    assert [row[:2] for row in await file_of(house, UAI, "2026-03")] == [("1", "3")]


async def test_a_worker_that_comes_late_to_what_was_told_already_leaves_it_as_it_is(house: House) -> None:
    await said(house, TENTH, received(), *Episode(line=1).found)
    await told(house, MARCH_ENDS + READY)
    await house.admin.execute("update return_files set considered = '2026-02'")  # as the late one has read it
    kept = await house.admin.fetchval("select sealed from return_files")
    assert await house.returning.send_due() == 1
    assert await house.admin.fetchval("select sealed from return_files") == kept
    assert len(await returns_said(house)) == len(await file_of(house, UAI, "2026-03")) == 1


async def test_the_same_exit_told_by_two_lists_is_told_back_by_the_line_of_the_later_one(house: House) -> None:
    first = Episode(line=1)
    repeated = Episode(line=8, list_id=LATER, person=first.person)
    await said(house, TENTH, received(), received(LATER), *first.found)
    await said(house, MARCH_ENDS + timedelta(days=3), repeated.found[0])
    await told(house, MARCH_ENDS + timedelta(days=4))
    assert [row[:2] for row in await file_of(house, UAI, "2026-03")] == [("1", "1")]
    await told(house, APRIL_ENDS + READY)
    assert [row[:2] for row in await file_of(house, UAI, "2026-04")] == [("2", "8")]


async def test_an_establishment_learns_what_became_of_its_own_whom_a_campaign_found(house: House) -> None:
    own, of_another = Episode(line=1, list_id=LATER), Episode(line=2, uai=OTHER, list_id=LATER)
    await said(house, TENTH, matched(LATER), *own.found, *of_another.found, own.opened, own.reached)
    await told(house, MARCH_ENDS + READY)
    assert await file_of(house, UAI, "2026-03") == [("2", "1", "CONTACTE", "10/03/2026")]
    assert await file_of(house, OTHER, "2026-03") == [("2", "2", "SIGNALE", "10/03/2026")]
    assert (await house.ask("GET", "/returns/2026-03.csv", "sender/0350003C")).status_code == 404


async def test_a_line_of_its_own_list_is_told_rather_than_that_of_a_campaign_which_came_later(house: House) -> None:
    own = Episode(line=3)
    found_too = Episode(line=8, list_id=LATER, person=own.person)
    await said(house, TENTH, received(), *own.found)
    await said(house, TENTH + timedelta(days=1), matched(LATER), found_too.found[0])
    await told(house, MARCH_ENDS + READY)
    assert [row[:2] for row in await file_of(house, UAI, "2026-03")] == [("1", "3")]


async def test_who_was_found_by_a_campaign_and_is_erased_leaves_the_file(house: House) -> None:
    stays, erased = Episode(line=1, list_id=LATER), Episode(line=2, list_id=LATER)
    await said(house, TENTH, matched(LATER), *stays.found, *erased.found)
    await house.keyring.ensure([erased.person], ["identity"])
    await house.keyring.destroy([erased.person])
    await told(house, MARCH_ENDS + READY)
    assert [row[:2] for row in await file_of(house, UAI, "2026-03")] == [("2", "1")]
