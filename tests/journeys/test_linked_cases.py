"""Links and their undoing, from intake's decisions to followup's cases: one open case of one human, and the same one again afterwards."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce
from uuid import UUID, uuid5

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chassis.testing import heard
from contracts.fields import Sealed
from contracts.followup import CaseClosed, CaseEvent, CaseOpened, CaseReopened
from contracts.intake import DropoutDetected, DropoutWithdrawn, EnrolmentSeen, ExitSeen, PersonEvent
from followup.domain.case import CASE, Closed
from followup.domain.commands import CloseCase, OpenCase, ReopenCase
from followup.policies import when_dropout_detected_then_open_case, when_dropout_withdrawn_then_close_case
from followup.projections.cases import CASES, CaseRow
from followup.projections.coordinates import COORDINATES
from intake.domain.detection import SIEI_V1
from intake.domain.linked import LINKED, DecideTogether, LinkedCommand, LinkPersons, Member, UnlinkPersons

PEOPLE = tuple(UUID(int=number) for number in (41, 42, 43, 44))
FIRST_DAY, TOLD = date(2025, 12, 1), date(2026, 2, 1)
TOKEN = "A" * 60


@dataclass
class House:
    """Both services' streams and followup's rows; beside them what a human with pen and paper knows: who left, who is safe, which pairs."""

    persons: list[PersonEvent] = field(default_factory=list)
    cases: dict[UUID, list[CaseEvent]] = field(default_factory=dict)
    rows: dict[UUID, CaseRow] = field(default_factory=dict)
    reachable: dict[UUID, object] = field(default_factory=dict)
    gone: set[UUID] = field(default_factory=set)
    safe: set[UUID] = field(default_factory=set)
    pairs: set[frozenset[UUID]] = field(default_factory=set)
    episodes: dict[UUID, tuple[UUID, date]] = field(default_factory=dict)
    number: int = 0

    def fact(self, who: UUID, kind: str) -> None:
        self.number += 1
        if kind == "exit":
            self.persons.append(_exit(who, self.number))
            self.gone.add(who)
        else:
            self.persons.append(_enrolment(who, self.number))
            self.safe.add(who)
        self._ask(DecideTogether(members=self._members(who), rule=SIEI_V1, coverage={}, reference_date=TOLD, age=20))

    def link(self, one: UUID, other: UUID) -> None:
        self.number += 1
        self.pairs.add(frozenset({one, other}))
        self._ask(LinkPersons(person_id=one, other_id=other, reason="mistake", members=self._members(one), rule=SIEI_V1, coverage={}))

    def unlink(self, one: UUID, other: UUID) -> None:
        if frozenset({one, other}) in self.pairs:
            self.number += 1
            members = self._members(one)
            self.pairs.discard(frozenset({one, other}))
            self._ask(UnlinkPersons(person_id=one, other_id=other, reason="mistake", members=members, rule=SIEI_V1, coverage={}))

    def group(self, who: UUID) -> set[UUID]:
        found = {who}
        while more := {one for pair in self.pairs if pair & found for one in pair} - found:
            found |= more
        return found

    def open_cases(self) -> dict[UUID, UUID]:
        """By person."""
        return {row.person_id: row.case_id for row in self.rows.values() if row.status != "closed"}

    def check(self) -> None:
        open_cases = self.open_cases()
        for who in PEOPLE:
            group = self.group(who)
            expected = bool(group & self.gone) and not group & self.safe
            assert len(group & open_cases.keys()) == expected, (who, group)
        for case_id, events in self.cases.items():
            closed = isinstance(reduce(CASE.evolve, events, CASE.initial), Closed)
            assert closed == (self.rows[case_id].status == "closed") == (case_id not in self.reachable)
        assert set(Counter(self.episodes.values()).values()) <= {1}, "one exit, one case"

    def _members(self, who: UUID) -> tuple[Member, ...]:
        return tuple(
            Member(person_id=one, detection_id=uuid5(one, str(self.number)), facts=(), majority_month="2024-05", departement="44")
            for one in sorted(self.group(who))
        )

    def _ask(self, command: LinkedCommand) -> None:
        for event in LINKED.decide(reduce(LINKED.evolve, self.persons, LINKED.initial), command):
            self.persons.append(event)
            if isinstance(event, DropoutDetected):
                self._hear(event, *when_dropout_detected_then_open_case(event))
            elif isinstance(event, DropoutWithdrawn):
                self._hear(event, *when_dropout_withdrawn_then_close_case(event))

    def _hear(self, event: DropoutDetected | DropoutWithdrawn, command: OpenCase | ReopenCase | CloseCase) -> None:
        past = self.cases.setdefault(command.case_id, [])
        for said in CASE.decide(reduce(CASE.evolve, past, CASE.initial), command):
            past.append(said)
            self.rows[command.case_id] = CASES.apply(self.rows.get(command.case_id), heard(said))  # type: ignore[assignment]  # a case's row is never deleted
            if isinstance(said, CaseOpened) and isinstance(event, DropoutDetected):
                self.episodes[said.case_id] = (said.person_id, event.exit_date)
        row = COORDINATES.apply(None, heard(event))
        self.reachable = {key: kept for key, kept in {**self.reachable, COORDINATES.key(event): row}.items() if kept is not None}


def _exit(who: UUID, number: int) -> ExitSeen:
    return ExitSeen(
        person_id=who, list_id=UUID(int=1), line=number, uai="0440074S", formation=None, entry_date=date(2025, 9, 1),
        exit_date=FIRST_DAY + timedelta(days=number), motive=None, reference_date=TOLD, age=20, identity=Sealed(f"v1.identity.{TOKEN}"),
        contact=None, guardians=None,
    )  # fmt: skip


def _enrolment(who: UUID, number: int) -> EnrolmentSeen:
    return EnrolmentSeen(
        person_id=who, list_id=UUID(int=1), line=number, uai="0750654D", formation=None, start=date(2026, 3, 1) + timedelta(days=number),
        end=None,
    )  # fmt: skip


STEP = st.one_of(
    st.tuples(st.just("fact"), st.sampled_from(PEOPLE), st.sampled_from(["exit", "exit", "exit", "enrolled"])),
    st.tuples(st.sampled_from(["link", "link", "unlink"]), st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)),
)


APART_AGAIN: list[tuple[str, UUID, object]] = [
    ("fact", PEOPLE[0], "exit"), ("fact", PEOPLE[1], "exit"), ("link", *PEOPLE[:2]), ("unlink", *PEOPLE[:2]),
    ("fact", PEOPLE[0], "enrolled"), ("fact", PEOPLE[1], "enrolled"),
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(STEP, max_size=25))
@example(APART_AGAIN)
def test_before_between_and_after_any_links_a_human_has_one_open_case_and_an_exit_one_case_ever(
    steps: list[tuple[str, UUID, object]],
) -> None:
    house = House()
    for verb, one, what in steps:
        if verb == "fact":
            house.fact(one, str(what))
        elif isinstance(what, UUID) and one != what:
            (house.link if verb == "link" else house.unlink)(one, what)
        house.check()


@settings(max_examples=200)
@given(st.sets(st.sampled_from(PEOPLE)), st.sets(st.sampled_from(PEOPLE)), st.lists(st.tuples(*[st.sampled_from(PEOPLE)] * 2), max_size=8))
def test_when_all_links_are_undone_the_very_cases_are_open_that_were_before(
    gone: set[UUID], safe: set[UUID], pairs: list[tuple[UUID, UUID]]
) -> None:
    house = House()
    for who in sorted(gone):
        house.fact(who, "exit")
    for who in sorted(safe):
        house.fact(who, "enrolled")
    before = house.open_cases()
    for one, other in pairs:
        if one != other:
            house.link(one, other)
            house.check()
    for pair in sorted(house.pairs, key=sorted):
        house.unlink(*sorted(pair))
        house.check()
    assert house.open_cases() == before


def test_the_younger_case_is_closed_by_the_link_and_reopened_by_its_undoing_each_time() -> None:
    older, younger = PEOPLE[:2]
    house = House()
    house.fact(older, "exit")
    house.fact(younger, "exit")
    theirs = house.open_cases()
    for _ in range(2):
        house.link(older, younger)
        assert len(house.open_cases()) == 1
        house.unlink(older, younger)
    assert house.open_cases() == theirs
    (changed,) = [case for case in house.cases.values() if len(case) > 1]
    assert [type(event) for event in changed] == [CaseOpened, CaseClosed, CaseReopened, CaseClosed, CaseReopened]
    detected = [event for event in house.persons if isinstance(event, DropoutDetected) and event.person_id == changed[0].person_id]
    assert [one.again_of for one in detected] == [None, detected[0].detection_id, detected[0].detection_id]
