"""What is known of one young person, and when that amounts to a dropout, or no longer does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from chassis.decider import Decider
from contracts.intake import DiplomaSeen, DropoutDetected, DropoutWithdrawn, EnrolmentSeen, ExitSeen, Flags, PersonEvent
from intake.domain.detection import Enrolment, Facts, Rule, below_the_level, enrolled_nowhere, flags_of, is_dropout


@dataclass(frozen=True, kw_only=True)
class RecordExit:
    """An establishment's line says that the person left."""

    fact: ExitSeen


@dataclass(frozen=True, kw_only=True)
class RecordEnrolment:
    """A line says that the person is enrolled."""

    fact: EnrolmentSeen


@dataclass(frozen=True, kw_only=True)
class RecordDiploma:
    """A line states the highest diploma held."""

    fact: DiplomaSeen


@dataclass(frozen=True, kw_only=True)
class DecideDropout:
    """A list is complete: is this person, who stands on it, a dropout?

    age, majority_month, departement: derived at the edge where the identity was open. facts: ids of the facts read.
    """

    person_id: UUID
    detection_id: UUID
    rule: Rule
    facts: tuple[UUID, ...]
    coverage: dict[str, int]
    reference_date: date
    age: int
    majority_month: str
    departement: str


type PersonCommand = RecordExit | RecordEnrolment | RecordDiploma | DecideDropout
type Source = tuple[str, UUID, int]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A detection that was made and not withdrawn."""

    detection_id: UUID
    flags: Flags


@dataclass(frozen=True, kw_only=True)
class Person:
    """The facts that a later decision reads, and the detection that stands, if one does."""

    exits: tuple[ExitSeen, ...] = ()
    enrolments: tuple[EnrolmentSeen, ...] = ()
    diplomas: frozenset[str] = frozenset()
    sources: frozenset[Source] = frozenset()
    standing: Standing | None = None


def evolve(state: Person, event: PersonEvent) -> Person:
    match event:
        case ExitSeen():
            return replace(state, exits=(*state.exits, event), sources=state.sources | {_source(event)})
        case EnrolmentSeen():
            return replace(state, enrolments=(*state.enrolments, event), sources=state.sources | {_source(event)})
        case DiplomaSeen(diploma=diploma):
            return replace(state, diplomas=state.diplomas | {diploma}, sources=state.sources | {_source(event)})
        case DropoutDetected(detection_id=detection_id, flags=flags):
            return replace(state, standing=Standing(detection_id=detection_id, flags=flags))
        case DropoutWithdrawn():
            return replace(state, standing=None)


def decide(state: Person, command: PersonCommand) -> Sequence[PersonEvent]:
    match command:
        case RecordExit(fact=fact) | RecordEnrolment(fact=fact) | RecordDiploma(fact=fact):
            return [] if _source(fact) in state.sources else [fact]
        case DecideDropout():
            return decide_dropout(state, command)


def decide_dropout(state: Person, command: DecideDropout) -> Sequence[PersonEvent]:
    if not state.exits:
        return []
    facts = facts_of(state, command.age)
    if state.standing is not None:
        return _withdrawn(state.standing, facts, command)
    flags = flags_of(facts, command.rule)
    return [_detected(latest_exit(state), flags, command)] if is_dropout(flags) else []


def latest_exit(state: Person) -> ExitSeen:
    """The exit that counts: the latest, and of one day the last that was told."""
    return max(enumerate(state.exits), key=lambda told: (told[1].exit_date, told[0]))[1]


def facts_of(state: Person, age: int) -> Facts:
    """What the rule reads. An enrolment told again with another end replaces what was told before."""
    exit_seen = latest_exit(state)
    latest = {(one.uai, one.formation, one.start): one for one in state.enrolments}
    return Facts(
        left=Enrolment(uai=exit_seen.uai, formation=exit_seen.formation, start=exit_seen.entry_date, end=exit_seen.exit_date),
        left_on=exit_seen.exit_date,
        age=age,
        others=tuple(Enrolment(uai=one.uai, formation=one.formation, start=one.start, end=one.end) for one in latest.values()),
        diplomas=state.diplomas,
    )


def _withdrawn(standing: Standing, facts: Facts, command: DecideDropout) -> Sequence[DropoutWithdrawn]:
    """Growing older withdraws nothing; an enrolment does, and a diploma where no obligation stands beside it."""
    reason: Literal["enrolment_found", "diploma_found"]
    if not enrolled_nowhere(facts, command.rule):
        reason = "enrolment_found"
    elif not below_the_level(facts, command.rule) and not standing.flags.obligation_formation:
        reason = "diploma_found"
    else:
        return []
    return [DropoutWithdrawn(person_id=command.person_id, detection_id=standing.detection_id, reason=reason, facts=command.facts)]


def _detected(exit_seen: ExitSeen, flags: Flags, command: DecideDropout) -> DropoutDetected:
    return DropoutDetected(
        person_id=command.person_id,
        detection_id=command.detection_id,
        rule=command.rule.name,
        rule_version=command.rule.version,
        facts=command.facts,
        coverage=command.coverage,
        flags=flags,
        reference_date=command.reference_date,
        age=command.age,
        majority_month=command.majority_month,
        departement=command.departement,
        last_uai=exit_seen.uai,
        last_formation=exit_seen.formation,
        exit_date=exit_seen.exit_date,
        identity=exit_seen.identity,
        contact=exit_seen.contact,
        guardians=exit_seen.guardians,
    )


def _source(fact: ExitSeen | EnrolmentSeen | DiplomaSeen) -> Source:
    return (type(fact).__name__, fact.list_id, fact.line)


def streams(command: PersonCommand) -> tuple[str, ...]:
    match command:
        case RecordExit(fact=fact) | RecordEnrolment(fact=fact) | RecordDiploma(fact=fact):
            return (fact.stream,)
        case DecideDropout(person_id=person_id):
            return (f"person-{person_id}",)


PERSON: Decider[PersonCommand, Person, PersonEvent] = Decider(initial=Person(), evolve=evolve, decide=decide, streams=streams)
