"""What intake says of young people: what is seen of their schooling, and who is who."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from contracts.fields import Departement, PersonId, Pseudonymous, Public, Sealed, Uai
from contracts.intake.dropouts import DropoutConfirmed, DropoutContested, DropoutDetected, DropoutWithdrawn
from contracts.intake.said import ExitOrigin, LinkReason, OfPerson
from contracts.personal import Contact, Guardians, Identity

RiskSignal = Literal["absences", "no_assignment"]
Criterion = Literal["same_names", "names_swapped", "names_sound_alike", "birth_date_differs", "family_name_differs", "first_name_differs"]


class ExitSeen(OfPerson):
    """A young person left: a list says so, or lacks them, a professional's report, or the one concerned. `exit_date` is the first day out.

    Where `origin` is `absence`, `list_id` and `line` are the last line that told the young person, `last_seen` its list's reference
    date, and `absent_from` the establishment's next complete list.
    """

    list_id: Public[UUID]
    line: Public[int]
    uai: Pseudonymous[Uai]
    formation: Pseudonymous[str | None]
    entry_date: Pseudonymous[date | None]
    exit_date: Pseudonymous[date]
    motive: Pseudonymous[str | None]
    reference_date: Public[date]
    age: Pseudonymous[int]
    identity: Sealed[Identity]
    contact: Sealed[Contact] | None
    guardians: Sealed[Guardians] | None
    origin: Pseudonymous[ExitOrigin] = "list"
    last_seen: Pseudonymous[date | None] = None
    absent_from: Public[UUID | None] = None

    def happened(self) -> date | None:
        return self.exit_date


class EnrolmentSeen(OfPerson):
    """A young person whom somebody looks for is enrolled. `end` is the first day out, none while it lasts.

    `apprentice`: as an apprentice, so that it lasts only as long as contracts allow. `reference_date`: the day as of which it was told.
    """

    list_id: Public[UUID]
    line: Public[int]
    uai: Pseudonymous[Uai]
    formation: Pseudonymous[str | None]
    start: Pseudonymous[date | None]
    end: Pseudonymous[date | None]
    apprentice: Pseudonymous[bool] = False
    reference_date: Public[date | None] = None

    def happened(self) -> date | None:
        return self.start


class ContractSeen(OfPerson):
    """An apprenticeship contract. `end` is its agreed last day; `broken_on` the day of its rupture, the first without it."""

    list_id: Public[UUID]
    line: Public[int]
    uai: Pseudonymous[Uai]
    start: Pseudonymous[date]
    end: Pseudonymous[date | None]
    broken_on: Pseudonymous[date | None]

    def happened(self) -> date | None:
        return self.broken_on or self.start


class DiplomaSeen(OfPerson):
    """A source states the highest diploma held, as SIFA's `DIP_OBT` code (01 none … 15, 99 unknown)."""

    list_id: Public[UUID]
    line: Public[int]
    diploma: Pseudonymous[str]


class RiskSignalled(OfPerson):
    """A young person who has not left may be about to: for prevention, apart from dropouts; no case follows.

    `absences`: so many half-days in a `month` (`2026-01`). `no_assignment`: to no establishment at the start of the school year that
    begins in `school_year`.
    """

    list_id: Public[UUID]
    line: Public[int]
    signal: Pseudonymous[RiskSignal]
    half_days: Pseudonymous[int | None]
    month: Pseudonymous[str | None]
    school_year: Pseudonymous[int | None]
    uai: Pseudonymous[Uai]
    formation: Pseudonymous[str | None]
    reference_date: Public[date]
    age: Pseudonymous[int]
    departement: Pseudonymous[Departement]
    identity: Sealed[Identity]
    contact: Sealed[Contact] | None
    guardians: Sealed[Guardians] | None


class PersonsLinked(OfPerson):
    """A human says that these are one person. Said in both streams; both keep their ids. Who it was is the actor."""

    other_id: Pseudonymous[PersonId]
    reason: Public[LinkReason]


class PersonsUnlinked(OfPerson):
    """A human says that these are two persons after all: two histories again. Said in both streams."""

    other_id: Pseudonymous[PersonId]
    reason: Public[LinkReason]


class PersonErased(OfPerson):
    """The keys of this person are destroyed: what was said stays, and names nobody any more. Who did it is the actor.

    `asked_of`: the person whose erasure was asked; another than this one where the two were linked.
    """

    asked_of: Pseudonymous[PersonId]


class IdentityCandidateFound(OfPerson):
    """These two might be one person; a human decides. `score` in hundredths orders the work; `person_id` is the smaller id."""

    other_id: Pseudonymous[PersonId]
    score: Pseudonymous[int]
    criteria: Pseudonymous[tuple[Criterion, ...]]


class IdentityCandidateDismissed(OfPerson):
    """A human looked at them: two persons."""

    other_id: Pseudonymous[PersonId]
    reason: Public[LinkReason]


class IdentitiesConsulted(OfPerson):
    """A reviewer read who two candidates are: who is the actor. Private: it stays in intake's own store."""

    private: ClassVar[bool] = True
    other_id: Pseudonymous[PersonId]

    @property
    def stream(self) -> str:
        return f"consultations-{self.person_id}"


type PersonEvent = (
    ExitSeen | EnrolmentSeen | ContractSeen | DiplomaSeen | RiskSignalled
    | DropoutDetected | DropoutContested | DropoutConfirmed | DropoutWithdrawn
    | PersonsLinked | PersonsUnlinked | IdentityCandidateFound | IdentityCandidateDismissed | PersonErased
)  # fmt: skip
