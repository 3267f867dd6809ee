"""An offer and its seats: `held + free` is always what was published, and nothing is held beyond it."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.decider import Decider, Refused
from contracts.offers import OfferEvent, OfferPublished, SeatsChanged
from offers.domain.commands import FreeSeat, OfferCommand, PublishOffer


@dataclass(frozen=True, kw_only=True)
class Unpublished:
    """Nobody offers this yet."""


@dataclass(frozen=True, kw_only=True)
class Published:
    offer: OfferPublished
    held: int

    @property
    def free(self) -> int:
        return self.offer.seats - self.held


type Offer = Unpublished | Published


def evolve(state: Offer, event: OfferEvent) -> Offer:
    match event:
        case OfferPublished():
            return Published(offer=event, held=0)
        case SeatsChanged(held=held):
            return Published(offer=state.offer, held=held) if isinstance(state, Published) else state


def decide(state: Offer, command: OfferCommand) -> Sequence[OfferEvent]:
    match command:
        case PublishOffer():
            return publish(state, command)
        case FreeSeat():
            return free_seat(state, command)


def publish(state: Offer, command: PublishOffer) -> Sequence[OfferEvent]:
    match state:
        case Unpublished():
            return [command.offer]
        case Published(offer=offer) if offer == command.offer:
            return []
        case Published():
            raise Refused("this offer is published with another content")


def free_seat(state: Offer, command: FreeSeat) -> Sequence[OfferEvent]:
    match state:
        case Published(held=held) if held > 0:
            return [
                SeatsChanged(offer_id=command.offer_id, held=held - 1, free=state.free + 1, because=command.because),
            ]
        case _:
            return []


def hold_seat(state: Published) -> SeatsChanged:
    """One seat more is held.

    Raises:
        Refused: none is free.
    """
    if state.free < 1:
        raise Refused("no seat is free")
    return SeatsChanged(offer_id=state.offer.offer_id, held=state.held + 1, free=state.free - 1, because="referral_made")


def stream_of(offer_id: str) -> str:
    return f"offer-{offer_id}"


def streams(command: OfferCommand) -> tuple[str, ...]:
    match command:
        case PublishOffer(offer=offer):
            return (offer.stream,)
        case FreeSeat(offer_id=offer_id):
            return (stream_of(offer_id),)


OFFER: Decider[OfferCommand, Offer, OfferEvent] = Decider(initial=Unpublished(), evolve=evolve, decide=decide, streams=streams)
