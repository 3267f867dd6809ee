"""A person's facts, the detection that follows from them, and what withdraws it."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from intake_specimens import LIST, OTHER_UAI, PERSON, REFERENCE, diploma_seen, enrolment_seen, exit_seen

from chassis.testing import given
from contracts.intake import DropoutDetected, DropoutWithdrawn, Flags
from intake.domain.detection import SIEI_V1
from intake.domain.person import PERSON as DECIDER
from intake.domain.person import DecideDropout, RecordDiploma, RecordEnrolment, RecordExit

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
