"""What is known of one young person, and when that amounts to a dropout, or no longer does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from chassis.decider import Decider, Refused
from contracts.intake import (
    ContestMotive,
    ContractSeen,
    DiplomaSeen,
    DropoutConfirmed,
    DropoutContested,
    DropoutDetected,
    DropoutWithdrawn,
    EnrolmentSeen,
    ExitSeen,
    Flags,
    IdentityCandidateDismissed,
    IdentityCandidateFound,
    PersonErased,
    PersonEvent,
    PersonsLinked,
    PersonsUnlinked,
    RiskSignalled,
    WithdrawalReason,
)
from intake.domain.apprenticeship import Contract
from intake.domain.commands import (
    ConfirmDropout,
    ContestDropout,
    DecideDropout,
    DismissCandidate,
    Judgement,
    PersonCommand,
    RecordCandidate,
    RecordContract,
    RecordDiploma,
    RecordEnrolment,
    RecordExit,
    RecordRisk,
    UndoDetection,
    WithdrawDropout,
)
from intake.domain.detection import (
    Enrolment,
    Facts,
    Rule,
    below_the_level,
    enrolled_nowhere,
    flags_of,
    is_dropout,
    out_of_apprenticeship,
)

type Source = tuple[str, UUID, int, date | None]
type Exit = tuple[str, date]

NO_DETECTION = "no such detection stands"
NOT_CONTESTED = "nobody contests this detection"
NO_CANDIDATE = "nobody was found who might be the same person"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A detection that was made and not withdrawn. `left`: the exit that it was made for. `again_of`: as the event says."""

    person_id: UUID
    detection_id: UUID
    flags: Flags
    rule: str
    version: int
    left: Exit
    departement: str
    reference_date: date
    age: int
    contested: ContestMotive | None = None
    again_of: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    """What became of the detection of an exit. first: of that exit. linked: the same person has an earlier one."""

    first: UUID
    linked: bool


@dataclass(frozen=True, kw_only=True)
class Person:
    """The facts that a later decision reads, and the detection that stands, if one does.

    judged: exits of which a human said that they are no dropout. undone: exits with the rule and version whose decision was undone.
    Neither is found again from the same exit.
    withdrawn: of each exit the detection that stands no more.
    erased: nobody can be named any more, so nobody is found.
    links: those of whom a human said that they are this person. candidates, dismissed: those who might be, and those who are not.
    """

    exits: tuple[ExitSeen, ...] = ()
    enrolments: tuple[EnrolmentSeen, ...] = ()
    contracts: tuple[ContractSeen, ...] = ()
    diplomas: frozenset[str] = frozenset()
    sources: frozenset[Source] = frozenset()
    standing: Standing | None = None
    judged: frozenset[Exit] = frozenset()
    undone: frozenset[tuple[Exit, str, int]] = frozenset()
    withdrawn: Mapping[tuple[UUID, Exit], Withdrawn] = field(default_factory=dict)
    links: frozenset[UUID] = frozenset()
    candidates: frozenset[UUID] = frozenset()
    dismissed: frozenset[UUID] = frozenset()
    erased: bool = False


def evolve(state: Person, event: PersonEvent) -> Person:  # noqa: C901, PLR0911, PLR0912 -- one line per event
    match event:
        case ExitSeen():
            return replace(state, exits=(*state.exits, event), sources=state.sources | {_source(event)})
        case EnrolmentSeen():
            return replace(state, enrolments=(*state.enrolments, event), sources=state.sources | {_source(event)})
        case ContractSeen():
            return replace(state, contracts=(*state.contracts, event), sources=state.sources | {_source(event)})
        case DiplomaSeen(diploma=diploma):
            return replace(state, diplomas=state.diplomas | {diploma}, sources=state.sources | {_source(event)})
        case RiskSignalled():
            return replace(state, sources=state.sources | {_source(event)})
        case DropoutDetected():
            return replace(state, standing=_standing(event))
        case DropoutContested(motive=motive):
            return replace(state, standing=state.standing and replace(state.standing, contested=motive))
        case DropoutConfirmed():
            return replace(state, standing=state.standing and replace(state.standing, contested=None))
        case DropoutWithdrawn(reason=reason):
            return _set_aside(state, reason)
        case PersonsLinked(other_id=other_id):
            return replace(state, links=state.links | {other_id})
        case PersonsUnlinked(other_id=other_id):
            return replace(state, links=state.links - {other_id})
        case IdentityCandidateFound(other_id=other_id):
            return replace(state, candidates=state.candidates | {other_id})
        case IdentityCandidateDismissed(other_id=other_id):
            return replace(state, dismissed=state.dismissed | {other_id})
        case PersonErased():
            return replace(state, erased=True)


def _standing(event: DropoutDetected) -> Standing:
    return Standing(
        person_id=event.person_id, detection_id=event.detection_id, flags=event.flags, rule=event.rule, version=event.rule_version,
        left=(event.last_uai, event.exit_date), departement=event.departement,
        reference_date=event.reference_date, age=event.age, again_of=event.again_of,
    )  # fmt: skip


def _set_aside(state: Person, reason: WithdrawalReason) -> Person:
    """A fact that withdraws may be outdone by another; a human's word and an undone rule hold for that exit."""
    was = state.standing
    if was is None:
        return state
    judged = {was.left} if reason == "contested" else set()
    undone = {(was.left, was.rule, was.version)} if reason == "rule_undone" else set()
    gone = Withdrawn(first=was.again_of or was.detection_id, linked=reason == "linked")
    return replace(
        state, standing=None, judged=state.judged | judged, undone=state.undone | undone,
        withdrawn={**state.withdrawn, (was.person_id, was.left): gone},
    )  # fmt: skip


def decide(state: Person, command: PersonCommand) -> Sequence[PersonEvent]:
    match command:
        case (
            RecordExit(fact=fact)
            | RecordEnrolment(fact=fact)
            | RecordContract(fact=fact)
            | RecordDiploma(fact=fact)
            | RecordRisk(fact=fact)
        ):
            return [] if _source(fact) in state.sources else [fact]
        case DecideDropout():
            return decide_dropout(state, command)
        case ContestDropout() | ConfirmDropout() | WithdrawDropout():
            return judge(state, command)
        case UndoDetection():
            return undo_detection(state, command)
        case RecordCandidate(fact=fact):
            return [] if fact.other_id in state.candidates | state.links else [fact]
        case DismissCandidate():
            return dismiss_candidate(state, command)


def dismiss_candidate(state: Person, command: DismissCandidate) -> Sequence[PersonEvent]:
    if command.other_id not in state.candidates:
        raise Refused(NO_CANDIDATE)
    if command.other_id in state.dismissed:
        return []
    return [IdentityCandidateDismissed(person_id=command.person_id, other_id=command.other_id, reason=command.reason)]


def judge(state: Person, command: Judgement) -> Sequence[PersonEvent]:
    """What humans say of a detection that stands; saying it twice is saying it once."""
    standing = state.standing
    if standing is None or standing.detection_id != command.detection_id:
        raise Refused(NO_DETECTION)
    match command:
        case ContestDropout(person_id=person_id, detection_id=detection_id, motive=motive):
            return [] if standing.contested else [DropoutContested(person_id=person_id, detection_id=detection_id, motive=motive)]
        case ConfirmDropout(person_id=person_id, detection_id=detection_id):
            if not standing.contested:
                raise Refused(NOT_CONTESTED)
            return [DropoutConfirmed(person_id=person_id, detection_id=detection_id)]
        case WithdrawDropout(person_id=person_id, motive=motive):
            return [_withdrawal(person_id, standing, "contested", motive=motive)]


def undo_detection(state: Person, command: UndoDetection) -> Sequence[PersonEvent]:
    standing = state.standing
    if standing is None or (standing.rule, standing.version) != (command.rule, command.version):
        return []
    return [_withdrawal(command.person_id, standing, "rule_undone")]


def decide_dropout(state: Person, command: DecideDropout, *, unlinked: bool = False) -> Sequence[PersonEvent]:
    """unlinked: a link was just undone, so that whatever is found of an exit again, the link had withdrawn."""
    if not state.exits:
        return []
    facts = facts_of(state, command.age, command.reference_date)
    if state.standing is not None:
        reason = why_withdrawn(state.standing, facts, command.rule)
        return [_withdrawal(command.person_id, state.standing, reason, facts=command.facts)] if reason else []
    flags = flags_of(facts, command.rule)
    found = is_dropout(flags) and not is_set_aside(state, command.rule) and not state.erased
    return [_detected(latest_exit(state), flags, command, _again_of(state, command.person_id, unlinked=unlinked))] if found else []


def _again_of(state: Person, person_id: UUID, *, unlinked: bool) -> UUID | None:
    exit_seen = latest_exit(state)
    before = state.withdrawn.get((person_id, (exit_seen.uai, exit_seen.exit_date)))
    return before.first if before and (before.linked or unlinked) else None


def is_set_aside(state: Person, rule: Rule) -> bool:
    """Whether a human said no to the exit that counts, or this version's decision about it was undone."""
    exit_seen = latest_exit(state)
    left = (exit_seen.uai, exit_seen.exit_date)
    return left in state.judged or (left, rule.name, rule.version) in state.undone


def would_be_found(state: Person, rule: Rule) -> bool:
    """Whether this version, had it decided on the same days, would have this person stand as a dropout today."""
    if not state.exits or state.erased:
        return False
    if (standing := state.standing) is not None:
        facts = facts_of(state, standing.age, standing.reference_date)
        return is_dropout(flags_of(facts, rule)) and why_withdrawn(standing, facts, rule) is None
    exit_seen = latest_exit(state)
    return is_dropout(flags_of(facts_of(state, exit_seen.age, exit_seen.reference_date), rule)) and not is_set_aside(state, rule)


def latest_exit(state: Person) -> ExitSeen:
    """The exit that counts: the latest, and of one day the last that was told."""
    return max(enumerate(state.exits), key=lambda told: (told[1].exit_date, told[0]))[1]


def facts_of(state: Person, age: int, on: date) -> Facts:
    """What the rule reads. An enrolment or a contract told again with another end replaces what was told before.

    An earlier exit ended the enrolment that it was from, though no list told that enrolment's end.
    """
    exit_seen = latest_exit(state)
    earlier = [one for one in state.exits if one is not exit_seen]
    enrolments = {(one.uai, one.formation, one.start): one for one in state.enrolments}
    contracts = {(one.uai, one.start): one for one in state.contracts}
    return Facts(
        left=Enrolment(uai=exit_seen.uai, formation=exit_seen.formation, start=exit_seen.entry_date, end=exit_seen.exit_date),
        left_on=exit_seen.exit_date,
        on=on,
        age=age,
        others=tuple(
            Enrolment(
                uai=one.uai, formation=one.formation, start=one.start, end=_end_of(one, earlier), apprentice=one.apprentice,
                as_of=one.reference_date,
            )
            for one in enrolments.values()
        ),
        diplomas=state.diplomas,
        contracts=tuple(Contract(uai=one.uai, start=one.start, end=one.end, broken_on=one.broken_on) for one in contracts.values()),
        absent_as_of=exit_seen.reference_date if exit_seen.origin == "absence" else None,
        last_seen=exit_seen.last_seen,
    )  # fmt: skip


def _end_of(one: EnrolmentSeen, exits: Sequence[ExitSeen]) -> date | None:
    """The first day out of an enrolment, by what told it or by an exit from it."""
    return min((day for day in (one.end, *(told.exit_date for told in exits if _ended_by(one, told))) if day), default=None)


def _ended_by(one: EnrolmentSeen, told: ExitSeen) -> bool:
    """Of the same establishment and formation (an absence is from all), begun before, and not told again as of that day or later."""
    same_formation = told.origin == "absence" or one.formation is None or told.formation is None or one.formation == told.formation
    begun_before = one.start is None or one.start < told.exit_date
    told_again = one.reference_date is not None and one.reference_date >= told.reference_date
    return one.uai == told.uai and same_formation and begun_before and not told_again


def is_back(state: Person, uai: str, as_of: date) -> bool:
    """Whether a line that tells this enrolment once more, as of that day, contradicts the last that was told: an exit from there."""
    exits = [one.reference_date for one in state.exits if one.uai == uai]
    told = [one.reference_date for one in state.enrolments if one.uai == uai and one.reference_date is not None]
    return bool(exits) and max(exits) < as_of and not any(day > max(exits) for day in told)


def why_withdrawn(standing: Standing, facts: Facts, rule: Rule) -> WithdrawalReason | None:
    """Growing older withdraws nothing; an enrolment or a contract does, and a diploma where no obligation stands beside it."""
    if not enrolled_nowhere(facts, rule):
        return "enrolment_found"
    if not out_of_apprenticeship(facts, rule):
        return "contract_found"
    if not below_the_level(facts, rule) and not standing.flags.obligation_formation:
        return "diploma_found"
    return None


def _withdrawal(
    person_id: UUID, standing: Standing, reason: WithdrawalReason, *, facts: tuple[UUID, ...] = (), motive: ContestMotive | None = None
) -> DropoutWithdrawn:
    return DropoutWithdrawn(
        person_id=person_id, detection_id=standing.detection_id, reason=reason, facts=facts, motive=motive, again_of=standing.again_of
    )


def _detected(exit_seen: ExitSeen, flags: Flags, command: DecideDropout, again_of: UUID | None) -> DropoutDetected:
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
        origin=exit_seen.origin,
        again_of=again_of,
    )


def _source(fact: ExitSeen | EnrolmentSeen | ContractSeen | DiplomaSeen | RiskSignalled) -> Source:
    """By which a fact is known again; one line may tell several contracts."""
    return (type(fact).__name__, fact.list_id, fact.line, fact.start if isinstance(fact, ContractSeen) else None)


def streams(command: PersonCommand) -> tuple[str, ...]:
    match command:
        case (
            RecordExit(fact=fact)
            | RecordEnrolment(fact=fact)
            | RecordContract(fact=fact)
            | RecordDiploma(fact=fact)
            | RecordRisk(fact=fact)
        ):
            return (fact.stream,)
        case RecordCandidate(fact=found):
            return (found.stream,)
        case DismissCandidate() | DecideDropout() | ContestDropout() | ConfirmDropout() | WithdrawDropout() | UndoDetection():
            return (f"person-{command.person_id}",)


PERSON: Decider[PersonCommand, Person, PersonEvent] = Decider(initial=Person(), evolve=evolve, decide=decide, streams=streams)
