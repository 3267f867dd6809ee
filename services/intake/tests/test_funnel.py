"""Where in the funnel a young person stands: one row per place, told by facts a reader can check by hand."""

from datetime import date
from functools import reduce

import pytest
from intake_specimens import OTHER_UAI, diploma_seen, enrolment_seen, exit_seen
from test_person import contract_seen, detected, withdrawn

from contracts.intake import PersonEvent
from intake.domain.detection import SIEI_V1
from intake.domain.funnel import place_of
from intake.domain.person import Person, evolve

ADULT = {"age": 19}
ENTERED_LATE = date(2025, 11, 20)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (None, [enrolment_seen()]),
        ("dropout", [exit_seen(), detected()]),
        ("dropout", [exit_seen(), withdrawn("enrolment_found"), detected()]),
        ("enrolled", [exit_seen(), detected(), enrolment_seen(), withdrawn("enrolment_found")]),
        ("enrolled", [exit_seen(), enrolment_seen()]),
        ("enrolled", [exit_seen(), contract_seen(start=date(2026, 1, 5))]),
        ("enrolled", [exit_seen(age=26), diploma_seen("07"), enrolment_seen()]),
        ("not_of_age", [exit_seen(age=26), enrolment_seen(end=date(2025, 12, 1))]),
        ("diploma_held", [exit_seen(**ADULT), diploma_seen("07")]),
        ("enrolled_too_briefly", [exit_seen(**ADULT, entry_date=ENTERED_LATE)]),
        ("enrolled_too_briefly", [exit_seen(**ADULT, entry_date=None)]),
        ("set_aside", [exit_seen(), detected(), withdrawn("contested")]),
        ("dropout", [exit_seen(), enrolment_seen(uai=OTHER_UAI, end=date(2025, 12, 1)), detected()]),
    ],
)
def test_everybody_listed_stands_in_one_place(place: str | None, told: list[PersonEvent]) -> None:
    assert place_of(reduce(evolve, told, Person()), SIEI_V1) == place
