"""What intake says of those who send lists: when the next is expected, when they fall silent, which establishments they no longer tell."""

from datetime import date
from typing import Literal
from uuid import UUID

from contracts.fields import Public, Uai
from contracts.intake.said import IntakeEvent, ListFormat, OfList

Content = Literal["leavers", "enrolments", "all"]


class _OfSource(IntakeEvent):
    """A source: what one sender sends in one format about leavers, enrolments or all."""

    sender: Public[Uai]
    format: Public[ListFormat]
    content: Public[Content]

    @property
    def subject(self) -> str:
        return self.sender

    @property
    def stream(self) -> str:
        return f"source-{self.sender}-{self.format}-{self.content}"


class SourceExpected(_OfSource):
    """The next list of a source is expected every so many days; last heard on that day, it is silent when `silent_after` is over."""

    basis: Public[Literal["learned", "set"]]
    every_days: Public[int]
    heard_on: Public[date]
    silent_after: Public[date]


class SourceSilent(_OfSource):
    """Nothing came from a source in time: what is known of its establishments is incomplete, which is not "no dropout"."""

    heard_on: Public[date]
    silent_after: Public[date]


class SourceResumed(_OfSource):
    """A source that was silent has sent a list, and every line of it has its verdict."""

    list_id: Public[UUID]
    heard_on: Public[date]


class EtablissementsMissed(OfList):
    """Its sender told other establishments twice since these were told: they are missing from what it sends; nobody is said to have left.

    Said once, with the list by which it was noticed; their pupils wait for the next complete list that tells them.
    """

    uais: Public[tuple[Uai, ...]]


type SourceEvent = SourceExpected | SourceSilent | SourceResumed
