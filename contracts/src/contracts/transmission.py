"""What transmission says: who is designated, what is owed to whom, what was sent. Topic `raccroche.transmission`."""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from contracts.event import Event
from contracts.fields import Departement, Instant, PersonId, Pseudonymous, Public, Sha256, Uai
from contracts.intake import WithdrawalReason

RecipientClass = Literal["designated_body", "mission_locale"]
LegalBasis = Literal["L.313-7", "L.114-1"]
FieldName = Literal[
    "identity", "contact", "guardians", "last_uai", "last_formation", "exit_date", "flags",
]  # fmt: skip
RefusalReason = Literal["not_ours", "already_known", "unreadable", "other"]
Destination = Literal[
    "reported", "followed", "not_reached", "contacted",
    "in_solution", "in_solution_scolaire", "in_solution_apprenti", "in_solution_stagiaire", "in_solution_volontaire",
    "enrolled_elsewhere", "not_a_dropout",
    "already_followed", "closed_not_reached", "closed_without_solution",
]  # fmt: skip
"""What an establishment may learn of someone who left it: nothing beyond this list."""

Period = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
"""A calendar month of Europe/Paris, `2026-03`."""


class TransmissionEvent(Event):
    """Said by transmission."""

    speaker: ClassVar[str] = "transmission"


class _OfTerritory(TransmissionEvent):
    departement: Public[Departement]
    designation_id: Public[UUID]

    @property
    def subject(self) -> str:
        return f"departement-{self.departement}"

    @property
    def stream(self) -> str:
        return f"designations-{self.departement}"


class RecipientDesignated(_OfTerritory):
    """The president of the regional council (or the law, for a mission locale) names a recipient for a territory and a period.

    `public_key` is a JWK as JSON (ECDH-ES): what is sent can be read by its holder only. `valid_to` is the first instant out.
    """

    recipient_id: Public[str]
    recipient_class: Public[RecipientClass]
    designated_by: Public[str]
    valid_from: Public[Instant]
    valid_to: Public[Instant | None]
    public_key: Public[str]


class DesignationEnded(_OfTerritory):
    """A designation stops before its term."""

    ended_at: Public[Instant]


class _OfTransmissions(TransmissionEvent):
    person_id: Pseudonymous[PersonId]
    detection_id: Pseudonymous[UUID]

    @property
    def subject(self) -> str:
        return str(self.person_id)

    @property
    def stream(self) -> str:
        return f"transmissions-{self.detection_id}"


class TransmissionDue(_OfTransmissions):
    """Coordinates are owed to a recipient, by law, from the flags and the territory."""

    transmission_id: Pseudonymous[UUID]
    recipient_id: Pseudonymous[str]
    recipient_class: Public[RecipientClass]
    designation_id: Pseudonymous[UUID]
    legal_basis: Public[LegalBasis]
    fields: Public[tuple[FieldName, ...]]
    routing_rule: Public[str]
    due_by: Pseudonymous[date]


class TransmissionUnroutable(_OfTransmissions):
    """Coordinates are owed but nobody is designated there on that day: somebody must be told, nothing is lost."""

    recipient_class: Public[RecipientClass]
    departement: Pseudonymous[Departement]


class CoordinatesTransmitted(_OfTransmissions):
    """Encrypted bytes were committed for sending to a recipient in force at that instant; recorded before the first attempt."""

    transmission_id: Pseudonymous[UUID]
    recipient_id: Pseudonymous[str]
    designation_id: Pseudonymous[UUID]
    legal_basis: Public[LegalBasis]
    fields: Public[tuple[FieldName, ...]]
    encrypted_sha256: Public[Sha256]


class TransmissionAcknowledged(_OfTransmissions):
    """The recipient confirms that it holds the bytes with this hash."""

    transmission_id: Pseudonymous[UUID]
    recipient_id: Pseudonymous[str]


class TransmissionRefused(_OfTransmissions):
    """The recipient will not take it, and says why from a closed list; or it may not be sent any more, and never was:

    the recipient was no longer designated when sending, or the detection was withdrawn first.
    """

    transmission_id: Pseudonymous[UUID]
    recipient_id: Pseudonymous[str]
    reason: Public[RefusalReason | Literal["designation_ended", "dropout_withdrawn"]]


class TransmissionRecalled(_OfTransmissions):
    """Whoever was told is told again: the detection was withdrawn (GDPR art. 19)."""

    transmission_id: Pseudonymous[UUID]
    recipient_id: Pseudonymous[str]
    reason: Public[WithdrawalReason]


class ReturnInformationSent(TransmissionEvent):
    """An establishment may fetch what became of those whom it reported or a campaign found, as known when the period ended.

    `lines` are those of its file, which replaces every earlier one; `destinations` counts them, none where a count would be
    small; `sealed_sha256` is that of the encrypted bytes: no digest of personal data. `until` is the first instant not told.
    """

    uai: Public[Uai]
    period: Public[Period]
    until: Public[Instant]
    rule: Public[str]
    lines: Pseudonymous[int]
    destinations: Public[dict[Destination, int] | None]
    sealed_sha256: Public[Sha256]

    @property
    def subject(self) -> str:
        return f"etablissement-{self.uai}"

    @property
    def stream(self) -> str:
        return f"returns-{self.uai}"


type DesignationEvent = RecipientDesignated | DesignationEnded
type TransmissionsEvent = (
    TransmissionDue | TransmissionUnroutable | CoordinatesTransmitted
    | TransmissionAcknowledged | TransmissionRefused | TransmissionRecalled
)  # fmt: skip

EVENTS: tuple[type[Event], ...] = (
    RecipientDesignated, DesignationEnded,
    TransmissionDue, TransmissionUnroutable, CoordinatesTransmitted,
    TransmissionAcknowledged, TransmissionRefused, TransmissionRecalled,
    ReturnInformationSent,
)  # fmt: skip
