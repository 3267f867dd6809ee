"""The finding that a young person has left without what the law expects: detected, contested, confirmed, withdrawn."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.fields import Departement, Pseudonymous, Public, Sealed, Uai
from contracts.intake.said import ExitOrigin, OfPerson
from contracts.personal import Contact, Guardians, Identity

WithdrawalReason = Literal["enrolment_found", "diploma_found", "contract_found", "contested", "rule_undone", "linked", "erased"]
ContestMotive = Literal["enrolled_elsewhere", "diploma_held", "wrong_person", "other"]


class Flags(BaseModel):
    """Two independent duties, never one (DOMAIN 2.2): leaver without diploma; minor under the training obligation."""

    model_config = ConfigDict(frozen=True)
    l313_7: Pseudonymous[bool]
    obligation_formation: Pseudonymous[bool]


class DropoutDetected(OfPerson):
    """The finding, by a versioned rule over dated facts, that a young person has left without what the law expects.

    `facts` are the ids of the events that the rule read; `coverage` the sources known on that day, by format; `origin` says how
    the exit that counts became known. `again_of`: the first detection of the same exit, where a link had withdrawn it: the same episode.
    """

    detection_id: Pseudonymous[UUID]
    rule: Public[str]
    rule_version: Public[int]
    facts: Pseudonymous[tuple[UUID, ...]]
    coverage: Public[dict[str, int]]
    flags: Flags
    reference_date: Public[date]
    age: Pseudonymous[int]
    majority_month: Pseudonymous[str]
    departement: Pseudonymous[Departement]
    last_uai: Pseudonymous[Uai]
    last_formation: Pseudonymous[str | None]
    exit_date: Pseudonymous[date]
    identity: Sealed[Identity]
    contact: Sealed[Contact] | None
    guardians: Sealed[Guardians] | None
    origin: Pseudonymous[ExitOrigin] = "list"
    again_of: Pseudonymous[UUID | None] = None


class DropoutContested(OfPerson):
    """Somebody who knows the young person says that the detection is wrong; a human decides. Who it was is the actor."""

    detection_id: Pseudonymous[UUID]
    motive: Pseudonymous[ContestMotive]


class DropoutConfirmed(OfPerson):
    """The contested detection was looked at by a human and stands."""

    detection_id: Pseudonymous[UUID]


class DropoutWithdrawn(OfPerson):
    """A detection no longer stands: by a fact, by a human (`contested`, with the motive; who is the actor), with its rule, or since
    the person was `erased` or, `linked` by now to another, has an earlier one. `again_of`: as the detection says."""

    detection_id: Pseudonymous[UUID]
    reason: Pseudonymous[WithdrawalReason]
    facts: Pseudonymous[tuple[UUID, ...]]
    motive: Pseudonymous[ContestMotive | None] = None
    again_of: Pseudonymous[UUID | None] = None
