"""Linked persons: several histories that a human said to be one person's are read as one, and apart again when the link is undone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from uuid import UUID

from chassis.decider import Decider, Refused
from contracts.intake import DropoutWithdrawn, LinkReason, PersonErased, PersonEvent, PersonsLinked, PersonsUnlinked, WithdrawalReason
from intake.domain import person
from intake.domain.commands import DecideDropout
from intake.domain.detection import Rule
from intake.domain.person import Person, Standing, decide_dropout, latest_exit

ONE_PERSON = "a person is not linked to itself"
NOT_LINKED = "these two are not linked"
ERASED = "one of them was erased"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One of the linked, as the edge knows them. detection_id: that of a dropout that may be found of them now. facts: ids, as told."""

    person_id: UUID
    detection_id: UUID
    facts: tuple[UUID, ...]
    majority_month: str
    departement: str


@dataclass(frozen=True, kw_only=True)
class DecideTogether:
    """A list is complete that touched one of them: is this person, known under several ids, a dropout?"""

    members: tuple[Member, ...]
    rule: Rule
    coverage: dict[str, int]
    reference_date: date
    age: int


@dataclass(frozen=True, kw_only=True)
class LinkPersons:
    """These two are one. members: both, and everybody who is linked to either."""

    person_id: UUID
    other_id: UUID
    reason: LinkReason
    members: tuple[Member, ...]
    rule: Rule
    coverage: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class UnlinkPersons:
    """These two are two. members: everybody who was linked to either until now."""

    person_id: UUID
    other_id: UUID
    reason: LinkReason
    members: tuple[Member, ...]
    rule: Rule
    coverage: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class ErasePersons:
    """Somebody's erasure was asked. people: whose it is, and everybody who is linked to them."""

    asked_of: UUID
    people: tuple[UUID, ...]


type LinkedCommand = DecideTogether | LinkPersons | UnlinkPersons | ErasePersons
type Deciding = DecideTogether | LinkPersons | UnlinkPersons
type Together = Mapping[UUID, Person]


def evolve(state: Together, event: PersonEvent) -> Together:
    return {**state, event.person_id: person.evolve(state.get(event.person_id, Person()), event)}


def decide(state: Together, command: LinkedCommand) -> Sequence[PersonEvent]:
    match command:
        case DecideTogether():
            return _decided(state, command.members, command, on=command.reference_date, age=command.age)
        case LinkPersons():
            return link(state, command)
        case UnlinkPersons():
            return unlink(state, command)
        case ErasePersons(asked_of=asked_of, people=people):
            living = {one: known for one in people if not (known := state.get(one, Person())).erased}
            return [
                *(PersonErased(person_id=one, asked_of=asked_of) for one in living),
                *(_outdone(known.standing, "erased") for known in living.values() if known.standing),
            ]


def link(state: Together, command: LinkPersons) -> Sequence[PersonEvent]:
    """One detection of one person stands, the earliest; what the other's facts say of it is decided at once."""
    if command.person_id == command.other_id:
        raise Refused(ONE_PERSON)
    if command.other_id in _links(state, command.person_id):
        return []
    if any(state.get(one.person_id, Person()).erased for one in command.members):
        raise Refused(ERASED)
    said: list[PersonEvent] = [
        PersonsLinked(person_id=one, other_id=other, reason=command.reason)
        for one, other in _both_ways(command.person_id, command.other_id)
    ]
    said += [_outdone(standing, "linked") for standing in _standings(state, command.members)[1:]]
    return [*said, *_decided(reduce(evolve, said, state), command.members, command)]


def unlink(state: Together, command: UnlinkPersons) -> Sequence[PersonEvent]:
    """Each history is decided by its own facts, and what a link withdrew is found again: a new id, the same episode."""
    if command.other_id not in _links(state, command.person_id):
        raise Refused(NOT_LINKED)
    said: list[PersonEvent] = [
        PersonsUnlinked(person_id=one, other_id=other, reason=command.reason)
        for one, other in _both_ways(command.person_id, command.other_id)
    ]
    after = reduce(evolve, said, state)
    whole = _reached(after, command.person_id)
    for part in (whole, {one.person_id for one in command.members} - whole):
        said += _decided(after, [one for one in command.members if one.person_id in part], command, unlinked=True)
    return said


def merged(state: Together, people: Iterable[UUID]) -> Person:
    """Their histories as one person's."""
    each = [state.get(one, Person()) for one in people]
    standings = sorted((one.standing for one in each if one.standing), key=_age_of)
    return Person(
        exits=tuple(fact for one in each for fact in one.exits),
        enrolments=tuple(fact for one in each for fact in one.enrolments),
        contracts=tuple(fact for one in each for fact in one.contracts),
        diplomas=frozenset().union(*(one.diplomas for one in each)),
        standing=standings[0] if standings else None,
        judged=frozenset().union(*(one.judged for one in each)),
        undone=frozenset().union(*(one.undone for one in each)),
        erased=any(one.erased for one in each),
        withdrawn={exit_seen: gone for one in each for exit_seen, gone in one.withdrawn.items()},
    )


def _decided(
    state: Together,
    members: Sequence[Member],
    command: Deciding,
    *,
    on: date | None = None,
    age: int | None = None,
    unlinked: bool = False,
) -> Sequence[PersonEvent]:
    """What one person's history amounts to, on that day, or on the reference date of the list that told the exit that counts."""
    whole = merged(state, [one.person_id for one in members])
    if not whole.exits:
        return []
    left = latest_exit(whole)
    about = whole.standing.person_id if whole.standing else left.person_id
    (of,) = [one for one in members if one.person_id == about]
    asked = DecideDropout(
        person_id=about, detection_id=of.detection_id, rule=command.rule, facts=tuple(fact for one in members for fact in one.facts),
        coverage=command.coverage, reference_date=on or left.reference_date, age=left.age if age is None else age,
        majority_month=of.majority_month, departement=of.departement,
    )  # fmt: skip
    return decide_dropout(whole, asked, unlinked=unlinked)


def _standings(state: Together, members: Sequence[Member]) -> list[Standing]:
    found = [standing for one in members if (standing := state.get(one.person_id, Person()).standing)]
    return sorted(found, key=_age_of)


def _age_of(standing: Standing) -> tuple[date, UUID]:
    """The earliest first; the id decides between two of one day."""
    return (standing.reference_date, standing.detection_id)


def _outdone(standing: Standing, reason: WithdrawalReason) -> DropoutWithdrawn:
    return DropoutWithdrawn(
        person_id=standing.person_id, detection_id=standing.detection_id, reason=reason, facts=(), again_of=standing.again_of
    )


def _links(state: Together, person_id: UUID) -> frozenset[UUID]:
    return state.get(person_id, Person()).links


def _reached(state: Together, start: UUID) -> set[UUID]:
    reached, ahead = {start}, [start]
    while ahead:
        ahead = [*(_links(state, ahead.pop()) - reached), *ahead]
        reached.update(ahead)
    return reached


def _both_ways(one: UUID, other: UUID) -> tuple[tuple[UUID, UUID], tuple[UUID, UUID]]:
    return (one, other), (other, one)


def streams(command: LinkedCommand) -> tuple[str, ...]:
    people = command.people if isinstance(command, ErasePersons) else [one.person_id for one in command.members]
    return tuple(f"person-{one}" for one in people)


LINKED: Decider[LinkedCommand, Together, PersonEvent] = Decider(initial={}, evolve=evolve, decide=decide, streams=streams)
