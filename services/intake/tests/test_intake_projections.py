"""What the figures are made of."""

from functools import reduce
from uuid import UUID, uuid4

from intake_specimens import LIST, PERSON, REFERENCE, UAI
from test_person import detected, withdrawn

from chassis.heard import Heard, RawRecord
from contracts.envelope import Attributes, Envelope
from contracts.event import Event
from contracts.intake import ListClosed, ListLineReconsidered, ListReceived
from intake.projections import dropouts, list_totals


def heard[E: Event](event: E) -> Heard[E]:
    attributes = Attributes.model_validate(
        {
            "id": uuid4(), "source": "/raccroche/intake", "type": event.wire_type(), "subject": event.subject, "time": "2026-02-01T08:00:00Z",
            "dataschema": "/s", "recordedtime": "2026-02-01T08:00:00Z", "streamid": event.stream, "streamversion": 1, "digest": "0" * 64,
            "correlationid": PERSON, "actor": "a",
        }
    )  # fmt: skip
    raw = RawRecord(topic="raccroche.intake", partition=0, offset=0, key=event.subject.encode(), value=b"", headers=())
    return Heard(event=event, envelope=Envelope(attributes=attributes, sequence=1, chain=""), raw=raw)


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
