"""What intake and followup say of former pupils, and the file of an establishment, for the tests of return information."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4, uuid5

from transmission_house import House

from contracts.event import Event
from contracts.fields import Sealed
from contracts.followup import BilanCompleted, CaseClosed, CaseOpened, ClosingMotive, ContactAttempted, SolutionEntered
from contracts.intake import CampaignMatched, DropoutDetected, DropoutWithdrawn, ExitSeen, Flags, ListReceived, MatchFigures
from contracts.offers import OfferPublished
from contracts.transmission import ReturnInformationSent

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


def matched(list_id: UUID) -> CampaignMatched:
    """The list of a national campaign, which no establishment sent."""
    figures = MatchFigures(**{**dict.fromkeys(MatchFigures.model_fields, 0), "seen": 2, "leavers": 2})
    return CampaignMatched(
        list_id=list_id, reference_date=date(2026, 3, 1), rule="siei", rule_version=1, snapshots=(), figures=figures,
    )  # fmt: skip


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
