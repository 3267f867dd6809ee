"""A person's facts, the detection that follows from them, and what withdraws it."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from intake_specimens import LIST, OTHER_UAI, PERSON, REFERENCE, diploma_seen, enrolment_seen, exit_seen

from chassis.testing import given
from contracts.intake import ContractSeen, DropoutConfirmed, DropoutContested, DropoutDetected, DropoutWithdrawn, Flags
from intake.domain.commands import (
    ConfirmDropout,
    ContestDropout,
    DecideDropout,
    RecordContract,
    RecordDiploma,
    RecordEnrolment,
    RecordExit,
    UndoDetection,
    WithdrawDropout,
)
from intake.domain.detection import SIEI_V1, SIEI_V2
from intake.domain.person import NO_DETECTION, NOT_CONTESTED
from intake.domain.person import PERSON as DECIDER

FACT, DETECTION = UUID(int=10), UUID(int=11)
DECIDE = DecideDropout(
    person_id=PERSON, detection_id=DETECTION, rule=SIEI_V1, facts=(FACT,), coverage={"csv": 2}, reference_date=REFERENCE, age=17,
    majority_month="2026-05", departement="44",
)  # fmt: skip


def detected(*, l313_7: bool = True, obligation: bool = True, age: int = 17) -> DropoutDetected:
    seen = exit_seen()
    return DropoutDetected(
        person_id=PERSON, detection_id=DETECTION, rule="siei", rule_version=1, facts=(FACT,), coverage={"csv": 2},
        flags=Flags(l313_7=l313_7, obligation_formation=obligation), reference_date=REFERENCE, age=age, majority_month="2026-05",
        departement="44", last_uai=seen.uai, last_formation=seen.formation, exit_date=seen.exit_date, identity=seen.identity,
        contact=seen.contact, guardians=seen.guardians,
    )  # fmt: skip


def withdrawn(reason: str) -> DropoutWithdrawn:
    return DropoutWithdrawn(person_id=PERSON, detection_id=DETECTION, reason=reason, facts=(FACT,))  # type: ignore[arg-type]  # one of two


def test_a_leaver_without_diploma_is_detected_with_the_inputs_and_the_sealed_fields_of_the_exit() -> None:
    given(DECIDER, exit_seen()).when(DECIDE).then(detected())


def test_nobody_is_detected_who_never_left() -> None:
    given(DECIDER, enrolment_seen()).when(DECIDE).then_nothing()


def test_a_person_enrolled_elsewhere_is_not_detected() -> None:
    given(DECIDER, exit_seen(), enrolment_seen()).when(DECIDE).then_nothing()


def test_a_standing_detection_is_not_made_twice() -> None:
    given(DECIDER, exit_seen(), detected(), exit_seen(line=9)).when(replace(DECIDE, detection_id=UUID(int=99))).then_nothing()


def test_a_late_enrolment_withdraws() -> None:
    given(DECIDER, exit_seen(), detected(), enrolment_seen()).when(DECIDE).then(withdrawn("enrolment_found"))


def test_a_diploma_withdraws_where_no_obligation_stands_beside_it() -> None:
    adult = replace(DECIDE, age=19)
    given(DECIDER, exit_seen(), detected(obligation=False, age=19), diploma_seen("04")).when(adult).then(withdrawn("diploma_found"))


def test_a_diploma_leaves_a_minor_under_the_obligation() -> None:
    given(DECIDER, exit_seen(), detected(), diploma_seen("04")).when(DECIDE).then_nothing()


def test_growing_too_old_withdraws_nothing() -> None:
    given(DECIDER, exit_seen(), detected()).when(replace(DECIDE, age=26)).then_nothing()


def test_a_withdrawn_person_who_leaves_again_is_a_new_episode() -> None:
    past = (exit_seen(), detected(), enrolment_seen(), withdrawn("enrolment_found"))
    left_again = exit_seen(
        list_id=LIST, line=30, uai=OTHER_UAI, entry_date=date(2026, 1, 5), exit_date=date(2026, 3, 1), reference_date=date(2026, 3, 15)
    )
    events = given(DECIDER, *past, left_again).when(replace(DECIDE, detection_id=UUID(int=12))).events
    assert [(type(event), event.detection_id, event.exit_date) for event in events or () if isinstance(event, DropoutDetected)] == [
        (DropoutDetected, UUID(int=12), date(2026, 3, 1))
    ]


def test_an_enrolment_told_again_with_its_end_replaces_what_was_told() -> None:
    ended = enrolment_seen(list_id=UUID(int=8), start=date(2025, 1, 5), end=date(2025, 6, 30))
    begun = enrolment_seen(start=date(2025, 1, 5))
    given(DECIDER, exit_seen(), begun).when(DECIDE).then_nothing()
    given(DECIDER, exit_seen(), begun, ended).when(DECIDE).then(detected())


def test_a_fact_of_the_same_line_is_recorded_once() -> None:
    given(DECIDER).when(RecordExit(fact=exit_seen())).then(exit_seen())
    given(DECIDER, exit_seen()).when(RecordExit(fact=exit_seen())).then_nothing()
    given(DECIDER, enrolment_seen()).when(RecordEnrolment(fact=enrolment_seen())).then_nothing()
    given(DECIDER, diploma_seen("01")).when(RecordDiploma(fact=diploma_seen("01"))).then_nothing()
    given(DECIDER, enrolment_seen()).when(RecordDiploma(fact=diploma_seen("01"))).then(diploma_seen("01"))


CONTEST = ContestDropout(person_id=PERSON, detection_id=DETECTION, motive="diploma_held")
CONFIRM = ConfirmDropout(person_id=PERSON, detection_id=DETECTION)
WITHDRAW = WithdrawDropout(person_id=PERSON, detection_id=DETECTION, motive="wrong_person")
UNDO = UndoDetection(person_id=PERSON, rule="siei", version=1)
CONTESTED = DropoutContested(person_id=PERSON, detection_id=DETECTION, motive="diploma_held")
CONFIRMED = DropoutConfirmed(person_id=PERSON, detection_id=DETECTION)
BY_HAND = DropoutWithdrawn(person_id=PERSON, detection_id=DETECTION, reason="contested", facts=(), motive="wrong_person")
UNDONE = DropoutWithdrawn(person_id=PERSON, detection_id=DETECTION, reason="rule_undone", facts=())
FOUND = (exit_seen(), detected())
AGAIN = replace(DECIDE, detection_id=UUID(int=99))


def contract_seen(*, start: date, broken_on: date | None = None, line: int = 2) -> ContractSeen:
    return ContractSeen(person_id=PERSON, list_id=LIST, line=line, uai=OTHER_UAI, start=start, end=None, broken_on=broken_on)


def test_a_detection_is_contested_once_and_then_confirmed() -> None:
    given(DECIDER, *FOUND).when(CONTEST).then(CONTESTED)
    given(DECIDER, *FOUND, CONTESTED).when(CONTEST).then_nothing()
    given(DECIDER, *FOUND, CONTESTED).when(CONFIRM).then(CONFIRMED)
    given(DECIDER, *FOUND, CONTESTED, CONFIRMED).when(CONTEST).then(CONTESTED)


def test_what_nobody_contests_needs_no_confirmation() -> None:
    given(DECIDER, *FOUND).when(CONFIRM).then_refused(NOT_CONTESTED)
    given(DECIDER, *FOUND, CONTESTED, CONFIRMED).when(CONFIRM).then_refused(NOT_CONTESTED)


def test_only_the_detection_that_stands_can_be_judged() -> None:
    for command in (CONTEST, CONFIRM, WITHDRAW):
        given(DECIDER, exit_seen()).when(command).then_refused(NO_DETECTION)
        given(DECIDER, *FOUND).when(replace(command, detection_id=UUID(int=99))).then_refused(NO_DETECTION)
        given(DECIDER, *FOUND, BY_HAND).when(command).then_refused(NO_DETECTION)


def test_a_human_withdraws_with_a_motive() -> None:
    given(DECIDER, *FOUND, CONTESTED).when(WITHDRAW).then(BY_HAND)
    given(DECIDER, *FOUND).when(WITHDRAW).then(BY_HAND)


def test_what_a_human_withdrew_is_not_found_again_from_the_same_exit_by_any_version() -> None:
    for rule in (SIEI_V1, SIEI_V2):
        given(DECIDER, *FOUND, BY_HAND).when(replace(AGAIN, rule=rule)).then_nothing()


def test_a_new_exit_is_a_new_episode_whatever_was_said_of_the_old_one() -> None:
    left_again = exit_seen(list_id=UUID(int=8), uai=OTHER_UAI, entry_date=date(2026, 1, 5), exit_date=date(2026, 3, 1))
    for said in (BY_HAND, UNDONE):
        events = given(DECIDER, *FOUND, said, left_again).when(AGAIN).events
        assert [type(event) for event in events or ()] == [DropoutDetected]


def test_an_undone_version_does_not_decide_again_but_another_may() -> None:
    given(DECIDER, *FOUND).when(UNDO).then(UNDONE)
    given(DECIDER, *FOUND, UNDONE).when(AGAIN).then_nothing()
    events = given(DECIDER, *FOUND, UNDONE).when(replace(AGAIN, rule=SIEI_V2)).events
    assert [event.rule_version for event in events or () if isinstance(event, DropoutDetected)] == [2]


def test_undoing_touches_only_what_that_version_decided_and_only_once() -> None:
    given(DECIDER, *FOUND, UNDONE).when(UNDO).then_nothing()
    given(DECIDER, *FOUND).when(replace(UNDO, version=2)).then_nothing()
    given(DECIDER, *FOUND).when(replace(UNDO, rule="other")).then_nothing()


def test_what_a_fact_withdrew_may_be_found_again() -> None:
    past = (*FOUND, enrolment_seen(), withdrawn("enrolment_found"), enrolment_seen(list_id=UUID(int=8), end=date(2025, 11, 1)))
    events = given(DECIDER, *past).when(AGAIN).events
    assert [type(event) for event in events or ()] == [DropoutDetected]


def test_a_contract_keeps_from_being_found_and_withdraws() -> None:
    running = contract_seen(start=date(2026, 1, 5))
    given(DECIDER, exit_seen(), running).when(DECIDE).then_nothing()
    given(DECIDER, *FOUND, running).when(DECIDE).then(withdrawn("contract_found"))


def test_a_contract_told_again_as_broken_long_ago_protects_no_more() -> None:
    begun = contract_seen(start=date(2025, 1, 5))
    broken = contract_seen(start=date(2025, 1, 5), broken_on=date(2025, 2, 1), line=3)
    given(DECIDER, exit_seen(), begun).when(DECIDE).then_nothing()
    given(DECIDER, exit_seen(), begun, broken).when(DECIDE).then(detected())


def test_one_line_tells_several_contracts_each_once() -> None:
    first, second = contract_seen(start=date(2025, 9, 1)), contract_seen(start=date(2025, 11, 1))
    given(DECIDER, first).when(RecordContract(fact=second)).then(second)
    given(DECIDER, first).when(RecordContract(fact=first)).then_nothing()
