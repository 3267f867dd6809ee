"""Return information on a real PostgreSQL: from what intake and followup say to a file that only one establishment reads."""

import asyncio
import csv
import hashlib
import io
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import jsonschema
import pytest
from transmission_house import FreshDatabase, House, transmission_house

from contracts.event import Event
from contracts.fields import Sealed
from contracts.followup import BilanCompleted, CaseClosed, CaseOpened, ClosingMotive, ContactAttempted, SolutionEntered
from contracts.intake import DropoutDetected, DropoutWithdrawn, ExitSeen, Flags, ListReceived, ReportReceived
from contracts.offers import OfferPublished
from contracts.transmission import ReturnInformationSent
from transmission.domain.returns import return_id_of

pytestmark = pytest.mark.stack

UAI, OTHER = "0350001A", "0350002B"
INSTANT = timedelta(microseconds=1)
MARCH_ENDS, APRIL_ENDS = datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2026, 4, 30, 22, tzinfo=UTC)
READY = timedelta(hours=6)
TENTH = datetime(2026, 3, 10, 8, tzinfo=UTC)
SEALED = Sealed("v1.identity." + "A" * 40)
LIST, LATER = UUID(int=1), UUID(int=2)

offer = OfferPublished(
    offer_id="dora--1", name="Atelier", organisation="e2c-35", themes=(), status="apprenti", min_age=16, max_age=25,
    departements=("35",), seats=3, answer_within_days=7,
)  # fmt: skip


def received(list_id: UUID = LIST, sender: str = UAI) -> ListReceived:
    return ListReceived(list_id=list_id, sender=sender, format="csv", reference_date=date(2026, 3, 1), sealed_sha256="ab" * 32)


@dataclass(frozen=True, kw_only=True)
class Episode:
    """Somebody left an establishment, on one line of one list, and what is said of it."""

    line: int
    uai: str = UAI
    list_id: UUID = LIST
    exit_date: date = date(2026, 2, 20)
    person: UUID = field(default_factory=uuid4)

    @property
    def detection_id(self) -> UUID:
        return uuid5(self.person, f"{self.uai} {self.exit_date}")

    @property
    def of_case(self) -> dict[str, object]:
        return {"case_id": uuid5(self.detection_id, "case"), "person_id": self.person}

    @property
    def found(self) -> tuple[Event, ...]:
        seen = ExitSeen(
            person_id=self.person, list_id=self.list_id, line=self.line, uai=self.uai, formation=None, entry_date=None,
            exit_date=self.exit_date, motive=None, reference_date=date(2026, 3, 1), age=18, identity=SEALED, contact=None, guardians=None,
        )  # fmt: skip
        detected = DropoutDetected(
            person_id=self.person, detection_id=self.detection_id, rule="siei", rule_version=1, facts=(), coverage={"csv": 1},
            flags=Flags(l313_7=True, obligation_formation=False), reference_date=date(2026, 3, 1), age=18, majority_month="2026-01",
            departement="35", last_uai=self.uai, last_formation=None, exit_date=self.exit_date, identity=SEALED, contact=None,
            guardians=None,
        )  # fmt: skip
        return seen, detected

    @property
    def opened(self) -> CaseOpened:
        flags = Flags(l313_7=True, obligation_formation=False)
        return CaseOpened.model_validate({**self.of_case, "detection_id": self.detection_id, "flags": flags, "departement": "35"})

    @property
    def reached(self) -> ContactAttempted:
        return ContactAttempted.model_validate({**self.of_case, "attempt_id": uuid4(), "channel": "phone", "outcome": "reached"})

    @property
    def in_solution(self) -> tuple[Event, ...]:
        bilan = {
            **self.of_case, "bilan_id": uuid4(), "level": 3, "wishes": (), "search_area": ("35",), "age": 18,
            "available_from": date(2026, 4, 1),
        }  # fmt: skip
        entered = {**self.of_case, "referral_id": uuid4(), "offer_id": offer.offer_id}
        return BilanCompleted.model_validate(bilan), SolutionEntered.model_validate(entered)

    @property
    def withdrawn(self) -> DropoutWithdrawn:
        return DropoutWithdrawn(person_id=self.person, detection_id=self.detection_id, reason="enrolment_found", facts=())

    def closed(self, motive: ClosingMotive) -> CaseClosed:
        return CaseClosed.model_validate({**self.of_case, "motive": motive})


async def said(house: House, at: datetime, *events: Event) -> None:
    house.clock.at = at
    await house.hear(*events)


async def told(house: House, at: datetime) -> None:
    """The worker works at this instant until nothing is due, and its events come back to it."""
    house.clock.at = at
    while await house.returning.send_due():
        pass
    await house.settle(sending=False)


async def file_of(house: House, uai: str, period: str) -> list[tuple[str, str, str, str]]:
    """Last digit of the list, line, code and day of each line of a file, as a spreadsheet reads it."""
    answer = await house.ask("GET", f"/returns/{period}.csv", f"sender/{uai}")
    assert answer.status_code == 200, answer.text
    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";")
    return [(row["liste"][-1], row["ligne"], row["code"], row["depuis_le"]) for row in rows]


async def returns_said(house: House) -> Sequence[ReturnInformationSent]:
    rows = await house.admin.fetch("select body from events where type like '%ReturnInformationSent%' order by recorded_at, stream_id")
    return [ReturnInformationSent.model_validate_json(row["body"]) for row in rows]


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


async def test_a_withdrawal_is_corrected_by_the_next_file_and_the_earlier_cannot_be_opened_any_more(house: House) -> None:
    one = Episode(line=1)
    await said(house, TENTH, received(), *one.found, one.opened, one.reached)
    await told(house, MARCH_ENDS + READY)
    before = await house.admin.fetchval("select sealed from return_files")
    await said(house, MARCH_ENDS + timedelta(days=2), one.withdrawn)
    assert [code for _, _, code, _ in await file_of(house, UAI, "2026-03")] == ["CONTACTE"]
    await told(house, APRIL_ENDS + READY)
    assert await file_of(house, UAI, "2026-04") == [("1", "1", "INSCRIT_AILLEURS", "03/04/2026")]
    answer = await house.ask("GET", "/returns/2026-03.csv", f"sender/{UAI}")
    assert (answer.status_code, answer.json()["rule"]) == (410, "REPLACED")
    gone, kept = return_id_of(UAI, "2026-03"), return_id_of(UAI, "2026-04")
    assert await house.keyring.erased([gone, kept]) == {gone}
    assert before != await house.admin.fetchval("select sealed from return_files")
    listed = (await house.got("/returns", f"sender/{UAI}"))["returns"]
    assert [(row["period"], row["current"]) for row in listed] == [("2026-04", True), ("2026-03", False)]
    assert (await house.figures())["returns"] == {"establishments": 1, "lines": 1}


async def test_who_was_erased_is_in_no_later_file_and_the_last_such_file_is_empty(house: House) -> None:
    one, other = Episode(line=1), Episode(line=1, uai=OTHER, list_id=LATER)
    await house.keyring.ensure([one.person, other.person])
    await said(house, TENTH, received(), received(LATER, OTHER), *one.found, *other.found)
    await told(house, MARCH_ENDS + READY)
    await house.keyring.destroy([one.person])
    await told(house, APRIL_ENDS + READY)
    assert await file_of(house, UAI, "2026-04") == []
    assert len(await file_of(house, OTHER, "2026-04")) == 1
    await told(house, datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert [event.lines for event in await returns_said(house) if event.uai == UAI] == [1, 0]


async def test_a_year_after_the_last_news_somebody_is_named_no_more(house: House) -> None:
    await said(house, TENTH, received(), *Episode(line=1).found)
    await told(house, datetime(2027, 3, 1, 12, tzinfo=UTC))
    assert len(await file_of(house, UAI, "2027-02")) == 1
    await told(house, datetime(2027, 5, 1, 12, tzinfo=UTC))
    assert await file_of(house, UAI, "2027-04") == []


async def test_a_service_that_slept_over_months_tells_the_last_one_only(house: House) -> None:
    await said(house, TENTH, received(), *Episode(line=1).found)
    await told(house, datetime(2026, 7, 14, tzinfo=UTC))
    assert [event.period for event in await returns_said(house)] == ["2026-06"]


async def test_four_workers_at_once_and_again_tell_each_establishment_once(house: House) -> None:
    episodes = [Episode(line=1, uai=f"035{number:04}A", list_id=UUID(int=number)) for number in range(1, 131)]
    await said(house, TENTH, *(event for one in episodes for event in (received(one.list_id, one.uai), *one.found)))
    house.clock.at = MARCH_ENDS + READY
    assert await house.parts.pending(house.admin) == 130
    while any(await asyncio.gather(*(house.returning.send_due() for _ in range(4)))):
        pass
    assert await house.parts.pending(house.admin) == 0
    events = await returns_said(house)
    assert sorted(event.uai for event in events) == sorted(one.uai for one in episodes)
    kept = await house.admin.fetch("select uai, encode(sha256(sealed), 'hex') as hash from return_files")
    assert {row["uai"]: row["hash"] for row in kept} == {event.uai: event.sealed_sha256 for event in events}
    await house.settle(sending=False)
    assert all([len(await file_of(house, one.uai, "2026-03")) == 1 for one in episodes[:3]])


@pytest.mark.parametrize(("point", "before_death"), [("transmission_before_return_commit", 1), ("transmission_after_return_commit", 2)])
async def test_a_worker_that_is_killed_tells_nothing_twice_and_leaves_no_earlier_file_open(
    house: House, point: str, before_death: int
) -> None:
    await said(house, TENTH, received(), *Episode(line=1).found)
    await told(house, MARCH_ENDS + READY)
    script, at = str(Path(__file__).parent / "killed_returning.py"), (APRIL_ENDS + READY).isoformat()
    killed = await asyncio.create_subprocess_exec(sys.executable, script, house.dsn, house.keys_dsn, point, at)
    assert await killed.wait() == -signal.SIGKILL
    assert len(await returns_said(house)) == before_death
    await told(house, APRIL_ENDS + READY)
    assert [event.period for event in await returns_said(house)] == ["2026-03", "2026-04"]
    assert len(await file_of(house, UAI, "2026-04")) == 1
    await told(house, datetime(2026, 6, 1, 12, tzinfo=UTC))
    earlier = {return_id_of(UAI, period) for period in ("2026-03", "2026-04")}
    assert await house.keyring.erased([*earlier, return_id_of(UAI, "2026-05")]) == earlier


async def test_heard_again_in_another_order_of_speakers_everything_is_the_same(fresh_database: FreshDatabase) -> None:
    solved, met, enrolled = (Episode(line=line) for line in range(1, 4))
    days: list[list[Event]] = [
        [offer, received(), *solved.found, *met.found, *enrolled.found],
        [solved.opened, met.opened, enrolled.opened],
        [met.reached, *solved.in_solution, enrolled.withdrawn, solved.closed("solution_entered")],
    ]
    seen = []
    for speakers in (("intake", "followup", "offers"), ("followup", "offers", "intake")):
        async with transmission_house(fresh_database) as house:
            for speaker in speakers:
                for place, events in enumerate(days):
                    await said(house, TENTH + timedelta(days=place), *(event for event in events if event.speaker == speaker))
            await told(house, MARCH_ENDS + READY)
            rows = {table: await house.admin.fetchval(DIGEST.format(table=table)) for table in TABLES}
            events = await returns_said(house)
            plain = (await house.ask("GET", "/returns/2026-03.csv", f"sender/{UAI}")).content
            seen.append((rows, [event.model_dump(exclude={"sealed_sha256"}) for event in events], plain))
    assert seen[0] == seen[1]
    assert len(seen[0][2].splitlines()) == 4


TABLES = ("origins", "destinations", "exits", "sent_lists", "offer_kinds")
DIGEST = "select md5(string_agg(r::text, '|' order by r::text)) from {table} r"
