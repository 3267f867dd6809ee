"""Whoever reads identities to compare them leaves a trace first: each reading is a fact of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis.decider import Decider
from contracts.intake import HeldLineConsulted, IdentitiesConsulted


@dataclass(frozen=True, kw_only=True)
class ConsultIdentities:
    person_id: UUID
    other_id: UUID


@dataclass(frozen=True, kw_only=True)
class ConsultHeldLine:
    """people: those whom it may mean, and who are opened with it."""

    list_id: UUID
    line: int
    people: tuple[UUID, ...]


type Consultation = ConsultIdentities | ConsultHeldLine
type Consulted = IdentitiesConsulted | HeldLineConsulted


def decide(_: None, command: Consultation) -> Sequence[Consulted]:
    match command:
        case ConsultIdentities(person_id=person_id, other_id=other_id):
            return [IdentitiesConsulted(person_id=person_id, other_id=other_id)]
        case ConsultHeldLine(list_id=list_id, line=line, people=people):
            return [HeldLineConsulted(list_id=list_id, line=line, people=people)]


def evolve(_: None, __: Consulted) -> None:
    return None


def streams(command: Consultation) -> tuple[str, ...]:
    match command:
        case ConsultIdentities(person_id=person_id):
            return (f"consultations-{person_id}",)
        case ConsultHeldLine(list_id=list_id):
            return (f"consultations-{list_id}",)


CONSULTATIONS: Decider[Consultation, None, Consulted] = Decider(initial=None, evolve=evolve, decide=decide, streams=streams)
