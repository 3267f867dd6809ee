"""What the advisers and the platforms will do about one detected person, drawn from that person's own chance."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Literal

from raccroche.fiction.offers import Offer

Channel = Literal["phone", "text_message", "email", "letter", "visit"]
Outcome = Literal["reached", "not_reached", "wrong_coordinates"]
DeclineMotive = Literal["not_eligible", "no_show", "young_person_refused", "other"]
ClosingMotive = Literal["unreachable", "refused", "moved_away", "already_followed"]
CHANNELS: tuple[Channel, ...] = ("phone", "text_message", "email", "letter", "visit")
DECLINE_MOTIVES: tuple[DeclineMotive, ...] = ("not_eligible", "no_show", "young_person_refused", "other")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    channel: Channel
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Bilan:
    """`age` is that of the leavers' reference date."""

    level: int
    wishes: tuple[str, ...]
    search_area: tuple[str, ...]
    age: int
    available_from: date


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Attempts in order; then a bilan or none; then an offer or none, with the platform's answer; or the adviser closes."""

    attempts: tuple[Attempt, ...]
    bilan: Bilan | None = None
    offer_id: str | None = None
    accepted: bool | None = None
    decline_motive: DeclineMotive | None = None
    closing: ClosingMotive | None = None


def plan_for(
    chance: Random, *, age: int, departement: str, level: int, reachable: bool, may_close: bool, catalogue: tuple[Offer, ...]
) -> Plan:
    """Shares as DOMAIN 3.3 tells them: one in five is never reached, one in five is followed by a mission locale already.

    A case that March will withdraw is not closed before.
    """
    if not reachable or chance.random() < 0.2:
        outcome: Outcome = "not_reached" if reachable else "wrong_coordinates"
        tries = tuple(Attempt(channel=channel, outcome=outcome) for channel in chance.sample(CHANNELS, chance.randint(1, 2)))
        return Plan(attempts=tries, closing="unreachable" if may_close and chance.random() < 0.5 else None)
    attempts = _until_reached(chance)
    if may_close and chance.random() < 0.2:
        return Plan(attempts=attempts, closing="already_followed")
    if chance.random() < 0.2:
        motive: ClosingMotive = chance.choice(("refused", "moved_away"))
        return Plan(attempts=attempts, closing=motive if may_close else None)
    offer = chance.choice([offer for offer in catalogue if offer.suits(age=age, departement=departement)])
    available = date(2026, 2, 2) + timedelta(days=chance.randint(0, 40))
    bilan = Bilan(level=level, wishes=offer.themes, search_area=(departement,), age=age, available_from=available)
    if chance.random() < 0.1:
        return Plan(attempts=attempts, bilan=bilan)
    accepted = chance.random() < 0.65
    motive_of_no = None if accepted else chance.choice(DECLINE_MOTIVES)
    return Plan(attempts=attempts, bilan=bilan, offer_id=offer.offer_id, accepted=accepted, decline_motive=motive_of_no)


def _until_reached(chance: Random) -> tuple[Attempt, ...]:
    before = [Attempt(channel="phone", outcome="not_reached")] if chance.random() < 0.3 else []
    return (*before, Attempt(channel=chance.choice(CHANNELS), outcome="reached"))
