"""What tests speak: a clock that stands still, a voice without a broker, and given / when / then over a decider."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

from orjson import loads

from chassis.decider import Decider, Refused, Request
from chassis.event_store import EventStore
from chassis.heard import Heard, RawRecord, read
from chassis.outbox import Entry
from chassis.speech import headers_of
from contracts.envelope import to_headers
from contracts.event import Event

NOW = datetime(2026, 2, 1, 8, tzinfo=UTC)
NOBODY = UUID(int=0)


class FixedClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        if at.utcoffset() is None:
            raise ValueError("an instant needs a time zone")
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


@dataclass(kw_only=True)
class Loopback:
    """A voice (port `chassis.relay.Voice`) whose words come back as the records of one partition."""

    topic: str
    records: list[RawRecord] = field(default_factory=list)

    async def prepare(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        return entries

    async def say(self, ready: Sequence[Entry]) -> asyncio.Future[None]:
        self.records += [
            RawRecord(
                topic=self.topic, partition=0, offset=offset, key=one.subject.encode(), value=one.body, headers=tuple(headers_of(one))
            )
            for offset, one in enumerate(ready, start=len(self.records))
        ]
        said: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        said.set_result(None)
        return said


def heard[E: Event](event: E, at: datetime = NOW) -> Heard[E]:
    """As it would come from its speaker's topic."""
    store = EventStore(source=f"/raccroche/{event.speaker}", clock=FixedClock(at))
    stored = store.record(event, 1, Request(command=None, command_id=NOBODY, actor="someone", correlation_id=NOBODY))
    headers = to_headers(loads(stored.attributes), sequence=1, chain="00" * 32, traceparent=None, tracestate=None)
    raw = RawRecord(
        topic=f"raccroche.{event.speaker}", partition=0, offset=0, key=event.subject.encode(), value=stored.body, headers=tuple(headers)
    )
    return read(raw)  # type: ignore[return-value]  # what was written is what is read


@dataclass(frozen=True, kw_only=True)
class Then[E: Event]:
    """What came of the command, to be compared with the rule."""

    events: Sequence[E] | None
    refusal: str | None

    def then(self, *expected: E) -> None:
        assert self.refusal is None, f"refused: {self.refusal}"
        assert list(self.events or ()) == list(expected)

    def then_refused(self, reason: str) -> None:
        assert self.refusal is not None, f"not refused, but decided: {list(self.events or ())}"
        assert self.refusal == reason

    def then_nothing(self) -> None:
        self.then()


@dataclass(frozen=True, kw_only=True)
class Given[C, S, E: Event]:
    """A decider and its past."""

    decider: Decider[C, S, E]
    past: Sequence[E]

    def when(self, command: C) -> Then[E]:
        state = reduce(self.decider.evolve, self.past, self.decider.initial)
        try:
            return Then(events=self.decider.decide(state, command), refusal=None)
        except Refused as refused:
            return Then(events=None, refusal=refused.reason)


def given[C, S, E: Event](decider: Decider[C, S, E], *past: E) -> Given[C, S, E]:
    """`given(DECIDER, opened).when(command).then(event)`; the past stands in the order in which the streams are folded."""
    return Given(decider=decider, past=past)
