"""Who is designated to receive coordinates in one département, and from when to when: the rules of naming and ending."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from chassis.decider import Decider, Refused
from contracts.transmission import DesignationEnded, DesignationEvent, RecipientClass, RecipientDesignated


@dataclass(frozen=True, kw_only=True)
class Designation:
    """One recipient named for the territory. `valid_to` is the first instant out, none while no term is known."""

    designation_id: UUID
    recipient_id: str
    recipient_class: RecipientClass
    valid_from: datetime
    valid_to: datetime | None
    named: RecipientDesignated

    def in_force(self, at: datetime) -> bool:
        """From the first instant on, until before the first instant out."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)

    def overlaps(self, valid_from: datetime, valid_to: datetime | None) -> bool:
        """Is there an instant at which both are in force?"""
        begins_before_the_other_ends = valid_to is None or self.valid_from < valid_to
        ends_after_the_other_begins = self.valid_to is None or valid_from < self.valid_to
        return begins_before_the_other_ends and ends_after_the_other_begins


type Territory = tuple[Designation, ...]
"""Every designation ever made for one département, in the order in which they were made."""


@dataclass(frozen=True, kw_only=True)
class DesignateRecipient:
    """Name a recipient for a territory and a period."""

    designation: RecipientDesignated


@dataclass(frozen=True, kw_only=True)
class EndDesignation:
    """Stop a designation before its term."""

    departement: str
    designation_id: UUID
    ended_at: datetime


type DesignationCommand = DesignateRecipient | EndDesignation


def evolve(territory: Territory, event: DesignationEvent) -> Territory:
    match event:
        case RecipientDesignated():
            return (*territory, _named(event))
        case DesignationEnded(designation_id=ended, ended_at=ended_at):
            return tuple(replace(one, valid_to=ended_at) if one.designation_id == ended else one for one in territory)


def decide(territory: Territory, command: DesignationCommand) -> Sequence[DesignationEvent]:
    match command:
        case DesignateRecipient(designation=designation):
            return _designate(territory, designation)
        case EndDesignation():
            return _end(territory, command)


def _designate(territory: Territory, new: RecipientDesignated) -> list[DesignationEvent]:
    if any(one.named == new for one in territory):
        return []
    if any(one.designation_id == new.designation_id for one in territory):
        raise Refused("this designation exists with other terms; end it and make another")
    if new.valid_to is not None and new.valid_to <= new.valid_from:
        raise Refused("a designation must end after it begins")
    together = [one for one in territory if one.overlaps(new.valid_from, new.valid_to)]
    if new.recipient_class == "mission_locale" and any(one.recipient_class == "mission_locale" for one in together):
        raise Refused("another mission locale is competent for this département in that period")
    if any(one.recipient_id == new.recipient_id for one in together):
        raise Refused("this recipient is already designated for this département in that period")
    return [new]


def _end(territory: Territory, command: EndDesignation) -> list[DesignationEvent]:
    found = next((one for one in territory if one.designation_id == command.designation_id), None)
    if found is None:
        raise Refused("there is no such designation in this département")
    if found.valid_to == command.ended_at:
        return []
    if command.ended_at < found.valid_from:
        raise Refused("a designation cannot end before it begins")
    if found.valid_to is not None and command.ended_at > found.valid_to:
        raise Refused("a designation cannot be prolonged; make another from its term on")
    return [DesignationEnded(departement=command.departement, designation_id=command.designation_id, ended_at=command.ended_at)]


def _named(event: RecipientDesignated) -> Designation:
    return Designation(
        designation_id=event.designation_id, recipient_id=event.recipient_id, recipient_class=event.recipient_class,
        valid_from=event.valid_from, valid_to=event.valid_to, named=event,
    )  # fmt: skip


def _streams(command: DesignationCommand) -> tuple[str, ...]:
    match command:
        case DesignateRecipient(designation=designation):
            return (designation.stream,)
        case EndDesignation(departement=departement):
            return (f"designations-{departement}",)


DESIGNATIONS = Decider[DesignationCommand, Territory, DesignationEvent](initial=(), evolve=evolve, decide=decide, streams=_streams)
