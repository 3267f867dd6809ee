"""Who is owed what: the routing rule from flags and territory to recipients, legal basis and fields.

Sources: code de l'éducation L.313-7 (bodies designated by the president of the regional council, and the mission locale)
and L.114-1 (the mission locale controls the training obligation); fields: arrêté du 15 octobre 2020, as DOMAIN 2.3 reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.intake import Flags
from contracts.transmission import FieldName, LegalBasis, RecipientClass
from transmission.domain.designations import Designation


@dataclass(frozen=True, kw_only=True)
class RoutingRule:
    """The version of the rule that is stored with each decision.

    due_within_days: L.313-7 says "without delay"; the regulated delay is not known, so it is configuration.
    """

    name: str = "flags-and-territory.v1"
    due_within_days: int = 0


def legal_basis_of(flags: Flags) -> LegalBasis:
    """The duty under which coordinates leave; the wider one where both hold."""
    return "L.313-7" if flags.l313_7 else "L.114-1"


def classes_owed(flags: Flags) -> tuple[RecipientClass, ...]:
    """L.313-7 owes the designated bodies and the mission locale; the training obligation alone only the mission locale."""
    match flags:
        case Flags(l313_7=True):
            return ("mission_locale", "designated_body")
        case Flags(obligation_formation=True):
            return ("mission_locale",)
        case _:
            return ()


def designated(territory: Sequence[Designation], recipient_class: RecipientClass, at: datetime) -> list[Designation]:
    """Those of a class that are in force at an instant, in the order in which they were named."""
    return [one for one in territory if one.recipient_class == recipient_class and one.in_force(at)]


def fields_owed(flags: Flags, *, contact_known: bool, guardians_known: bool) -> tuple[FieldName, ...]:
    """What may leave: legal representatives only of a minor under the obligation; free text and motives never."""
    owed: list[FieldName] = ["identity"]
    if contact_known:
        owed.append("contact")
    if guardians_known and flags.obligation_formation:
        owed.append("guardians")
    return (*owed, "last_uai", "last_formation", "exit_date", "flags")
