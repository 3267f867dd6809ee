"""What intake says: lists and their lines, facts of schooling, dropouts found and withdrawn. Topic `raccroche.intake`."""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

from contracts.event import Event
from contracts.fields import Departement, PersonId, Pseudonymous, Public, Sealed, Sha256, Uai
from contracts.personal import Contact, Guardians, Identity

ListFormat = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
Content = Literal["leavers", "enrolments", "all"]
HoldReason = Literal["LIST_OUT_OF_ORDER", "VOLUME_ANOMALY", "TERRITORY_OF_ANOTHER"]
Verdict = Literal["accepted", "accepted_with_remarks", "rejected", "held", "not_kept"]
ExitOrigin = Literal["list", "report", "self", "absence", "campaign"]
SnapshotKind = Literal["previous", "current", "diplomas", "followed"]
WithdrawalReason = Literal["enrolment_found", "diploma_found", "contract_found", "contested", "rule_undone", "linked", "erased"]
Criterion = Literal["same_names", "names_swapped", "names_sound_alike", "birth_date_differs", "family_name_differs", "first_name_differs"]
LinkReason = Literal["sender_confirmed", "document_seen", "young_person_said", "mistake", "other"]
DiscardMotive = Literal["wrong_line", "cannot_tell", "other"]
LineDecision = Literal["known_person", "new_person", "discarded"]
RiskSignal = Literal["absences", "no_assignment"]
ContestMotive = Literal["enrolled_elsewhere", "diploma_held", "wrong_person", "other"]


class IntakeEvent(Event):
    """Said by intake."""

    speaker: ClassVar[str] = "intake"


class _OfList(IntakeEvent):
    list_id: Public[UUID]

    @property
    def subject(self) -> str:
        return str(self.list_id)

    @property
    def stream(self) -> str:
        return f"list-{self.list_id}"


class _OfSource(IntakeEvent):
    """A source: what one sender sends in one format about leavers, enrolments or all."""

    sender: Public[Uai]
    format: Public[ListFormat]
    content: Public[Content]

    @property
    def subject(self) -> str:
        return self.sender

    @property
    def stream(self) -> str:
        return f"source-{self.sender}-{self.format}-{self.content}"


class _OfPerson(IntakeEvent):
    person_id: Pseudonymous[PersonId]

    @property
    def subject(self) -> str:
        return str(self.person_id)

    @property
    def stream(self) -> str:
        return f"person-{self.person_id}"


class Finding(BaseModel):
    """One rule that a line broke: the field's name and the rule's id, never the value."""

    model_config = ConfigDict(frozen=True)
    field: Public[str]
    rule: Public[str]


class ListReceived(_OfList):
    """A list arrived from an establishment. `sealed_sha256` is that of the encrypted bytes: no digest of personal data."""

    sender: Public[Uai]
    format: Public[ListFormat]
    reference_date: Public[date]
    sealed_sha256: Public[Sha256]


class ListHeld(_OfList):
    """A whole list waits for a human; nothing of it is a fact until somebody decides, or 30 days pass.

    `rule_version` is that of the thresholds; `usual` the number of lines of this source's last lists, none where it has too few;
    `newer` the list of a later reference date that was taken before.
    """

    reasons: Public[tuple[HoldReason, ...]]
    rule_version: Public[int]
    lines: Public[int]
    usual: Public[int | None]
    newer: Public[UUID | None]


class ListReleased(_OfList):
    """A human lets a held list be read. Who is the actor."""


class ListRefused(_OfList):
    """A held list is never read: a human decided so, or nobody decided in time. Its body is gone."""

    motive: Public[Literal["decided", "not_decided_in_time"]]


class ReportReceived(_OfList):
    """One young person was reported by a professional, or came forward, or is at risk; the report is a list of one line."""

    origin: Public[Literal["report", "self", "risk"]]
    reference_date: Public[date]


class SnapshotManifest(BaseModel):
    """What remains of one file of everybody: `digest` is keyed, of its bytes, so that nobody can look for a person in it.

    `unreadable`: lines of which nobody could be known, and those lost in another line's cell.
    """

    model_config = ConfigDict(frozen=True)
    kind: Public[SnapshotKind]
    lines: Public[int]
    unreadable: Public[int]
    size: Public[int]
    digest: Public[Sha256]


class MatchFigures(BaseModel):
    """What became of each line of somebody seen, by a cross-match; all but `seen` add up to `seen`.

    `review`: somebody near enough is enrolled, followed or holds a diploma for a human to look; `leavers` go on as a list's lines.
    """

    model_config = ConfigDict(frozen=True)
    seen: Public[int]
    unreadable: Public[int]
    under_16: Public[int]
    still_enrolled: Public[int]
    review: Public[int]
    followed: Public[int]
    not_dropout: Public[int]
    leavers: Public[int]


class CampaignMatched(_OfList):
    """A country's two years were matched; those who are in the earlier one only are the lines of this list. Who did it is the actor."""

    reference_date: Public[date]
    rule: Public[str]
    rule_version: Public[int]
    snapshots: Public[tuple[SnapshotManifest, ...]]
    figures: Public[MatchFigures]


class ListLineRejected(_OfList):
    """A line could not be taken; its sender can mend it by these findings."""

    line: Public[int]
    findings: Public[tuple[Finding, ...]]


class ListLineHeld(_OfList):
    """A line waits for a human: taking it might join two persons or split one."""

    line: Public[int]
    findings: Public[tuple[Finding, ...]]


class ListLineReconsidered(_OfList):
    """A kept line was decided again, by the rules of a later day or by a human; its facts, if it has become one, are said beside this.

    `decision`: the human's, none where the rules decided; who it was is the actor. `known_person`: whom they named (a list
    is no person, so it has no `person_id`).
    """

    line: Public[int]
    was: Public[Verdict]
    verdict: Public[Verdict]
    findings: Public[tuple[Finding, ...]]
    decision: Public[LineDecision | None] = None
    known_person: Pseudonymous[PersonId | None] = None
    reason: Public[LinkReason | DiscardMotive | None] = None


class HeldLineConsulted(_OfList):
    """A reviewer read a held line, and who the people are whom it may mean: who is the actor. Private: it stays in intake's own store."""

    private: ClassVar[bool] = True
    line: Public[int]
    people: Pseudonymous[tuple[PersonId, ...]]

    @property
    def stream(self) -> str:
        return f"consultations-{self.list_id}"


class AbsenceDoubted(_OfList):
    """This complete list lacks somebody whom another line of it, or of one before, may mean: from now on a human must say who left.

    Or it is the second in a row that lacks so many, and these among them, that lists alone do not say that they left; or only a list that
    another of the same day corrected told them.

    `told_by` and `line` are the last line that told the young person.
    """

    told_by: Public[UUID]
    line: Public[int]


class AbsenceReviewed(_OfList):
    """A human says whether the young person of a doubted absence has left; `ExitSeen` then stands beside this. Who it was is the actor."""

    told_by: Public[UUID]
    line: Public[int]
    left: Public[bool]


class EtablissementsMissed(_OfList):
    """Its sender told other establishments twice since these were told: they are missing from what it sends; nobody is said to have left.

    Said once, with the list by which it was noticed; their pupils wait for the next complete list that tells them.
    """

    uais: Public[tuple[Uai, ...]]


class ListClosed(_OfList):
    """Every line has its verdict; they add up to `lines`."""

    lines: Public[int]
    accepted: Public[int]
    accepted_with_remarks: Public[int]
    rejected: Public[int]
    held: Public[int]
    not_kept: Public[int]


class SourceExpected(_OfSource):
    """The next list of a source is expected every so many days; last heard on that day, it is silent when `silent_after` is over."""

    basis: Public[Literal["learned", "set"]]
    every_days: Public[int]
    heard_on: Public[date]
    silent_after: Public[date]


class SourceSilent(_OfSource):
    """Nothing came from a source in time: what is known of its establishments is incomplete, which is not "no dropout"."""

    heard_on: Public[date]
    silent_after: Public[date]


class SourceResumed(_OfSource):
    """A source that was silent has sent a list, and every line of it has its verdict."""

    list_id: Public[UUID]
    heard_on: Public[date]


class ExitSeen(_OfPerson):
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


class EnrolmentSeen(_OfPerson):
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


class ContractSeen(_OfPerson):
    """An apprenticeship contract. `end` is its agreed last day; `broken_on` the day of its rupture, the first without it."""

    list_id: Public[UUID]
    line: Public[int]
    uai: Pseudonymous[Uai]
    start: Pseudonymous[date]
    end: Pseudonymous[date | None]
    broken_on: Pseudonymous[date | None]

    def happened(self) -> date | None:
        return self.broken_on or self.start


class DiplomaSeen(_OfPerson):
    """A source states the highest diploma held, as SIFA's `DIP_OBT` code (01 none … 15, 99 unknown)."""

    list_id: Public[UUID]
    line: Public[int]
    diploma: Pseudonymous[str]


class RiskSignalled(_OfPerson):
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


class Flags(BaseModel):
    """Two independent duties, never one (DOMAIN 2.2): leaver without diploma; minor under the training obligation."""

    model_config = ConfigDict(frozen=True)
    l313_7: Pseudonymous[bool]
    obligation_formation: Pseudonymous[bool]


class DropoutDetected(_OfPerson):
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


class DropoutContested(_OfPerson):
    """Somebody who knows the young person says that the detection is wrong; a human decides. Who it was is the actor."""

    detection_id: Pseudonymous[UUID]
    motive: Pseudonymous[ContestMotive]


class DropoutConfirmed(_OfPerson):
    """The contested detection was looked at by a human and stands."""

    detection_id: Pseudonymous[UUID]


class DropoutWithdrawn(_OfPerson):
    """A detection no longer stands: by a fact, by a human (`contested`, with the motive; who is the actor), with its rule, or since
    the person was `erased` or, `linked` by now to another, has an earlier one. `again_of`: as the detection says."""

    detection_id: Pseudonymous[UUID]
    reason: Pseudonymous[WithdrawalReason]
    facts: Pseudonymous[tuple[UUID, ...]]
    motive: Pseudonymous[ContestMotive | None] = None
    again_of: Pseudonymous[UUID | None] = None


class PersonsLinked(_OfPerson):
    """A human says that these are one person. Said in both streams; both keep their ids. Who it was is the actor."""

    other_id: Pseudonymous[PersonId]
    reason: Public[LinkReason]


class PersonsUnlinked(_OfPerson):
    """A human says that these are two persons after all: two histories again. Said in both streams."""

    other_id: Pseudonymous[PersonId]
    reason: Public[LinkReason]


class PersonErased(_OfPerson):
    """The keys of this person are destroyed: what was said stays, and names nobody any more. Who did it is the actor.

    `asked_of`: the person whose erasure was asked; another than this one where the two were linked.
    """

    asked_of: Pseudonymous[PersonId]


class IdentityCandidateFound(_OfPerson):
    """These two might be one person; a human decides. `score` in hundredths orders the work; `person_id` is the smaller id."""

    other_id: Pseudonymous[PersonId]
    score: Pseudonymous[int]
    criteria: Pseudonymous[tuple[Criterion, ...]]


class IdentityCandidateDismissed(_OfPerson):
    """A human looked at them: two persons."""

    other_id: Pseudonymous[PersonId]
    reason: Public[LinkReason]


class IdentitiesConsulted(_OfPerson):
    """A reviewer read who two candidates are: who is the actor. Private: it stays in intake's own store."""

    private: ClassVar[bool] = True
    other_id: Pseudonymous[PersonId]

    @property
    def stream(self) -> str:
        return f"consultations-{self.person_id}"


type ListEvent = (
    ListReceived | ListHeld | ListReleased | ListRefused | ReportReceived | CampaignMatched
    | ListLineRejected | ListLineHeld | ListLineReconsidered | AbsenceDoubted | AbsenceReviewed | EtablissementsMissed | ListClosed
)  # fmt: skip
type SourceEvent = SourceExpected | SourceSilent | SourceResumed
type PersonEvent = (
    ExitSeen | EnrolmentSeen | ContractSeen | DiplomaSeen | RiskSignalled
    | DropoutDetected | DropoutContested | DropoutConfirmed | DropoutWithdrawn
    | PersonsLinked | PersonsUnlinked | IdentityCandidateFound | IdentityCandidateDismissed | PersonErased
)  # fmt: skip

EVENTS: tuple[type[Event], ...] = (
    ListReceived, ListHeld, ListReleased, ListRefused, ReportReceived, CampaignMatched,
    ListLineRejected, ListLineHeld, ListLineReconsidered, AbsenceDoubted, AbsenceReviewed, EtablissementsMissed, ListClosed,
    SourceExpected, SourceSilent, SourceResumed,
    ExitSeen, EnrolmentSeen, ContractSeen, DiplomaSeen, RiskSignalled,
    DropoutDetected, DropoutContested, DropoutConfirmed, DropoutWithdrawn,
    PersonsLinked, PersonsUnlinked, IdentityCandidateFound, IdentityCandidateDismissed, PersonErased,
    IdentitiesConsulted, HeldLineConsulted,
)  # fmt: skip
