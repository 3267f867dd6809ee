"""What one service hears and what it does with it, declared in its app.py; the consumer carries it out."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid5

from chassis.decider import Request, Trace
from chassis.event_store import Connection
from chassis.handler import Handler
from chassis.heard import Heard
from chassis.projection import Projection
from contracts.event import Event

type Policy = Callable[[Any], Sequence[object]]
"""`when_<fact>_then_<command>`: pure, from one heard event to the commands that it causes."""

type DatedPolicy = Callable[[Any, datetime], Sequence[object]]
"""As a policy, with the instant at which the event was recorded: what was in force then decides."""

type Sink = Callable[[Connection, Sequence[Heard[Event]], datetime], Awaitable[None]]
"""Keeps what was heard, in the same transaction as the mark."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Everything that one consumer does.

    consumer: its name, and its group id. actor: who acts when a policy does, `/raccroche/<service>`.
    policies: by event type; dated_policies are told when the event was recorded. handlers: by command type.
    needs: for an event type, the fact that must be known first for the subject; until it has come the record waits, and
    the same speaker's later records of that subject behind it.
    witnesses: see every readable record beyond the mark, even one whose version was heard before (history keeps them).
    """

    consumer: str
    actor: str
    speakers: tuple[str, ...]
    projections: tuple[Projection[Any], ...] = ()
    policies: Mapping[type[Event], tuple[Policy, ...]] = field(default_factory=dict)
    dated_policies: Mapping[type[Event], tuple[DatedPolicy, ...]] = field(default_factory=dict)
    handlers: Mapping[type, Handler[Any, Any, Any]] = field(default_factory=dict)
    needs: Mapping[type[Event], type[Event]] = field(default_factory=dict)
    witnesses: tuple[Sink, ...] = ()

    @property
    def facts(self) -> frozenset[type[Event]]:
        """The facts that some record may wait for."""
        return frozenset(self.needs.values())

    @property
    def asks(self) -> bool:
        """Whether hearing can make a command."""
        return bool(self.policies or self.dated_policies)

    def commands(self, heard: Heard[Event]) -> list[object]:
        kind, recorded = type(heard.event), heard.envelope.attributes.recordedtime
        asked = [command for policy in self.policies.get(kind, ()) for command in policy(heard.event)]
        dated = [command for policy in self.dated_policies.get(kind, ()) for command in policy(heard.event, recorded)]
        return [*asked, *dated]

    def request(self, heard: Heard[Event], command: object, place: int, trace: Trace) -> Request[object]:
        """The request that hearing makes: its id derives from the cause, so hearing twice asks the same thing."""
        attributes = heard.envelope.attributes
        return Request(
            command=command,
            command_id=uuid5(attributes.id, f"{self.actor} {type(command).__name__} {place}"),
            actor=self.actor,
            correlation_id=attributes.correlationid,
            causation_id=attributes.id,
            route=f"policy {type(command).__name__}",
            trace=trace,
        )
