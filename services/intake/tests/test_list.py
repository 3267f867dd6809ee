"""The life of a list."""

from dataclasses import replace

from intake_specimens import LIST, REFERENCE, UAI

from chassis.testing import given
from contracts.intake import Finding, ListClosed, ListLineHeld, ListLineRejected, ListReceived
from intake.domain.list import LIST as DECIDER
from intake.domain.list import SUM, UNKNOWN, CloseList, HoldLine, ReceiveList, RejectLine, TellLines

FINDINGS = (Finding(field="nom", rule="MISSING_FIELD"),)
COUNTS = {"lines": 5, "accepted": 1, "accepted_with_remarks": 1, "rejected": 1, "held": 1, "not_kept": 1}
RECEIVE = ReceiveList(list_id=LIST, sender=UAI, format="csv", reference_date=REFERENCE, sealed_sha256="0" * 64)
RECEIVED = ListReceived(list_id=LIST, sender=UAI, format="csv", reference_date=REFERENCE, sealed_sha256="0" * 64)
REJECT = RejectLine(list_id=LIST, line=3, findings=FINDINGS)
HOLD = HoldLine(list_id=LIST, line=4, findings=FINDINGS)
TELL = TellLines(list_id=LIST, lines=(REJECT, HOLD))
CLOSED = ListClosed(list_id=LIST, **COUNTS)


def test_a_list_is_received_once() -> None:
    given(DECIDER).when(RECEIVE).then(RECEIVED)
    given(DECIDER, RECEIVED).when(replace(RECEIVE, sealed_sha256="1" * 64)).then_nothing()


def test_the_bad_lines_of_a_batch_are_told_each_with_field_and_rule() -> None:
    told = (ListLineRejected(list_id=LIST, line=3, findings=FINDINGS), ListLineHeld(list_id=LIST, line=4, findings=FINDINGS))
    given(DECIDER, RECEIVED).when(TELL).then(*told)


def test_of_a_closed_list_no_line_is_told() -> None:
    given(DECIDER, RECEIVED, CLOSED).when(TELL).then_nothing()


def test_a_list_closes_once_when_its_verdicts_add_up() -> None:
    close = CloseList(list_id=LIST, **COUNTS)
    given(DECIDER, RECEIVED).when(close).then(CLOSED)
    given(DECIDER, RECEIVED, CLOSED).when(close).then_nothing()
    given(DECIDER, RECEIVED).when(replace(close, lines=6)).then_refused(SUM)


def test_nothing_is_told_of_a_list_that_never_came() -> None:
    given(DECIDER).when(CloseList(list_id=LIST, **COUNTS)).then_refused(UNKNOWN)
    given(DECIDER).when(TELL).then_refused(UNKNOWN)
