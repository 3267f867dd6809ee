"""Which two persons might be one, and what did a human say of them?"""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID, uuid5

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import IdentityCandidateDismissed, IdentityCandidateFound, PersonsLinked, PersonsUnlinked

type Concerned = IdentityCandidateFound | IdentityCandidateDismissed | PersonsLinked | PersonsUnlinked


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Two persons; `person_id` is the smaller id. score: in hundredths, none where a human linked them unasked."""

    candidate_id: UUID
    person_id: UUID
    other_id: UUID
    score: int | None = None
    criteria: tuple[str, ...] = ()
    status: Literal["open", "dismissed", "linked", "unlinked"] = "open"


def key(event: Concerned) -> UUID | None:
    """One row for two persons, told by the stream of the smaller id alone, so that one order holds."""
    return candidate_id_of(event.person_id, event.other_id) if event.person_id < event.other_id else None


def candidate_id_of(person_id: UUID, other_id: UUID) -> UUID:
    return uuid5(person_id, f"candidate {other_id}")


def apply(row: Candidate | None, heard: Heard[Concerned]) -> Candidate | None:
    event = heard.event
    pair = row or Candidate(
        candidate_id=candidate_id_of(event.person_id, event.other_id), person_id=event.person_id, other_id=event.other_id
    )
    match event:
        case IdentityCandidateFound(score=score, criteria=criteria):
            return replace(pair, score=score, criteria=criteria)
        case IdentityCandidateDismissed():
            return replace(pair, status="dismissed")
        case PersonsLinked():
            return replace(pair, status="linked")
        case PersonsUnlinked():
            return replace(pair, status="unlinked")


IDENTITY_CANDIDATES: Projection[Candidate] = Projection(
    table="identity_candidates", row=Candidate, key_column="candidate_id",
    hears=(IdentityCandidateFound, IdentityCandidateDismissed, PersonsLinked, PersonsUnlinked), key=key, apply=apply,
)  # fmt: skip
