"""The life of a list."""

from dataclasses import replace

from intake_specimens import LIST, REFERENCE, UAI

from chassis.testing import given
from contracts.intake import (
    AbsenceDoubted,
    AbsenceReviewed,
    EtablissementsMissed,
    Finding,
    ListClosed,
    ListHeld,
    ListLineHeld,
    ListLineReconsidered,
    ListLineRejected,
    ListReceived,
    ListRefused,
    ListReleased,
    ReportReceived,
)
from intake.domain.absence import DoubtAbsences, MissEtablissements, ReviewAbsence
from intake.domain.list import DECIDED_OTHERWISE, HELD, NOT_DOUBTED, NOT_HELD, NOT_OPEN, NOT_READ, SUM, UNKNOWN
from intake.domain.list import LIST as DECIDER
from intake.domain.list_commands import (
    CloseList,
    HoldLine,
    HoldList,
    ReceiveList,
    ReceiveReport,
    Reconsidered,
    ReconsiderLines,
    RefuseList,
    RejectLine,
    ReleaseList,
    TellLines,
)

FINDINGS = (Finding(field="nom", rule="MISSING_FIELD"),)
COUNTS = {"lines": 5, "accepted": 1, "accepted_with_remarks": 1, "rejected": 1, "held": 1, "not_kept": 1}
RECEIVE = ReceiveList(list_id=LIST, sender=UAI, format="csv", reference_date=REFERENCE, sealed_sha256="0" * 64)
RECEIVED = ListReceived(list_id=LIST, sender=UAI, format="csv", reference_date=REFERENCE, sealed_sha256="0" * 64)
REJECT = RejectLine(list_id=LIST, line=3, findings=FINDINGS)
HOLD = HoldLine(list_id=LIST, line=4, findings=FINDINGS)
TELL = TellLines(list_id=LIST, lines=(REJECT, HOLD))
CLOSED = ListClosed(list_id=LIST, **COUNTS)
WHY = {"list_id": LIST, "reasons": ("VOLUME_ANOMALY",), "rule_version": 1, "lines": 40, "usual": 100, "newer": None}
HOLD_WHOLE, IS_HELD = HoldList(**WHY), ListHeld(**WHY)  # type: ignore[arg-type]  # named fields of one table
RELEASE, RELEASED = ReleaseList(list_id=LIST), ListReleased(list_id=LIST)
REFUSE, TOO_LATE = RefuseList(list_id=LIST, motive="decided"), RefuseList(list_id=LIST, motive="not_decided_in_time")
REFUSED = ListRefused(list_id=LIST, motive="decided")


def test_a_list_is_received_once() -> None:
    given(DECIDER).when(RECEIVE).then(RECEIVED)
    given(DECIDER, RECEIVED).when(replace(RECEIVE, sealed_sha256="1" * 64)).then_nothing()


def test_the_bad_lines_of_a_batch_are_told_each_with_field_and_rule() -> None:
    told = (ListLineRejected(list_id=LIST, line=3, findings=FINDINGS), ListLineHeld(list_id=LIST, line=4, findings=FINDINGS))
    given(DECIDER, RECEIVED).when(TELL).then(*told)


def test_to_tell_bad_lines_the_past_of_their_neighbours_is_read_and_that_of_no_other_line() -> None:
    far = tuple(RejectLine(list_id=LIST, line=line, findings=FINDINGS) for line in (999, 1000, 199_999))
    told = TellLines(list_id=LIST, lines=(REJECT, *far))
    assert DECIDER.streams(told) == tuple(f"list-{LIST}{part}" for part in ("", "-lines-0", "-lines-1", "-lines-199"))
    again = tuple(Reconsidered(line=one.line, was="rejected", verdict="held", findings=FINDINGS) for one in far)
    assert DECIDER.streams(ReconsiderLines(list_id=LIST, lines=again)) == (f"list-{LIST}", *DECIDER.streams(told)[1:])


def test_what_concerns_the_whole_list_reads_the_past_of_no_line() -> None:
    for command in (RECEIVE, HOLD_WHOLE, RELEASE, REFUSE, CloseList(list_id=LIST, **COUNTS)):
        assert DECIDER.streams(command) == (f"list-{LIST}",)


def test_what_is_said_of_lines_goes_where_it_is_looked_for() -> None:
    said = (*DECIDER.decide(DECIDER.evolve(DECIDER.initial, RECEIVED), TELL), *DECIDER.decide(DECIDER.initial, RECEIVE))
    assert {one.stream for one in said} == {*DECIDER.streams(TELL), *DECIDER.streams(RECEIVE)}


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


def test_a_list_is_held_before_it_is_read_and_once() -> None:
    given(DECIDER, RECEIVED).when(HOLD_WHOLE).then(IS_HELD)
    given(DECIDER, RECEIVED, IS_HELD).when(HOLD_WHOLE).then_nothing()
    given(DECIDER, RECEIVED, CLOSED).when(HOLD_WHOLE).then_nothing()
    given(DECIDER).when(HOLD_WHOLE).then_refused(UNKNOWN)


def test_nothing_of_a_held_list_is_told() -> None:
    for command in (TELL, CloseList(list_id=LIST, **COUNTS)):
        given(DECIDER, RECEIVED, IS_HELD).when(command).then_refused(HELD)
        given(DECIDER, RECEIVED, IS_HELD, REFUSED).when(command).then_refused(HELD)


def test_a_human_releases_a_held_list_once_and_it_is_not_held_again() -> None:
    given(DECIDER, RECEIVED, IS_HELD).when(RELEASE).then(RELEASED)
    given(DECIDER, RECEIVED, IS_HELD, RELEASED).when(RELEASE).then_nothing()
    given(DECIDER, RECEIVED, IS_HELD, RELEASED).when(HOLD_WHOLE).then_nothing()
    given(DECIDER, RECEIVED, IS_HELD, RELEASED).when(CloseList(list_id=LIST, **COUNTS)).then(CLOSED)


def test_a_human_refuses_a_held_list_once() -> None:
    given(DECIDER, RECEIVED, IS_HELD).when(REFUSE).then(REFUSED)
    given(DECIDER, RECEIVED, IS_HELD, REFUSED).when(REFUSE).then_nothing()


def test_what_was_decided_is_not_decided_otherwise() -> None:
    given(DECIDER, RECEIVED, IS_HELD, REFUSED).when(RELEASE).then_refused(DECIDED_OTHERWISE)
    given(DECIDER, RECEIVED, IS_HELD, RELEASED).when(REFUSE).then_refused(DECIDED_OTHERWISE)
    for command in (RELEASE, REFUSE):
        given(DECIDER, RECEIVED).when(command).then_refused(NOT_HELD)
        given(DECIDER, RECEIVED, CLOSED).when(command).then_refused(NOT_HELD)
        given(DECIDER).when(command).then_refused(UNKNOWN)


def test_time_that_runs_out_refuses_only_what_nobody_decided() -> None:
    given(DECIDER, RECEIVED, IS_HELD).when(TOO_LATE).then(ListRefused(list_id=LIST, motive="not_decided_in_time"))
    for past in ((RELEASED,), (RELEASED, CLOSED), (REFUSED,)):
        given(DECIDER, RECEIVED, IS_HELD, *past).when(TOO_LATE).then_nothing()


def test_a_report_is_received_once_and_may_be_held() -> None:
    receive = ReceiveReport(list_id=LIST, origin="self", reference_date=REFERENCE)
    received = ReportReceived(list_id=LIST, origin="self", reference_date=REFERENCE)
    given(DECIDER).when(receive).then(received)
    given(DECIDER, received).when(receive).then_nothing()
    held = TellLines(list_id=LIST, lines=(HoldLine(list_id=LIST, line=1, findings=FINDINGS),))
    given(DECIDER, received).when(held).then(ListLineHeld(list_id=LIST, line=1, findings=FINDINGS))


def test_lines_of_a_list_that_is_read_or_of_a_report_are_reconsidered_and_of_no_other() -> None:
    one = Reconsidered(line=3, was="rejected", verdict="accepted", findings=())
    again = ReconsiderLines(list_id=LIST, lines=(one,))
    told = ListLineReconsidered(list_id=LIST, line=3, was="rejected", verdict="accepted", findings=())
    given(DECIDER, RECEIVED, CLOSED).when(again).then(told)
    given(DECIDER, ReportReceived(list_id=LIST, origin="self", reference_date=REFERENCE)).when(again).then(told)
    for past in ((), (RECEIVED,), (RECEIVED, IS_HELD), (RECEIVED, IS_HELD, REFUSED)):
        given(DECIDER, *past).when(again).then_refused(NOT_READ)


DOUBT, DOUBTED = DoubtAbsences(list_id=LIST, absences=((LIST, 3), (LIST, 4))), AbsenceDoubted(list_id=LIST, told_by=LIST, line=3)
REVIEW, REVIEWED = (
    ReviewAbsence(list_id=LIST, left=True, told_by=LIST, line=3),
    AbsenceReviewed(list_id=LIST, left=True, told_by=LIST, line=3),
)


def test_a_human_judges_an_absence_once_and_only_one_that_was_doubted_and_after_the_list_is_read() -> None:
    given(DECIDER, RECEIVED).when(DOUBT).then(DOUBTED, AbsenceDoubted(list_id=LIST, told_by=LIST, line=4))
    given(DECIDER, RECEIVED, DOUBTED).when(REVIEW).then_refused(NOT_READ)
    given(DECIDER, RECEIVED, DOUBTED, CLOSED).when(REVIEW).then(REVIEWED)
    given(DECIDER, RECEIVED, DOUBTED, CLOSED).when(replace(REVIEW, line=4)).then_refused(NOT_DOUBTED)
    given(DECIDER, RECEIVED, DOUBTED, CLOSED, REVIEWED).when(REVIEW).then_refused(NOT_DOUBTED)
    given(DECIDER, RECEIVED, CLOSED).when(DOUBT).then_refused(NOT_OPEN)


def test_establishments_are_missed_while_the_list_is_read() -> None:
    miss = MissEtablissements(list_id=LIST, uais=("0440074X",))
    given(DECIDER, RECEIVED).when(miss).then(EtablissementsMissed(list_id=LIST, uais=("0440074X",)))
    given(DECIDER, RECEIVED, CLOSED).when(miss).then_refused(NOT_OPEN)
    given(DECIDER, RECEIVED, DOUBTED, EtablissementsMissed(list_id=LIST, uais=("0440074X",)), CLOSED).when(REVIEW).then(REVIEWED)
