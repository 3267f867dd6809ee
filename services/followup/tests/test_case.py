"""The rule book of a case, one name for each rule."""

from datetime import date
from uuid import UUID, uuid5

import pytest

from chassis.testing import given
from contracts.fields import Sealed
from contracts.followup import BilanCompleted, CaseClosed, CaseOpened, CaseReopened, ContactAttempted, DeadlineMissed, SolutionEntered
from contracts.intake import DropoutDetected, DropoutWithdrawn, Flags
from contracts.offers import ReferralAccepted
from followup.domain.case import CASE
from followup.domain.commands import CloseCase, CompleteBilan, EnterSolution, MissDeadline, OpenCase, RecordContact, ReopenCase
from followup.policies import (
    case_id_of,
    when_dropout_detected_then_open_case,
    when_dropout_withdrawn_then_close_case,
    when_referral_accepted_then_enter_solution,
)

PERSON, DETECTION, ATTEMPT, BILAN, REFERRAL = (uuid5(UUID(int=0), name) for name in ("person", "detection", "attempt", "bilan", "referral"))
CASE_ID = case_id_of(DETECTION)
OF = {"case_id": CASE_ID, "person_id": PERSON}
MINOR = Flags(l313_7=True, obligation_formation=True)
HELD = {
    "bilan_id": BILAN, "level": 3, "wishes": ("cuisine",), "search_area": ("44",), "age": 17, "available_from": date(2026, 2, 9),
}  # fmt: skip

open_case = OpenCase(**OF, detection_id=DETECTION, flags=MINOR, departement="44")
contact = RecordContact(case_id=CASE_ID, attempt_id=ATTEMPT, channel="phone", outcome="reached")
hold_bilan = CompleteBilan(case_id=CASE_ID, **HELD)
enter = EnterSolution(case_id=CASE_ID, referral_id=REFERRAL, offer_id="catalogue--1")
miss = MissDeadline(case_id=CASE_ID, clock="reorientation_interview", due_on=date(2026, 5, 1))
withdrawn = CloseCase(case_id=CASE_ID, motive="dropout_withdrawn")
erased = CloseCase(case_id=CASE_ID, motive="erased")

opened = CaseOpened(**OF, detection_id=DETECTION, flags=MINOR, departement="44")
reached = ContactAttempted(**OF, attempt_id=ATTEMPT, channel="phone", outcome="reached")
oriented = BilanCompleted(**OF, **HELD)
solved = SolutionEntered(**OF, referral_id=REFERRAL, offer_id="catalogue--1")
closed = CaseClosed(**OF, motive="unreachable")

AGAIN = uuid5(UUID(int=0), "detection again")
reopen = ReopenCase(**OF, detection_id=AGAIN, flags=MINOR, departement="44")
reopened = CaseReopened(**OF, detection_id=AGAIN, flags=MINOR, departement="44")

LIVING = [(opened,), (opened, reached), (opened, reached, oriented), (opened, reached, oriented, solved)]


def test_a_detection_opens_one_case() -> None:
    given(CASE).when(open_case).then(opened)
    for past in [*LIVING, (opened, closed)]:
        given(CASE, *past).when(open_case).then_nothing()


@pytest.mark.parametrize("past", LIVING)
def test_every_attempt_to_reach_somebody_is_kept(past: tuple[CaseOpened, ...]) -> None:
    given(CASE, *past).when(contact).then(reached)


def test_a_bilan_is_held_once() -> None:
    given(CASE, opened).when(hold_bilan).then(oriented)
    given(CASE, opened, reached, oriented).when(hold_bilan).then_refused("the bilan was already held")


def test_no_solution_before_the_bilan() -> None:
    for past in [(opened,), (opened, reached)]:
        given(CASE, *past).when(enter).then_refused("a solution needs a completed bilan")


def test_a_host_that_says_yes_is_a_solution_and_saying_it_again_changes_nothing() -> None:
    given(CASE, opened, oriented).when(enter).then(solved)
    given(CASE, opened, oriented, solved).when(enter).then_nothing()
    given(CASE, opened, closed).when(enter).then_nothing()


@pytest.mark.parametrize("past", LIVING)
def test_a_withdrawn_dropout_closes_the_case_wherever_it_stands(past: tuple[CaseOpened, ...]) -> None:
    given(CASE, *past).when(withdrawn).then(CaseClosed(**OF, motive="dropout_withdrawn"))


@pytest.mark.parametrize("past", LIVING)
def test_the_case_of_somebody_who_is_erased_ends_wherever_it_stands_for_good(past: tuple[CaseOpened, ...]) -> None:
    ended = CaseClosed(**OF, motive="erased")
    given(CASE, *past).when(erased).then(ended)
    for command in (miss, reopen, enter):
        given(CASE, *past, ended).when(command).then_nothing()
    for command in (contact, hold_bilan):
        given(CASE, *past, ended).when(command).then_refused("the case is closed")


def test_closing_twice_changes_nothing() -> None:
    given(CASE, opened, closed).when(withdrawn).then_nothing()


@pytest.mark.parametrize("past", LIVING)
def test_an_undone_link_opens_the_case_again_where_it_stood_but_for_a_solution(past: tuple[CaseOpened, ...]) -> None:
    ended = CaseClosed(**OF, motive="dropout_withdrawn")
    given(CASE, *past, ended).when(reopen).then(reopened)
    given(CASE, *past, ended, reopened).when(reopen).then_nothing()
    given(CASE, *past, ended, reopened).when(contact).then(reached)
    again = given(CASE, *past, ended, reopened).when(hold_bilan)
    if oriented in past:
        again.then_refused("the bilan was already held")
        given(CASE, *past, ended, reopened).when(enter).then(solved)
    else:
        again.then(oriented)


def test_a_case_that_a_human_closed_stays_closed_when_a_link_is_undone() -> None:
    given(CASE, opened, closed).when(reopen).then_nothing()
    given(CASE, opened, closed, CaseClosed(**OF, motive="dropout_withdrawn")).when(reopen).then_nothing()
    given(CASE).when(reopen).then_refused("there is no such case")


def test_the_interview_of_a_reopened_case_is_missed_once_whichever_clock_rings() -> None:
    missed = DeadlineMissed(**OF, clock="reorientation_interview", due_on=date(2026, 5, 1))
    ended = CaseClosed(**OF, motive="dropout_withdrawn")
    given(CASE, opened, ended, reopened).when(miss).then(missed)
    for past in [(opened, missed, ended, reopened), (opened, ended, reopened, missed), (opened, missed, reached)]:
        given(CASE, *past).when(miss).then_nothing()


def test_nothing_more_is_done_in_a_closed_case() -> None:
    given(CASE, opened, closed).when(contact).then_refused("the case is closed")
    given(CASE, opened, closed).when(hold_bilan).then_refused("the case is closed")


def test_a_case_that_nobody_opened_cannot_be_worked() -> None:
    for command in (contact, hold_bilan, withdrawn):
        given(CASE).when(command).then_refused("there is no such case")


def test_a_case_is_not_closed_by_a_solution_that_nobody_entered() -> None:
    close = CloseCase(case_id=CASE_ID, motive="solution_entered")
    given(CASE, opened, oriented).when(close).then_refused("no solution was entered")
    given(CASE, opened, oriented, solved).when(close).then(CaseClosed(**OF, motive="solution_entered"))


def test_the_interview_is_missed_only_while_no_bilan_was_held() -> None:
    missed = DeadlineMissed(**OF, clock="reorientation_interview", due_on=date(2026, 5, 1))
    given(CASE, opened).when(miss).then(missed)
    given(CASE, opened, reached).when(miss).then(missed)
    for past in [(opened, oriented), (opened, oriented, solved), (opened, closed)]:
        given(CASE, *past).when(miss).then_nothing()


def test_what_is_heard_becomes_the_command_it_should() -> None:
    detected = DropoutDetected(
        detection_id=DETECTION, person_id=PERSON, rule="siei", rule_version=1, facts=(), coverage={}, flags=MINOR,
        reference_date=date(2026, 1, 31), age=17, majority_month="2026-09", departement="44", last_uai="0440074S", last_formation=None,
        exit_date=date(2025, 11, 1), identity=Sealed("v1.identity." + "A" * 60), contact=None, guardians=None,
    )  # fmt: skip
    gone = DropoutWithdrawn(person_id=PERSON, detection_id=DETECTION, reason="enrolment_found", facts=())
    yes = ReferralAccepted(referral_id=REFERRAL, person_id=PERSON, offer_id="catalogue--1", case_id=CASE_ID)
    assert when_dropout_detected_then_open_case(detected) == [open_case]
    assert when_dropout_withdrawn_then_close_case(gone) == [withdrawn]
    assert when_dropout_withdrawn_then_close_case(gone.model_copy(update={"reason": "erased"})) == [erased]
    again = detected.model_copy(update={"detection_id": AGAIN, "again_of": DETECTION})
    assert when_dropout_detected_then_open_case(again) == [reopen]
    assert when_dropout_withdrawn_then_close_case(gone.model_copy(update={"detection_id": AGAIN, "again_of": DETECTION})) == [withdrawn]
    assert when_referral_accepted_then_enter_solution(yes) == [enter]
