"""What intake says of lists, from their arrival until they close: their lines, campaigns, and whom a complete list lacks."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.fields import PersonId, Pseudonymous, Public, Sha256, Uai
from contracts.intake.said import LinkReason, ListFormat, OfLine, OfList
from contracts.intake.sources import EtablissementsMissed

HoldReason = Literal["LIST_OUT_OF_ORDER", "VOLUME_ANOMALY", "TERRITORY_OF_ANOTHER"]
Verdict = Literal["accepted", "accepted_with_remarks", "rejected", "held", "not_kept"]
DiscardMotive = Literal["wrong_line", "cannot_tell", "other"]
LineDecision = Literal["known_person", "new_person", "discarded"]
SnapshotKind = Literal["previous", "current", "diplomas", "followed"]


class Finding(BaseModel):
    """One rule that a line broke: the field's name and the rule's id, never the value."""

    model_config = ConfigDict(frozen=True)
    field: Public[str]
    rule: Public[str]


class ListReceived(OfList):
    """A list arrived from an establishment. `sealed_sha256` is that of the encrypted bytes: no digest of personal data."""

    sender: Public[Uai]
    format: Public[ListFormat]
    reference_date: Public[date]
    sealed_sha256: Public[Sha256]


class ListHeld(OfList):
    """A whole list waits for a human; nothing of it is a fact until somebody decides, or 30 days pass.

    `rule_version` is that of the thresholds; `usual` the number of lines of this source's last lists, none where it has too few;
    `newer` the list of a later reference date that was taken before.
    """

    reasons: Public[tuple[HoldReason, ...]]
    rule_version: Public[int]
    lines: Public[int]
    usual: Public[int | None]
    newer: Public[UUID | None]


class ListReleased(OfList):
    """A human lets a held list be read. Who is the actor."""


class ListRefused(OfList):
    """A held list is never read: a human decided so, or nobody decided in time. Its body is gone."""

    motive: Public[Literal["decided", "not_decided_in_time"]]


class ReportReceived(OfList):
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


class CampaignMatched(OfList):
    """A country's two years were matched; those who are in the earlier one only are the lines of this list. Who did it is the actor."""

    reference_date: Public[date]
    rule: Public[str]
    rule_version: Public[int]
    snapshots: Public[tuple[SnapshotManifest, ...]]
    figures: Public[MatchFigures]


class ListLineRejected(OfLine):
    """A line could not be taken; its sender can mend it by these findings."""

    findings: Public[tuple[Finding, ...]]


class ListLineHeld(OfLine):
    """A line waits for a human: taking it might join two persons or split one."""

    findings: Public[tuple[Finding, ...]]


class ListLineReconsidered(OfLine):
    """A kept line was decided again, by the rules of a later day or by a human; its facts, if it has become one, are said beside this.

    `decision`: the human's, none where the rules decided; who it was is the actor. `known_person`: whom they named (a list
    is no person, so it has no `person_id`).
    """

    was: Public[Verdict]
    verdict: Public[Verdict]
    findings: Public[tuple[Finding, ...]]
    decision: Public[LineDecision | None] = None
    known_person: Pseudonymous[PersonId | None] = None
    reason: Public[LinkReason | DiscardMotive | None] = None


class HeldLineConsulted(OfList):
    """A reviewer read a held line, and who the people are whom it may mean: who is the actor. Private: it stays in intake's own store."""

    private: ClassVar[bool] = True
    line: Public[int]
    people: Pseudonymous[tuple[PersonId, ...]]

    @property
    def stream(self) -> str:
        return f"consultations-{self.list_id}"


class AbsenceDoubted(OfList):
    """This complete list lacks somebody whom another line of it, or of one before, may mean: from now on a human must say who left.

    Or it is the second in a row that lacks so many, and these among them, that lists alone do not say that they left; or only a list that
    another of the same day corrected told them.

    `told_by` and `line` are the last line that told the young person.
    """

    told_by: Public[UUID]
    line: Public[int]


class AbsenceReviewed(OfList):
    """A human says whether the young person of a doubted absence has left; `ExitSeen` then stands beside this. Who it was is the actor."""

    told_by: Public[UUID]
    line: Public[int]
    left: Public[bool]


class ListClosed(OfList):
    """Every line has its verdict; they add up to `lines`."""

    lines: Public[int]
    accepted: Public[int]
    accepted_with_remarks: Public[int]
    rejected: Public[int]
    held: Public[int]
    not_kept: Public[int]


type ListEvent = (
    ListReceived | ListHeld | ListReleased | ListRefused | ReportReceived | CampaignMatched
    | ListLineRejected | ListLineHeld | ListLineReconsidered | AbsenceDoubted | AbsenceReviewed | EtablissementsMissed | ListClosed
)  # fmt: skip
