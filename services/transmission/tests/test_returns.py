"""What an establishment may learn of those who left it: one state per line, month by month, in words of a closed list."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from chassis.testing import given, heard
from contracts.fields import Sealed
from contracts.followup import (
    BilanCompleted,
    CaseClosed,
    CaseOpened,
    CaseReopened,
    ClosingMotive,
    ContactAttempted,
    ContactOutcome,
    SolutionEntered,
)
from contracts.intake import ContestMotive, DropoutDetected, DropoutWithdrawn, ExitSeen, Flags, WithdrawalReason
from contracts.offers import Status
from contracts.transmission import Destination, ReturnInformationSent
from transmission.domain.destinations import CaseFact, Former, ReturnLine, known, lines_of
from transmission.domain.periods import end_of, last_ended, period_of
from transmission.domain.returns import RETURNS, ReturnRule, SendReturn, cells_of, return_id_of, still_named
from transmission.projections import destinations, exits, origins
from transmission.return_file import COLUMNS, PHRASES, csv_of

INSTANT = timedelta(microseconds=1)
MARCH_ENDS = datetime(2026, 3, 31, 22, tzinfo=UTC)
DAY = datetime(2026, 3, 10, 8, tzinfo=UTC)
PERSON, DETECTION, CASE, LIST = UUID(int=40), UUID(int=41), UUID(int=42), UUID(int=43)
OF_CASE = {"case_id": CASE, "person_id": PERSON}
RULE = ReturnRule()

opened = CaseOpened.model_validate(
    {**OF_CASE, "detection_id": DETECTION, "flags": Flags(l313_7=True, obligation_formation=False), "departement": "35"}
)
bilan = BilanCompleted.model_validate(
    {**OF_CASE, "bilan_id": UUID(int=44), "level": 3, "wishes": (), "search_area": ("35",), "age": 18, "available_from": date(2026, 4, 1)}
)
solution = SolutionEntered.model_validate({**OF_CASE, "referral_id": UUID(int=45), "offer_id": "dora--1"})
detected = DropoutDetected(
    person_id=PERSON, detection_id=DETECTION, rule="siei", rule_version=1, facts=(), coverage={"csv": 1},
    flags=Flags(l313_7=True, obligation_formation=False), reference_date=date(2026, 1, 31), age=18, majority_month="2025-09",
    departement="35", last_uai="0350001A", last_formation=None, exit_date=date(2026, 1, 10),
    identity=Sealed("v1.identity." + "A" * 40), contact=None, guardians=None,
)  # fmt: skip


def call(outcome: ContactOutcome) -> ContactAttempted:
    return ContactAttempted.model_validate({**OF_CASE, "attempt_id": UUID(int=46), "channel": "phone", "outcome": outcome})


reopened = CaseReopened.model_validate({**OF_CASE, "detection_id": UUID(int=99), "flags": opened.flags, "departement": opened.departement})


def closed(motive: ClosingMotive) -> CaseClosed:
    return CaseClosed.model_validate({**OF_CASE, "motive": motive})


def row_after(*events: CaseFact) -> destinations.DestinationsRow:
    """Each event a day after the one before."""
    told = [heard(event, DAY + timedelta(days=place)) for place, event in enumerate(events)]
    row = reduce(destinations.apply, told, None)
    assert row is not None
    return row


def former(*steps: tuple[Destination, datetime, Status | None], number: int = 0, line: int = 1, detected_at: datetime = DAY) -> Former:
    return Former(
        detection_id=UUID(int=number), person_id=PERSON, list_id=LIST, line=line, detected_at=detected_at,
        withdrawn_at=None, withdrawn_for=None, steps=steps,
    )  # fmt: skip


# Where a case stands


@pytest.mark.parametrize(
    ("facts", "destination"),
    [
        ((opened,), "followed"),
        ((opened, call("not_reached")), "not_reached"),
        ((opened, call("wrong_coordinates")), "not_reached"),
        ((opened, call("not_reached"), call("reached")), "contacted"),
        ((opened, call("reached"), call("not_reached")), "contacted"),
        ((opened, bilan), "contacted"),
        ((opened, bilan, solution), "in_solution"),
        ((opened, bilan, solution, call("reached")), "in_solution"),
        ((opened, bilan, solution, closed("solution_entered")), "in_solution"),
        ((opened, closed("already_followed")), "already_followed"),
        ((opened, call("not_reached"), closed("unreachable")), "closed_not_reached"),
        ((opened, call("reached"), closed("refused")), "closed_without_solution"),
        ((opened, call("reached"), closed("moved_away")), "closed_without_solution"),
        ((opened, call("reached"), closed("dropout_withdrawn")), "contacted"),
        ((opened, call("not_reached"), closed("dropout_withdrawn"), reopened), "not_reached"),
        ((opened, bilan, solution, closed("dropout_withdrawn"), reopened), "contacted"),
    ],
)
def test_a_case_stands_where_its_facts_have_led(facts: tuple[CaseFact, ...], destination: Destination) -> None:
    assert row_after(*facts).reached[-1] == destination


def test_a_reopened_case_is_that_of_the_detection_that_was_made_again() -> None:
    before, after = row_after(opened, closed("dropout_withdrawn")), row_after(opened, closed("dropout_withdrawn"), reopened)
    assert (before.detection_id, after.detection_id) == (opened.detection_id, reopened.detection_id)
    assert after.reached == before.reached


def test_why_somebody_refused_or_moved_is_not_told() -> None:
    assert row_after(opened, closed("refused")) == row_after(opened, closed("moved_away"))


def test_a_call_that_changes_nothing_leaves_no_trace() -> None:
    row = row_after(opened, call("not_reached"), call("not_reached"), call("wrong_coordinates"))
    assert row.reached == ("followed", "not_reached")
    assert row.reached_at == (DAY, DAY + timedelta(days=1))


def test_what_is_heard_of_a_case_that_is_not_known_makes_no_row() -> None:
    assert destinations.apply(None, heard(call("reached"), DAY)) is None


# As it was known at an instant


def test_what_came_later_is_not_known_yet() -> None:
    one = former(("followed", DAY, None), ("contacted", MARCH_ENDS - INSTANT, None), ("in_solution", MARCH_ENDS, "apprenti"))
    assert known(one, MARCH_ENDS) == ("contacted", MARCH_ENDS - INSTANT)
    assert known(one, MARCH_ENDS + INSTANT) == ("in_solution_apprenti", MARCH_ENDS)
    assert known(former(), MARCH_ENDS) == ("reported", DAY)


@pytest.mark.parametrize("kind", get_args(Status))
def test_a_solution_is_told_by_its_kind_and_without_one_where_the_offer_is_unknown(kind: Status) -> None:
    assert known(former(("in_solution", DAY, kind)), MARCH_ENDS)[0] == f"in_solution_{kind}"
    assert known(former(("in_solution", DAY, None)), MARCH_ENDS)[0] == "in_solution"


WITHDRAWN: dict[tuple[WithdrawalReason, ContestMotive | None], Destination] = {
    ("enrolment_found", None): "enrolled_elsewhere",
    ("contract_found", None): "enrolled_elsewhere",
    ("contested", "enrolled_elsewhere"): "enrolled_elsewhere",
    ("contested", "diploma_held"): "not_a_dropout",
    ("contested", "wrong_person"): "not_a_dropout",
    ("contested", "other"): "not_a_dropout",
    ("diploma_found", None): "not_a_dropout",
    ("rule_undone", None): "not_a_dropout",
    ("linked", None): "already_followed",
    ("erased", None): "closed_without_solution",
}


@pytest.mark.parametrize(("reason", "motive", "destination"), [(*cause, told) for cause, told in WITHDRAWN.items()])
def test_a_withdrawal_wins_from_the_instant_it_is_known(
    reason: WithdrawalReason, motive: ContestMotive | None, destination: Destination
) -> None:
    withdrawn = DropoutWithdrawn(person_id=PERSON, detection_id=DETECTION, reason=reason, facts=(), motive=motive)
    row = origins.apply(origins.apply(None, heard(detected, DAY)), heard(withdrawn, MARCH_ENDS - INSTANT))
    assert row is not None
    one = Former(
        detection_id=DETECTION, person_id=PERSON, list_id=LIST, line=1, detected_at=row.detected_at,
        withdrawn_at=row.withdrawn_at, withdrawn_for=row.withdrawn_for, steps=(("contacted", DAY, None),),
    )  # fmt: skip
    assert known(one, MARCH_ENDS) == (destination, MARCH_ENDS - INSTANT)
    assert known(one, MARCH_ENDS - INSTANT) == ("contacted", DAY)


def test_every_reason_and_motive_of_a_withdrawal_has_its_word() -> None:
    assert {reason for reason, _ in WITHDRAWN} == set(get_args(WithdrawalReason))
    assert {motive for _, motive in WITHDRAWN if motive} == set(get_args(ContestMotive))


def test_a_withdrawal_without_its_detection_makes_no_row() -> None:
    withdrawn = DropoutWithdrawn(person_id=PERSON, detection_id=DETECTION, reason="enrolment_found", facts=())
    assert origins.apply(None, heard(withdrawn, DAY)) is None


def test_of_two_detections_from_one_line_the_younger_is_told_once_it_is_known() -> None:
    older, younger = former(("contacted", DAY, None), number=1), former(number=2, detected_at=MARCH_ENDS)
    assert [one.destination for one in lines_of([younger, older], MARCH_ENDS)] == ["contacted"]
    assert [one.destination for one in lines_of([younger, older], MARCH_ENDS + INSTANT)] == ["reported"]


def test_lines_stand_in_the_order_of_the_list_whatever_came_first() -> None:
    formers = [former(number=line, line=line) for line in (10, 2, 9)]
    assert [one.line for one in lines_of(formers, MARCH_ENDS)] == [2, 9, 10]


def test_the_day_is_that_of_paris() -> None:
    (line,) = lines_of([former(detected_at=datetime(2026, 3, 9, 23, 30, tzinfo=UTC))], MARCH_ENDS)
    assert line.since == date(2026, 3, 10)


# Periods


PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("period", "ends"),
    [
        ("2026-01", datetime(2026, 2, 1, tzinfo=PARIS)),
        ("2026-03", datetime(2026, 4, 1, tzinfo=PARIS)),  # summer time since the 29th
        ("2026-10", datetime(2026, 11, 1, tzinfo=PARIS)),  # winter time since the 25th
        ("2026-12", datetime(2027, 1, 1, tzinfo=PARIS)),
        ("2028-02", datetime(2028, 3, 1, tzinfo=PARIS)),
    ],
)
def test_a_period_ends_at_midnight_in_paris(period: str, ends: datetime) -> None:
    assert end_of(period).timestamp() == ends.timestamp()
    assert period_of(end_of(period) - INSTANT) == period
    assert period_of(end_of(period)) != period


def test_march_ends_two_hours_before_utc_says_so_and_october_one() -> None:
    assert end_of("2026-03") == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert end_of("2026-10") == datetime(2026, 10, 31, 23, tzinfo=UTC)


def test_a_month_is_told_some_hours_after_its_end_and_not_an_instant_before() -> None:
    ready = end_of("2026-03") + RULE.ready_after
    assert last_ended(ready - INSTANT, RULE.ready_after) == "2026-02"
    assert last_ended(ready, RULE.ready_after) == "2026-03"
    assert last_ended(datetime(2027, 1, 15, tzinfo=UTC), RULE.ready_after) == "2026-12"


# What is sent


def lines(**counts: int) -> list[ReturnLine]:
    words: list[Destination] = [word for word in get_args(Destination) for _ in range(counts.get(word, 0))]
    return [ReturnLine(list_id=LIST, line=place, destination=word, since=date(2026, 3, 10)) for place, word in enumerate(words, 1)]


def test_counts_are_said_where_none_is_small_and_else_none_at_all() -> None:
    assert cells_of(lines(contacted=5, not_reached=7), RULE) == {"contacted": 5, "not_reached": 7}
    assert cells_of(lines(contacted=4, not_reached=700), RULE) is None
    assert cells_of([], RULE) is None


def test_nobody_is_named_for_ever() -> None:
    last = date(2025, 4, 1)
    kept, gone = (ReturnLine(list_id=LIST, line=1, destination="contacted", since=day) for day in (last, last - timedelta(days=1)))
    assert still_named([kept, gone], MARCH_ENDS, RULE) == [kept]


def send(period: str, count: int, at: datetime | None = None) -> SendReturn:
    return SendReturn(
        uai="0350001A", period=period, at=at or end_of(period), rule=RULE.name, lines=count, cells=None, sealed_sha256="ab" * 32
    )


def sent(period: str, count: int) -> ReturnInformationSent:
    return ReturnInformationSent(
        uai="0350001A", period=period, until=end_of(period), rule=RULE.name, lines=count, destinations=None, sealed_sha256="ab" * 32
    )


def test_a_period_is_told_once_it_is_over() -> None:
    given(RETURNS).when(send("2026-03", 2)).then(sent("2026-03", 2))
    given(RETURNS).when(send("2026-03", 2, at=MARCH_ENDS - INSTANT)).then_refused("the period is not over")


def test_a_period_is_told_once_and_never_after_a_later_one() -> None:
    given(RETURNS, sent("2026-03", 2)).when(send("2026-03", 3)).then_nothing()
    given(RETURNS, sent("2026-03", 2)).when(send("2026-02", 3)).then_nothing()
    given(RETURNS, sent("2026-03", 2)).when(send("2026-04", 2)).then(sent("2026-04", 2))


def test_an_empty_file_is_sent_only_where_it_takes_something_back() -> None:
    given(RETURNS).when(send("2026-03", 0)).then_nothing()
    given(RETURNS, sent("2026-03", 2)).when(send("2026-04", 0)).then(sent("2026-04", 0))
    given(RETURNS, sent("2026-03", 2), sent("2026-04", 0)).when(send("2026-05", 0)).then_nothing()


def test_each_establishment_and_period_has_one_id() -> None:
    ids = {return_id_of(uai, period) for uai in ("0350001A", "0350002B") for period in ("2026-03", "2026-04")}
    assert len(ids) == 4


def test_an_exit_is_one_line_of_one_list() -> None:
    seen = ExitSeen(
        person_id=PERSON, list_id=LIST, line=7, uai="0350001A", formation=None, entry_date=None, exit_date=date(2026, 1, 10),
        motive="x", reference_date=date(2026, 1, 31), age=18, identity=Sealed("v1.identity." + "A" * 40), contact=None, guardians=None,
    )  # fmt: skip
    row = exits.apply(None, heard(seen, DAY))
    assert row is not None
    assert (exits.key(seen), row.list_id, row.line, row.seen_at) == (f"{LIST} 7", LIST, 7, DAY)


# The file


ALLOWED = {  # by hand, not from the code: what may stand in each column
    "liste": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "ligne": re.compile(r"[1-9][0-9]*"),
    "code": re.compile(r"[A-Z_]+"),
    "situation": re.compile(r"[A-ZÉa-zéêàç'(][A-Za-zéêèàç' :,()]*\."),
    "depuis_le": re.compile(r"[0-3][0-9]/[01][0-9]/20[0-9]{2}"),
}


def test_the_file_holds_nothing_beyond_what_is_allowed_and_no_formula() -> None:
    body = csv_of(lines(**dict.fromkeys(get_args(Destination), 2)))
    assert body.startswith(b"\xef\xbb\xbfliste;ligne;code;situation;depuis_le\r\n")
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert len(rows) == 2 * len(get_args(Destination))
    for row in rows:
        assert set(row) == set(ALLOWED) == set(COLUMNS)
        assert all(ALLOWED[name].fullmatch(cell) for name, cell in row.items()), row
        assert not any(cell[0] in "=+-@\t\r" for cell in row.values())


def test_every_destination_has_its_own_code_and_phrase() -> None:
    assert set(PHRASES) == set(get_args(Destination))
    assert len({code for code, _ in PHRASES.values()}) == len({phrase for _, phrase in PHRASES.values()}) == len(PHRASES)
