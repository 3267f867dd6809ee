"""The catalogue: every event by its name on the wire, every topic, and how bytes become an event again."""

from dataclasses import dataclass

from contracts import followup, intake, offers, transmission
from contracts.event import Event

EVENTS: tuple[type[Event], ...] = (*intake.EVENTS, *followup.EVENTS, *offers.EVENTS, *transmission.EVENTS)
BY_TYPE: dict[str, type[Event]] = {event.wire_type(): event for event in EVENTS}


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic per speaker, keyed by the subject. The partition count is for ever: changing it moves subjects."""

    name: str
    speaker: str
    partitions: int = 6


TOPICS: tuple[Topic, ...] = tuple(
    Topic(name=f"raccroche.{speaker}", speaker=speaker) for speaker in ("intake", "followup", "offers", "transmission")
)


def topic_of(speaker: str) -> str:
    return f"raccroche.{speaker}"


class UnknownType(ValueError):
    """No event of this catalogue has that name: a newer speaker, or not ours."""


def decode(wire_type: str, body: bytes) -> Event:
    """The event that these bytes say.

    Raises:
        UnknownType: the catalogue does not know `wire_type`.
        pydantic.ValidationError: the bytes are not such an event.
    """
    try:
        event = BY_TYPE[wire_type]
    except KeyError:
        raise UnknownType(wire_type) from None
    return event.model_validate_json(body)


def dataschema_of(event: type[Event]) -> str:
    """The `dataschema` attribute: a URI reference into the published schemas."""
    return f"/schemas/{event.speaker}/{event.__name__}.v{event.version}.json"
