"""The decider: how a command becomes events. Pure; the handler around it does all the loading and writing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal
from uuid import UUID, uuid5

from contracts.event import Event


class Refused(Exception):
    """The domain says no, and why, in words that name nobody."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Decider[C, S, E: Event]:
    """`state = fold(evolve, initial, events of streams(command))`, then `decide(state, command)`.

    A command that touches several streams names them all; the state is folded over them in that order, and each event
    that is decided goes to its own stream at the version that was read.
    """

    initial: S
    evolve: Callable[[S, E], S]
    decide: Callable[[S, C], Sequence[E]]
    streams: Callable[[C], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """W3C trace context of whoever asked, stored with each event that follows."""

    traceparent: str | None = None
    tracestate: str | None = None


NO_TRACE = Trace()


@dataclass(frozen=True, kw_only=True)
class Request[C]:
    """A command with who asks, why, and the id under which asking twice is asking once."""

    command: C
    command_id: UUID
    actor: str
    correlation_id: UUID
    causation_id: UUID | None = None
    route: str = "policy"
    fingerprint: bytes = b""
    happened_at: datetime | None = None
    trace: Trace = field(default=NO_TRACE)


def asked[C](
    command: C, *, key: UUID, actor: str, route: str, body: bytes, trace: Trace = NO_TRACE, at: datetime | None = None
) -> Request[C]:
    """A request that came by HTTP: its id derives from actor, route and Idempotency-Key; the same key with another body is refused."""
    command_id = uuid5(key, f"{actor} {route}")
    return Request(
        command=command,
        command_id=command_id,
        actor=actor,
        correlation_id=command_id,
        route=route,
        fingerprint=sha256(body).digest(),
        happened_at=at,
        trace=trace,
    )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a request. `answer` is JSON, byte for byte the same when the request is repeated."""

    status: Literal["done", "refused"]
    answer: bytes
    repeated: bool = False
    reason: str | None = None
