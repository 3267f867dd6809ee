"""What may be asked about one list, from its arrival to its last absence."""

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from contracts.intake import Finding, HoldReason, ListFormat, MatchFigures, SnapshotManifest, Verdict
from intake.domain.absence import DoubtAbsences, MissEtablissements, ReviewAbsence


@dataclass(frozen=True, kw_only=True)
class ReceiveList:
    """An establishment sent a list that was inspected and encrypted."""

    list_id: UUID
    sender: str
    format: ListFormat
    reference_date: date
    sealed_sha256: str


@dataclass(frozen=True, kw_only=True)
class ReceiveReport:
    """A professional reports one young person, or somebody comes forward: a list of one line."""

    list_id: UUID
    origin: Literal["report", "self", "risk"]
    reference_date: date


@dataclass(frozen=True, kw_only=True)
class KeepMatch:
    """A cross-match was made; its leavers are the list. See `CampaignMatched`."""

    list_id: UUID
    reference_date: date
    rule: str
    rule_version: int
    snapshots: tuple[SnapshotManifest, ...]
    figures: MatchFigures


@dataclass(frozen=True, kw_only=True)
class HoldList:
    """The whole list must wait for a human; see `ListHeld`."""

    list_id: UUID
    reasons: tuple[HoldReason, ...]
    rule_version: int
    lines: int
    usual: int | None
    newer: UUID | None


@dataclass(frozen=True, kw_only=True)
class ReleaseList:
    """A human says that the held list is right."""

    list_id: UUID


@dataclass(frozen=True, kw_only=True)
class RefuseList:
    """A human says that the held list is wrong, or nobody said anything in time."""

    list_id: UUID
    motive: Literal["decided", "not_decided_in_time"]


@dataclass(frozen=True, kw_only=True)
class RejectLine:
    """A line breaks rules that its sender can mend."""

    list_id: UUID
    line: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class HoldLine:
    """A line must wait for a human."""

    list_id: UUID
    line: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class TellLines:
    """All the bad lines of one batch, told together; none of them was told before."""

    list_id: UUID
    lines: tuple[RejectLine | HoldLine, ...]


@dataclass(frozen=True, kw_only=True)
class Reconsidered:
    """One kept line, decided again."""

    line: int
    was: Verdict
    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class ReconsiderLines:
    """The kept lines upon which today's rules decide otherwise."""

    list_id: UUID
    lines: tuple[Reconsidered, ...]


@dataclass(frozen=True, kw_only=True)
class CloseList:
    """The last line has its verdict."""

    list_id: UUID
    lines: int
    accepted: int
    accepted_with_remarks: int
    rejected: int
    held: int
    not_kept: int


type AbsenceCommand = DoubtAbsences | ReviewAbsence | MissEtablissements
type ListCommand = (
    ReceiveList | ReceiveReport | KeepMatch | HoldList | ReleaseList | RefuseList | TellLines | ReconsiderLines | AbsenceCommand | CloseList
)  # fmt: skip
