"""Linked persons: one detection of one person, before, between and after any links; two histories again when a link is undone."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import reduce
from itertools import count
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st
from intake_specimens import LIST, OTHER_UAI, diploma_seen, enrolment_seen, exit_seen

from chassis.testing import given as past
from contracts.intake import DropoutDetected, DropoutWithdrawn, PersonErased, PersonEvent, PersonsLinked, PersonsUnlinked
from intake.domain.detection import SIEI_V1
from intake.domain.linked import (
    ERASED,
    LINKED,
    NOT_LINKED,
    ONE_PERSON,
    DecideTogether,
    ErasePersons,
    LinkedCommand,
    LinkPersons,
    Member,
    UnlinkPersons,
    decide,
    evolve,
    merged,
)
from intake.domain.person import would_be_found

ONE, OTHER, THIRD = UUID(int=31), UUID(int=32), UUID(int=33)
PEOPLE = (ONE, OTHER, THIRD, UUID(int=34))
GONE = date(2025, 12, 1)


def member(person_id: UUID, number: int = 0) -> Member:
    return Member(
        person_id=person_id, detection_id=uuid5(person_id, f"{number}"), facts=(person_id,), majority_month="2024-05", departement="44"
    )


def link(one: UUID, other: UUID, *members: UUID) -> LinkPersons:
    return LinkPersons(
        person_id=one, other_id=other, reason="document_seen", members=tuple(member(who, 1) for who in members or (one, other)),
        rule=SIEI_V1, coverage={"csv": 1},
    )  # fmt: skip


def unlink(one: UUID, other: UUID, *members: UUID) -> UnlinkPersons:
    return UnlinkPersons(
        person_id=one, other_id=other, reason="mistake", members=tuple(member(who, 2) for who in members or (one, other)), rule=SIEI_V1,
        coverage={"csv": 1},
    )  # fmt: skip


def together(*members: UUID) -> DecideTogether:
    return DecideTogether(
        members=tuple(member(who) for who in members), rule=SIEI_V1, coverage={"csv": 1}, reference_date=date(2026, 2, 1), age=20
    )


def left(person_id: UUID, on: date = GONE, told: date = date(2026, 2, 1)) -> PersonEvent:
    return exit_seen(person_id=person_id, exit_date=on, reference_date=told, age=20)


def found(person_id: UUID, on: date = GONE, told: date = date(2026, 2, 1)) -> list[PersonEvent]:
    """That person's exit and the detection that follows from it."""
    events = [left(person_id, on, told)]
    state = reduce(evolve, events, LINKED.initial)
    asked = DecideTogether(members=(member(person_id),), rule=SIEI_V1, coverage={"csv": 1}, reference_date=told, age=20)
    return [*events, *decide(state, asked)]


def after(*events: PersonEvent) -> dict[UUID, str | None]:
    """Who stands as a dropout, by which detection."""
    state = reduce(evolve, events, LINKED.initial)
    return {who: one.standing and str(one.standing.detection_id) for who, one in state.items()}


def said(events: list[PersonEvent], command: LinkedCommand) -> list[PersonEvent]:
    return list(decide(reduce(evolve, events, LINKED.initial), command))


def test_the_later_detection_is_withdrawn_as_linked_and_the_earlier_stays() -> None:
    earlier, later = found(OTHER), found(ONE, told=date(2026, 3, 1))
    outdone = DropoutWithdrawn(person_id=ONE, detection_id=member(ONE).detection_id, reason="linked", facts=())
    past(LINKED, *earlier, *later).when(link(ONE, OTHER)).then(
        PersonsLinked(person_id=ONE, other_id=OTHER, reason="document_seen"),
        PersonsLinked(person_id=OTHER, other_id=ONE, reason="document_seen"),
        outdone,
    )


def test_the_enrolment_of_one_withdraws_the_detection_of_the_other() -> None:
    events = [*found(ONE), enrolment_seen(person_id=OTHER)]
    last = said(events, link(ONE, OTHER))[-1]
    assert isinstance(last, DropoutWithdrawn)
    assert (last.person_id, last.reason) == (ONE, "enrolment_found")


def test_unlinking_finds_again_what_the_link_withdrew_under_a_new_id() -> None:
    events = [*found(ONE), *found(OTHER, told=date(2026, 3, 1))]
    linked = [*events, *said(events, link(ONE, OTHER))]
    apart = said(linked, unlink(ONE, OTHER))
    assert [type(one) for one in apart] == [PersonsUnlinked, PersonsUnlinked, DropoutDetected]
    assert after(*linked, *apart) == {ONE: str(member(ONE).detection_id), OTHER: str(member(OTHER, 2).detection_id)}


def test_the_detection_is_addressed_to_whoever_left_last() -> None:
    events = [left(ONE), left(OTHER, GONE + timedelta(days=9))]
    linked = [*events, *said(events, link(ONE, OTHER))[:2]]
    (detected,) = said(linked, together(ONE, OTHER))
    assert isinstance(detected, DropoutDetected)
    assert (detected.person_id, detected.facts) == (OTHER, (ONE, OTHER))


def test_what_a_human_withdrew_of_one_is_not_found_of_the_other() -> None:
    withdrawn = DropoutWithdrawn(
        person_id=ONE, detection_id=member(ONE).detection_id, reason="contested", facts=(), motive="wrong_person"
    )  # fmt: skip
    events = [*found(ONE), withdrawn, left(OTHER)]
    assert [type(one) for one in said(events, link(ONE, OTHER))] == [PersonsLinked, PersonsLinked]


def test_a_link_is_made_once_and_between_two() -> None:
    linked = PersonsLinked(person_id=ONE, other_id=OTHER, reason="document_seen")
    past(LINKED, linked).when(link(ONE, OTHER)).then_nothing()
    past(LINKED).when(link(ONE, ONE, ONE)).then_refused(ONE_PERSON)
    past(LINKED).when(unlink(ONE, OTHER)).then_refused(NOT_LINKED)


def test_who_is_linked_by_another_way_stays_together() -> None:
    events = found(ONE)
    for pair in ((ONE, OTHER), (OTHER, THIRD), (ONE, THIRD)):
        events += said(events, link(*pair, ONE, OTHER, THIRD))
    events += [left(OTHER), *said([*events, left(OTHER)], unlink(ONE, OTHER, ONE, OTHER, THIRD))]
    assert after(*events) == {ONE: str(member(ONE).detection_id), OTHER: None, THIRD: None}


def test_erasing_one_of_the_linked_erases_all_of_them_once() -> None:
    linked = [*found(ONE), *said(found(ONE), link(ONE, OTHER))]
    asked = ErasePersons(asked_of=OTHER, people=(ONE, OTHER))
    erased = [PersonErased(person_id=one, asked_of=OTHER) for one in (ONE, OTHER)]
    gone = DropoutWithdrawn(person_id=ONE, detection_id=member(ONE).detection_id, reason="erased", facts=())
    past(LINKED, *linked).when(asked).then(*erased, gone)
    past(LINKED, *linked, *erased, gone).when(asked).then_nothing()
    past(LINKED, *linked, erased[0], gone).when(asked).then(erased[1])


def test_of_whoever_is_erased_no_detection_stands_and_none_comes_again() -> None:
    asked = ErasePersons(asked_of=ONE, people=(ONE,))
    past(LINKED, left(ONE)).when(asked).then(PersonErased(person_id=ONE, asked_of=ONE))
    told = [*found(ONE), *said(found(ONE), asked), left(ONE, GONE + timedelta(days=9), date(2026, 3, 1))]
    assert after(*told) == {ONE: None}
    assert not would_be_found(merged(reduce(evolve, told, LINKED.initial), [ONE]), SIEI_V1)
    past(LINKED, *told).when(together(ONE)).then_nothing()


def test_who_was_erased_is_linked_to_nobody_and_found_no_more() -> None:
    erased = PersonErased(person_id=ONE, asked_of=ONE)
    past(LINKED, *found(ONE), erased).when(link(ONE, OTHER)).then_refused(ERASED)
    past(LINKED, *found(ONE), erased).when(link(OTHER, ONE)).then_refused(ERASED)
    past(LINKED, left(ONE), erased).when(together(ONE)).then_nothing()


@dataclass
class World:
    """The histories as the service keeps them, and beside them what a human with pen and paper would: facts and pairs."""

    events: list[PersonEvent] = field(default_factory=list)
    gone: set[UUID] = field(default_factory=set)
    safe: set[UUID] = field(default_factory=set)
    pairs: set[frozenset[UUID]] = field(default_factory=set)
    numbers: "count[int]" = field(default_factory=count)

    def fact(self, who: UUID, kind: str) -> None:
        number = next(self.numbers)
        days = timedelta(days=number)
        if kind == "exit":
            self.events.append(exit_seen(person_id=who, line=number, exit_date=GONE + days / 50, age=20, list_id=LIST))
            self.gone.add(who)
        elif kind == "diploma":
            self.events.append(diploma_seen("08").model_copy(update={"person_id": who, "line": number}))
            self.safe.add(who)
        elif kind == "enrolled":
            self.events.append(enrolment_seen(person_id=who, line=number, uai=OTHER_UAI, start=date(2026, 3, 1) + days))
            self.safe.add(who)
        else:
            begun = date(2024, 1, 1) + days
            self.events.append(enrolment_seen(person_id=who, line=number, uai=OTHER_UAI, start=begun, end=begun + timedelta(days=30)))
        self.do(together(*self.group(who)))

    def link(self, one: UUID, other: UUID) -> None:
        members = tuple(sorted(self.group(one) | self.group(other)))
        before = self.standing()
        new = self.do(self._renamed(link(one, other, *members)))
        self.pairs.add(frozenset({one, other}))
        if before & set(members):
            assert not any(isinstance(event, DropoutDetected) for event in new), "nobody is told twice"

    def unlink(self, one: UUID, other: UUID) -> None:
        if frozenset({one, other}) not in self.pairs:
            return
        self.do(self._renamed(unlink(one, other, *sorted(self.group(one)))))
        self.pairs.discard(frozenset({one, other}))

    def _renamed[C: (LinkPersons, UnlinkPersons)](self, command: C) -> C:
        """Every command has ids of its own for what it may find."""
        number = next(self.numbers) + 1000
        return replace(command, members=tuple(member(one.person_id, number) for one in command.members))

    def do(self, command: LinkedCommand) -> list[PersonEvent]:
        new = said(self.events, command)
        self.events += new
        return new

    def group(self, who: UUID) -> set[UUID]:
        """Everybody reached by pairs, by trying until nothing is added."""
        found = {who}
        while more := {one for pair in self.pairs if pair & found for one in pair} - found:
            found |= more
        return found

    def standing(self) -> set[UUID]:
        state = reduce(evolve, self.events, LINKED.initial)
        return {who for who, one in state.items() if one.standing}

    def check(self) -> None:
        standing = self.standing()
        for who in PEOPLE:
            group = self.group(who)
            expected = bool(group & self.gone) and not group & self.safe
            assert len(group & standing) == expected, (who, group)


STEP = st.one_of(
    st.tuples(st.just("fact"), st.sampled_from(PEOPLE), st.sampled_from(["exit", "exit", "diploma", "enrolled", "enrolled before"])),
    st.tuples(st.sampled_from(["link", "link", "unlink"]), st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_any_history_of_links_reads_as_pen_and_paper_read_it(steps: list[tuple[str, UUID, object]]) -> None:
    world = World()
    for verb, one, what in steps:
        if verb == "fact":
            world.fact(one, str(what))
        elif isinstance(what, UUID) and one != what:
            (world.link if verb == "link" else world.unlink)(one, what)
        world.check()


@settings(max_examples=200, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_when_all_links_are_undone_everybody_is_as_if_there_had_been_none(steps: list[tuple[str, UUID, object]]) -> None:
    world, never = World(), World()
    for verb, one, what in steps:
        if verb == "fact":
            world.fact(one, str(what))
            never.fact(one, str(what))
        elif isinstance(what, UUID) and one != what:
            (world.link if verb == "link" else world.unlink)(one, what)
    for pair in sorted(world.pairs, key=sorted):
        world.unlink(*sorted(pair))
    assert world.standing() == never.standing()
    state, apart = (reduce(evolve, one.events, LINKED.initial) for one in (world, never))
    assert {who: len(merged(state, [who]).exits) for who in PEOPLE} == {who: len(merged(apart, [who]).exits) for who in PEOPLE}
