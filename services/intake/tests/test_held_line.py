"""Held lines of a list, each decided once by a human: what is said, what is no news, what is refused."""

from dataclasses import replace
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_specimens import LIST, PERSON

from chassis.decider import Refused
from contracts.intake import (
    DiscardMotive,
    Finding,
    LineDecision,
    ListClosed,
    ListEvent,
    ListLineHeld,
    ListLineReconsidered,
    ListLineRejected,
    ReportReceived,
    Verdict,
)
from intake.cleaning import confusable
from intake.deciding import discarded
from intake.domain.held_line import DECIDED_OTHERWISE, HELD_LINES, NOT_WAITING, DecideHeldLine, HeldLines
from intake.domain.list import NOT_READ
from intake.formats.cells import Cells
from intake.lookalikes import as_seen
from intake.rules import RULES, sentence_of

OTHER = UUID(int=77)
CONFLICT = (Finding(field="ligne", rule="IDENTITY_CONFLICT"),)
CLOSED = ListClosed(list_id=LIST, lines=4, accepted=0, accepted_with_remarks=0, rejected=1, held=3, not_kept=0)


def held(line: int) -> ListLineHeld:
    return ListLineHeld(list_id=LIST, line=line, findings=CONFLICT)


def asked(
    line: int, decision: LineDecision, person_id: UUID | None = None, reason: Literal["document_seen", "other"] = "document_seen"
) -> DecideHeldLine:
    verdict: Verdict = "rejected" if decision == "discarded" else "accepted"
    return DecideHeldLine(list_id=LIST, line=line, decision=decision, person_id=person_id, reason=reason, verdict=verdict, findings=())


def after(*events: ListEvent) -> HeldLines:
    state = HELD_LINES.initial
    for event in events:
        state = HELD_LINES.evolve(state, event)
    return state


def test_to_decide_upon_a_line_the_list_and_its_neighbours_are_read() -> None:
    command = asked(4711, "new_person")
    assert HELD_LINES.streams(command) == (CLOSED.stream, held(4711).stream)
    assert held(4000).stream == held(4711).stream != held(3999).stream


def test_a_decision_says_what_the_line_is_now_who_is_meant_and_why() -> None:
    (said,) = HELD_LINES.decide(after(held(3), CLOSED), asked(3, "known_person", PERSON))
    assert said == ListLineReconsidered(
        list_id=LIST,
        line=3,
        was="held",
        verdict="accepted",
        findings=(),
        decision="known_person",
        known_person=PERSON,
        reason="document_seen",
    )


def test_no_decision_before_the_list_is_read_to_its_end_but_a_report_is_read_at_once() -> None:
    with pytest.raises(Refused, match=NOT_READ):
        HELD_LINES.decide(after(held(3)), asked(3, "new_person"))
    report = ReportReceived.model_construct(list_id=LIST, origin="report")
    assert len(HELD_LINES.decide(after(report, held(3)), asked(3, "new_person"))) == 1


def test_a_line_that_never_waited_or_that_the_rules_took_since_is_not_decided() -> None:
    bad = ListLineRejected(list_id=LIST, line=2, findings=CONFLICT)
    taken = ListLineReconsidered(list_id=LIST, line=3, was="held", verdict="accepted", findings=())
    for line in (2, 3, 9):
        with pytest.raises(Refused, match=NOT_WAITING):
            HELD_LINES.decide(after(bad, held(3), CLOSED, taken), asked(line, "discarded"))


def test_a_rejected_line_that_todays_rules_hold_waits() -> None:
    holds = ListLineReconsidered(list_id=LIST, line=2, was="rejected", verdict="held", findings=CONFLICT)
    assert len(HELD_LINES.decide(after(ListLineRejected(list_id=LIST, line=2, findings=()), CLOSED, holds), asked(2, "new_person"))) == 1


@pytest.mark.parametrize(
    ("motive", "rule"),
    [("wrong_line", "DISCARDED_WRONG_LINE"), ("cannot_tell", "DISCARDED_CANNOT_TELL"), ("other", "DISCARDED_OTHER")],
)
def test_a_discarded_line_is_rejected_and_each_motive_has_its_sentence(motive: DiscardMotive, rule: str) -> None:
    verdict = discarded(replace(asked(3, "discarded"), reason=motive))
    assert (verdict.verdict, [one.rule for one in verdict.findings]) == ("rejected", [rule])
    assert sentence_of(rule).startswith("Après vérification, ") and RULES[rule].effect == "rejected"


LOOKALIKES = {"A": "АΑＡ", "e": "еｅ", "O": "ОΟＯ", "p": "рｐ", "N": "ΝＮ", "i": "іｉ"}
"""Cyrillic, Greek and full-width, written here by hand."""


@given(st.text("AeOpNiLéR", min_size=3), st.data())
def test_a_name_is_read_as_it_is_seen_whichever_letters_stand_for_others(name: str, data: st.DataObject) -> None:
    drawn = "".join(data.draw(st.sampled_from([letter, *LOOKALIKES.get(letter, "")])) for letter in name)
    seen = as_seen(Cells(line=2, kind="leaver", uai="0440074S", family_name=drawn, first_names=(drawn, "Maïa"), usage_name=""))
    mixed = confusable(drawn)
    assert (seen.family_name, seen.first_names, seen.usage_name) == ((name, (name, "Maïa"), "") if mixed else (drawn, (drawn, "Maïa"), ""))


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.sampled_from([("known_person", PERSON), ("known_person", OTHER), ("new_person", None), ("discarded", None)]),
            st.sampled_from(["document_seen", "other"]),
        )
    )
)
@settings(derandomize=True)
def test_of_each_line_the_first_word_holds_said_again_it_is_no_news_and_any_other_is_refused(wishes: list[tuple[int, tuple[LineDecision, UUID | None], Literal["document_seen", "other"]]]) -> None:  # fmt: skip
    state, first = after(*(held(line) for line in (1, 2, 3)), CLOSED), dict[int, object]()
    for line, (decision, person_id), reason in wishes:
        try:
            said = HELD_LINES.decide(state, asked(line, decision, person_id, reason))
        except Refused as refused:
            assert (refused.reason, first[line] != (decision, person_id)) == (DECIDED_OTHERWISE, True)
            continue
        assert len(said) == (line not in first) and first.get(line, (decision, person_id)) == (decision, person_id)
        first[line] = (decision, person_id)
        for event in said:
            state = HELD_LINES.evolve(state, event)
