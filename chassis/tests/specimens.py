"""Specimen decider, events and records for the chassis's own tests: seats of one offer, the smallest rule that can be broken."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

from chassis.chain import GENESIS, canonical, leaf_of, link
from chassis.decider import Decider, Refused, Request
from chassis.event_store import EventStore
from chassis.heard import RawRecord
from chassis.testing import FixedClock
from contracts.envelope import to_headers
from contracts.event import Event
from contracts.followup import CaseOpened
from contracts.intake import Flags
from contracts.offers import ReferralAccepted, SeatsChanged

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
CLOCK = FixedClock(NOON)
STORE = EventStore(source="/raccroche/offers", clock=CLOCK)


@dataclass(frozen=True, kw_only=True)
class HoldSeat:
    offer_id: str


def _hold(held: int, command: HoldSeat) -> Sequence[SeatsChanged]:
    if held >= 40:
        raise Refused("no seat is free")
    return [SeatsChanged(offer_id=command.offer_id, held=held + 1, free=39 - held, because="referral_made")]


SEATS: Decider[HoldSeat, int, SeatsChanged] = Decider(
    initial=0,
    evolve=lambda _, event: event.held,
    decide=_hold,
    streams=lambda command: (f"offer-{command.offer_id}",),
)


def hold(offer_id: str = "specimen--1", *, command_id: UUID | None = None, fingerprint: bytes = b"") -> Request[HoldSeat]:
    return Request(
        command=HoldSeat(offer_id=offer_id), command_id=command_id or uuid4(), actor="tester", correlation_id=uuid4(),
        route="test", fingerprint=fingerprint,
    )  # fmt: skip


def said(event: Event, *, version: int, offset: int, partition: int = 0, sequence: int = 1) -> RawRecord:
    """A record as the relay would have sent it."""
    recording = EventStore(source=f"/raccroche/{event.speaker}", clock=CLOCK).record(event, version, hold())
    attributes = dict(json.loads(recording.attributes))
    chain = link(GENESIS, sequence, leaf_of(canonical(attributes)))
    headers = to_headers(attributes, sequence=sequence, chain=chain.hex(), traceparent=None, tracestate=None)
    return RawRecord(
        topic=f"raccroche.{event.speaker}", partition=partition, offset=offset, key=event.subject.encode(),
        value=recording.body, headers=tuple(headers),
    )  # fmt: skip


def seats(held: int, offer_id: str = "specimen--1") -> SeatsChanged:
    return SeatsChanged(offer_id=offer_id, held=held, free=40 - held, because="referral_made")


def id_of(name: str) -> UUID:
    return uuid5(UUID(int=0), name)


def accepted() -> ReferralAccepted:
    return ReferralAccepted(referral_id=id_of("referral"), person_id=id_of("person"), offer_id="specimen--1", case_id=id_of("case"))


def opened() -> CaseOpened:
    return CaseOpened(
        case_id=id_of("case"), person_id=id_of("person"), detection_id=id_of("detection"),
        flags=Flags(l313_7=True, obligation_formation=False), departement="44",
    )  # fmt: skip
