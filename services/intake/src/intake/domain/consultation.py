"""Whoever reads identities to compare them leaves a trace first: each reading is a fact of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis.decider import Decider
from contracts.intake import IdentitiesConsulted


@dataclass(frozen=True, kw_only=True)
class ConsultIdentities:
    person_id: UUID
    other_id: UUID


def decide(_: None, command: ConsultIdentities) -> Sequence[IdentitiesConsulted]:
    return [IdentitiesConsulted(person_id=command.person_id, other_id=command.other_id)]


def evolve(_: None, __: IdentitiesConsulted) -> None:
    return None


CONSULTATIONS: Decider[ConsultIdentities, None, IdentitiesConsulted] = Decider(
    initial=None, evolve=evolve, decide=decide, streams=lambda command: (f"consultations-{command.person_id}",)
)
