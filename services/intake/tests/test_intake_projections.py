"""What the figures are made of."""

from functools import reduce
from uuid import UUID

from intake_specimens import LIST, PERSON, REFERENCE, UAI
from test_person import detected, withdrawn

from chassis.heard import Heard
from chassis.testing import heard
from contracts.intake import ListClosed, ListLineReconsidered, ListReceived
from intake.projections import dropouts, list_totals


def test_a_withdrawn_dropout_keeps_its_flags() -> None:
    events: list[Heard[dropouts.Concerned]] = [heard(detected()), heard(withdrawn("enrolment_found"))]
    row = reduce(dropouts.apply, events, None)
    assert row == dropouts.Dropout(
        detection_id=UUID(int=11), person_id=PERSON, departement="44", last_uai=UAI, rule="siei", rule_version=1, l313_7=True,
        obligation_formation=True, withdrawn=True, reason="enrolment_found",
    )  # fmt: skip
    assert {dropouts.key(one.event) for one in events} == {UUID(int=11)}


def test_a_list_counts_when_it_closes() -> None:
    received = ListReceived(list_id=LIST, sender=UAI, format="csv", reference_date=REFERENCE, sealed_sha256="0" * 64)
    closed = ListClosed(list_id=LIST, lines=4, accepted=1, accepted_with_remarks=1, rejected=1, held=0, not_kept=1)
    assert list_totals.apply(None, heard(received)) == list_totals.ListTotals(list_id=LIST, departement="44")
    events: list[Heard[list_totals.Concerned]] = [heard(received), heard(closed)]
    row = reduce(list_totals.apply, events, None)
    assert row is not None and (row.departement, row.closed, row.lines, row.accepted, row.not_kept) == ("44", True, 4, 1, 1)


def test_a_reconsidered_line_moves_from_one_count_to_another() -> None:
    closed = ListClosed(list_id=LIST, lines=4, accepted=1, accepted_with_remarks=1, rejected=1, held=0, not_kept=1)
    moved = ListLineReconsidered(list_id=LIST, line=3, was="rejected", verdict="accepted", findings=())
    stays = ListLineReconsidered(list_id=LIST, line=4, was="accepted", verdict="accepted", findings=())
    events: list[Heard[list_totals.Concerned]] = [heard(closed), heard(moved), heard(stays)]
    row = reduce(list_totals.apply, events, None)
    assert row is not None and (row.lines, row.accepted, row.rejected) == (4, 2, 0)
    assert list_totals.apply(None, heard(moved)) is None
