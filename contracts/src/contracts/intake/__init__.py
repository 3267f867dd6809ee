"""What intake says: lists and their lines, facts of schooling, dropouts found and withdrawn. Topic `raccroche.intake`."""

from contracts.event import Event
from contracts.intake.dropouts import (
    ContestMotive,
    DropoutConfirmed,
    DropoutContested,
    DropoutDetected,
    DropoutWithdrawn,
    Flags,
    WithdrawalReason,
)
from contracts.intake.lists import (
    AbsenceDoubted,
    AbsenceReviewed,
    CampaignMatched,
    DiscardMotive,
    Finding,
    HeldLineConsulted,
    HoldReason,
    LineDecision,
    ListClosed,
    ListEvent,
    ListHeld,
    ListLineHeld,
    ListLineReconsidered,
    ListLineRejected,
    ListReceived,
    ListRefused,
    ListReleased,
    MatchFigures,
    ReportReceived,
    SnapshotKind,
    SnapshotManifest,
    Verdict,
)
from contracts.intake.people import (
    ContractSeen,
    Criterion,
    DiplomaSeen,
    EnrolmentSeen,
    ExitSeen,
    IdentitiesConsulted,
    IdentityCandidateDismissed,
    IdentityCandidateFound,
    PersonErased,
    PersonEvent,
    PersonsLinked,
    PersonsUnlinked,
    RiskSignal,
    RiskSignalled,
)
from contracts.intake.said import ExitOrigin, IntakeEvent, LinkReason, ListFormat, stream_of_lines
from contracts.intake.sources import Content, EtablissementsMissed, SourceEvent, SourceExpected, SourceResumed, SourceSilent

__all__ = [
    "EVENTS", "AbsenceDoubted", "AbsenceReviewed", "CampaignMatched", "Content", "ContestMotive", "ContractSeen", "Criterion",
    "DiplomaSeen", "DiscardMotive", "DropoutConfirmed", "DropoutContested", "DropoutDetected", "DropoutWithdrawn", "EnrolmentSeen",
    "EtablissementsMissed", "ExitOrigin", "ExitSeen", "Finding", "Flags", "HeldLineConsulted", "HoldReason", "IdentitiesConsulted",
    "IdentityCandidateDismissed", "IdentityCandidateFound", "IntakeEvent", "LineDecision", "LinkReason", "ListClosed", "ListEvent",
    "ListFormat", "ListHeld", "ListLineHeld", "ListLineReconsidered", "ListLineRejected", "ListReceived", "ListRefused", "ListReleased",
    "MatchFigures", "PersonErased", "PersonEvent", "PersonsLinked", "PersonsUnlinked", "ReportReceived", "RiskSignal", "RiskSignalled",
    "SnapshotKind", "SnapshotManifest", "SourceEvent", "SourceExpected", "SourceResumed", "SourceSilent", "Verdict", "WithdrawalReason",
    "stream_of_lines",
]  # fmt: skip

EVENTS: tuple[type[Event], ...] = (
    ListReceived, ListHeld, ListReleased, ListRefused, ReportReceived, CampaignMatched,
    ListLineRejected, ListLineHeld, ListLineReconsidered, AbsenceDoubted, AbsenceReviewed, EtablissementsMissed, ListClosed,
    SourceExpected, SourceSilent, SourceResumed,
    ExitSeen, EnrolmentSeen, ContractSeen, DiplomaSeen, RiskSignalled,
    DropoutDetected, DropoutContested, DropoutConfirmed, DropoutWithdrawn,
    PersonsLinked, PersonsUnlinked, IdentityCandidateFound, IdentityCandidateDismissed, PersonErased,
    IdentitiesConsulted, HeldLineConsulted,
)  # fmt: skip
