"""Who is said to be at risk of leaving, by which signal? One row per signal."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import RiskSignalled


@dataclass(frozen=True, kw_only=True)
class AtRisk:
    """One signal. half_days of absence in a month; school_year: that at whose start there was no assignment."""

    list_id: UUID
    person_id: UUID
    departement: str
    uai: str
    signal: str
    half_days: int | None
    month: str | None
    school_year: int | None
    signalled_on: date


def key(event: RiskSignalled) -> UUID:
    return event.list_id


def apply(row: AtRisk | None, heard: Heard[RiskSignalled]) -> AtRisk | None:  # noqa: ARG001 -- the shape of every apply
    said = heard.event
    return AtRisk(
        list_id=said.list_id, person_id=said.person_id, departement=said.departement, uai=said.uai, signal=said.signal,
        half_days=said.half_days, month=said.month, school_year=said.school_year, signalled_on=said.reference_date,
    )  # fmt: skip


RISKS: Projection[AtRisk] = Projection(table="risks", row=AtRisk, key_column="list_id", hears=(RiskSignalled,), key=key, apply=apply)
