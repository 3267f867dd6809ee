"""Who is designated where and when: a mission locale for each département, and the bodies that the regional council names."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid5

from raccroche.fiction.vocabulary import Flags

DEPARTEMENTS = ("44", "49", "53", "72", "85")
NAMESPACE = UUID("6f0c8c2a-52f5-4d0e-9d53-6f6f1c1a7b44")
RecipientClass = Literal["designated_body", "mission_locale"]

_COUNCIL = "présidence du conseil régional des Pays de la Loire"
_LAW = "code de l'éducation, article L.313-7"
_LONG_AGO = datetime(2021, 12, 31, 23, tzinfo=UTC)
_SCHOOL_YEAR = datetime(2025, 8, 31, 22, tzinfo=UTC)
_FAR = datetime(2090, 12, 31, 23, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Recipient:
    recipient_id: str
    name: str
    recipient_class: RecipientClass


@dataclass(frozen=True, kw_only=True)
class Designation:
    """`valid_to` is the first instant out, none while it lasts."""

    designation_id: UUID
    departement: str
    recipient_id: str
    recipient_class: RecipientClass
    designated_by: str
    valid_from: datetime
    valid_to: datetime | None


def _body(departement: str, suffix: str = "") -> str:
    return f"psad-{departement}{suffix}"


def recipients() -> tuple[Recipient, ...]:
    bodies = (*((dep, "") for dep in DEPARTEMENTS), ("44", "-littoral"), ("49", "-ancienne"), ("72", "-future"))
    return (
        *(Recipient(recipient_id=f"ml-{dep}", name=f"Mission locale (fictive) {dep}", recipient_class="mission_locale")
          for dep in DEPARTEMENTS),
        *(Recipient(recipient_id=_body(dep, suffix), name=f"Plate-forme de suivi et d'appui (fictive) {dep}{suffix}",
                    recipient_class="designated_body") for dep, suffix in bodies),
    )  # fmt: skip


def designations() -> tuple[Designation, ...]:
    """44 has two bodies in force; in 49 one followed another on 1 September 2025; in 72 a second one is named for far later."""
    return (
        *(_designation(dep, f"ml-{dep}", "mission_locale", _LONG_AGO) for dep in DEPARTEMENTS),
        _designation("44", _body("44"), "designated_body", _LONG_AGO),
        _designation("44", _body("44", "-littoral"), "designated_body", _SCHOOL_YEAR),
        _designation("49", _body("49", "-ancienne"), "designated_body", _LONG_AGO, _SCHOOL_YEAR),
        _designation("49", _body("49"), "designated_body", _SCHOOL_YEAR),
        _designation("53", _body("53"), "designated_body", _LONG_AGO),
        _designation("72", _body("72"), "designated_body", _LONG_AGO),
        _designation("72", _body("72", "-future"), "designated_body", _FAR),
        _designation("85", _body("85"), "designated_body", _LONG_AGO),
    )


def _designation(
    departement: str, recipient_id: str, recipient_class: RecipientClass, since: datetime, until: datetime | None = None
) -> Designation:
    return Designation(
        designation_id=uuid5(NAMESPACE, f"{departement}:{recipient_id}:{since.isoformat()}"), departement=departement,
        recipient_id=recipient_id, recipient_class=recipient_class,
        designated_by=_LAW if recipient_class == "mission_locale" else _COUNCIL, valid_from=since, valid_to=until,
    )  # fmt: skip


_OWED = {
    "44": ("psad-44", "psad-44-littoral"),
    "49": ("psad-49",),
    "53": ("psad-53",),
    "72": ("psad-72",),
    "85": ("psad-85",),
}


def owed(departement: str, flags: Flags) -> tuple[str, ...]:
    """To whom coordinates are owed since 1 September 2025 (DOMAIN 2.4): the obligation alone is the mission locale's matter."""
    bodies = _OWED[departement] if flags.l313_7 else ()
    return (*bodies, f"ml-{departement}")
