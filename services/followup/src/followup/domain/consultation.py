"""Whoever reads coordinates leaves a trace first: each reading is a fact of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from chassis.decider import Decider
from contracts.followup import CoordinatesConsulted

type Purpose = Literal["contact", "bilan", "control"]


@dataclass(frozen=True, kw_only=True)
class ConsultCoordinates:
    case_id: UUID
    person_id: UUID
    purpose: Purpose


def decide(_: None, command: ConsultCoordinates) -> Sequence[CoordinatesConsulted]:
    return [CoordinatesConsulted(case_id=command.case_id, person_id=command.person_id, purpose=command.purpose)]


def evolve(_: None, __: CoordinatesConsulted) -> None:
    return None


CONSULTATIONS: Decider[ConsultCoordinates, None, CoordinatesConsulted] = Decider(
    initial=None, evolve=evolve, decide=decide, streams=lambda command: (f"consultations-{command.case_id}",)
)
