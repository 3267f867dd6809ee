"""The one command handler: load, decide, append, answer, in one transaction. Nobody writes a second loop."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from random import random
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import orjson

from chassis.decider import Decider, Outcome, Refused, Request
from chassis.event_store import Answered, Conflict, Connection, Recording
from chassis.failpoints import failpoint
from chassis.timers import Timer, set_timers
from contracts.event import Event

LINE_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, asyncpg.QueryCanceledError)
"""The internal one: asyncpg was asked on a connection that broke just then."""

ATTEMPTS = 12
TOGETHER = 64
AT_ONCE = 2
"""Transactions in flight per handler: while one commits or waits for a lock the next one fills."""


class KeyReused(Exception):
    """The same idempotency key came with another request: the first answer stands, this one is refused (422)."""


class TryAgain(Exception):
    """The store could not be written, or others kept writing first: nothing was done, the same request may be repeated (503)."""


class StreamBusy(TryAgain):
    """Others kept writing to a stream first."""


class Store(Protocol):
    """What the handler needs of an event store: chassis.event_store in earnest, a table in memory in the simulation."""

    def record(self, event: Event, version: int, request: Request[Any]) -> Recording: ...

    async def load(self, connection: Connection, streams: Iterable[str]) -> dict[str, list[Event]]: ...

    async def append(self, connection: Connection, recordings: Sequence[Recording], answers: Sequence[Answered]) -> None:
        """All or nothing, also where no transaction is open."""

    async def answered(self, connection: Connection, command_ids: Sequence[UUID]) -> dict[UUID, Answered]: ...


type Also = Callable[[Connection], Awaitable[None]]
type AlsoOfAll = Callable[[Connection, Sequence[Outcome]], Awaitable[None]]


def no_timers(_: Event, __: Recording) -> Sequence[Timer]:
    return ()


@dataclass(frozen=True, kw_only=True)
class _Asked[C]:
    """One request that waits for its transaction."""

    request: Request[C]
    also: Also | None
    answer: asyncio.Future[Outcome]


@dataclass(kw_only=True)
class _Queue[C]:
    """Who waits, and who works."""

    asked: deque[_Asked[C]] = field(default_factory=deque)
    working: set[asyncio.Task[None] | None] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Handler[C, S, E: Event]:
    """Turns requests into events of one decider. Requests that are asked while others commit share the next transaction.

    committed: called after each commit of its own, to wake the relay.
    timers: the durable timers that an event sets, in the transaction that appends it.
    """

    decider: Decider[C, S, E]
    store: Store
    pool: asyncpg.Pool
    committed: Callable[[], None] = field(default=lambda: None)
    timers: Callable[[E, Recording], Sequence[Timer]] = no_timers
    _queue: _Queue[C] = field(default_factory=_Queue, init=False, repr=False, compare=False)

    async def handle(self, request: Request[C]) -> Outcome:
        """Handle one request, again from the start when somebody wrote first; returns when it is committed.

        Raises:
            KeyReused: the command id is known with another fingerprint.
            TryAgain: the database is away or full, or the stream stayed too busy; nothing was acknowledged.
        """
        return await self.handle_with(request, None)

    async def handle_with(self, request: Request[C], also: Also | None) -> Outcome:
        """As `handle`, with one more write of the caller's in the same transaction (skipped when repeated or refused)."""
        asked = _Asked(request=request, also=also, answer=asyncio.get_running_loop().create_future())
        queue = self._queue
        queue.asked.append(asked)
        if len(queue.working) < AT_ONCE:
            queue.working.add(asyncio.create_task(self._work()))
        return await asked.answer

    async def _work(self) -> None:
        """Answer whoever waits, transaction by transaction, until nobody does."""
        asked = self._queue.asked
        try:
            while asked:
                await self._answer([asked.popleft() for _ in range(min(len(asked), TOGETHER))])
        finally:  # in the same breath: whoever asks before this worker has left counts on it, and would wait for ever
            self._queue.working.discard(asyncio.current_task())

    async def _answer(self, together: Sequence[_Asked[C]]) -> None:
        """Answer all from one transaction; where that fails, each from its own, so that nobody pays for another."""

        async def also(connection: Connection, outcomes: Sequence[Outcome]) -> None:
            for asked, outcome in zip(together, outcomes, strict=True):
                if asked.also and outcome.status == "done" and not outcome.repeated:
                    await asked.also(connection)

        more = also if any(asked.also for asked in together) else None
        try:
            outcomes = await self.handle_all_with([asked.request for asked in together], more)
        except Exception as trouble:  # noqa: BLE001 -- handed to whoever asked, or found out one by one
            if len(together) == 1 or type(trouble) is TryAgain:
                for asked in together:
                    _settle(asked.answer, trouble)
                return
            for asked in together:
                await self._answer([asked])
            return
        for asked, outcome in zip(together, outcomes, strict=True):
            _settle(asked.answer, outcome)

    async def handle_all_with(self, requests: Sequence[Request[C]], also: AlsoOfAll | None = None) -> list[Outcome]:
        """Handle many requests in one transaction, with the caller's writes that follow from their outcomes, if there are any.

        Raises:
            KeyReused, TryAgain: as `handle`; then none of them was handled.
        """
        for attempt in range(ATTEMPTS):
            try:
                outcomes = await self._handle_once(requests, also, ask_first=attempt > 0)
                failpoint("handler_after_commit")
                self.committed()
                return outcomes
            except (Conflict, asyncpg.DeadlockDetectedError):
                await asyncio.sleep(random() * 0.005 * (attempt + 1))  # noqa: S311 -- spreads retries, no secret
            except LINE_LOST:
                if attempt:
                    raise TryAgain("the database does not answer") from None
            except (asyncpg.InsufficientResourcesError, asyncpg.OperatorInterventionError):
                raise TryAgain("the database cannot write") from None
        raise StreamBusy("the stream stayed busy")

    async def _handle_once(self, requests: Sequence[Request[C]], also: AlsoOfAll | None, *, ask_first: bool) -> list[Outcome]:
        async with self.pool.acquire() as connection:
            if also is None:
                return await self.handle_in(connection, requests, ask_first=ask_first)
            async with connection.transaction():
                outcomes = await self.handle_in(connection, requests, ask_first=ask_first)
                await also(connection, outcomes)
                return outcomes

    async def handle_in(self, connection: Connection, requests: Sequence[Request[C]], *, ask_first: bool = True) -> list[Outcome]:
        """Handle requests in order, each seeing the events of those before it, inside the caller's transaction if there is one.

        Where there is none, all that is written is one transaction all the same, and spares the round trips that begin and end
        one. What was read before needs no transaction: a version or a command id that somebody else took meanwhile is a conflict.
        Whoever can come again need not ask first which commands are answered already: if one is, that is a conflict too.

        Raises:
            Conflict: the caller must roll back and come again.
        """
        known = await self.store.answered(connection, [request.command_id for request in requests]) if ask_first else {}
        fresh = [request for request in requests if request.command_id not in known]
        streams = {stream for request in fresh for stream in self.decider.streams(request.command)}
        loaded = await self.store.load(connection, sorted(streams))
        work = _Work(handler=self, events=loaded)
        outcomes = []
        for request in requests:
            answered = known.get(request.command_id)
            outcomes.append(self._repeat(request, answered) if answered else work.do(request))
            known[request.command_id] = answered or work.answers[-1]
        if work.timers and not connection.is_in_transaction():
            async with connection.transaction():
                await self._write(connection, work)
        elif work.answers:
            await self._write(connection, work)
        return outcomes

    async def _write(self, connection: Connection, work: "_Work[C, S, E]") -> None:
        failpoint("handler_before_commit")
        await self.store.append(connection, work.recordings, work.answers)
        await set_timers(connection, work.timers)

    @staticmethod
    def _repeat(request: Request[C], answered: Answered) -> Outcome:
        if answered.fingerprint != request.fingerprint:
            raise KeyReused("this key was used for another request")
        refused = answered.status != DONE
        reason = str(orjson.loads(answered.answer)["refused"]) if refused else None
        return Outcome(status="refused" if refused else "done", answer=answered.answer, repeated=True, reason=reason)


DONE, REFUSED = 200, 409


@dataclass(kw_only=True)
class _Work[C, S, E: Event]:
    """One transaction's share of requests: what was read, what was decided."""

    handler: Handler[C, S, E]
    events: dict[str, list[Event]]
    recordings: list[Recording] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)

    def do(self, request: Request[C]) -> Outcome:
        decider = self.handler.decider
        past = [event for stream in decider.streams(request.command) for event in self.events[stream]]
        state = reduce(decider.evolve, past, decider.initial)  # type: ignore[arg-type]  # a stream holds its decider's events only
        try:
            decided = decider.decide(state, request.command)
        except Refused as refused:
            return self._answer(request, REFUSED, {"refused": refused.reason}, refused.reason)
        recordings = [self._record(event, request) for event in decided]
        events = [{"id": str(r.event_id), "type": r.type, "stream": r.stream, "version": r.version} for r in recordings]
        return self._answer(request, DONE, {"command_id": str(request.command_id), "events": events}, None)

    def _record(self, event: E, request: Request[C]) -> Recording:
        stream = self.events.setdefault(event.stream, [])
        recording = self.handler.store.record(event, len(stream) + 1, request)
        stream.append(event)
        self.recordings.append(recording)
        self.timers.extend(self.handler.timers(event, recording))
        return recording

    def _answer(self, request: Request[C], status: int, body: dict[str, object], reason: str | None) -> Outcome:
        answer = orjson.dumps(body)
        self.answers.append(
            Answered(
                command_id=request.command_id, actor=request.actor, route=request.route,
                fingerprint=request.fingerprint, status=status, answer=answer,
            )
        )  # fmt: skip
        return Outcome(status="done" if status == DONE else "refused", answer=answer, reason=reason)


def _settle(answer: asyncio.Future[Outcome], outcome: Outcome | Exception) -> None:
    """Tell whoever asked, unless they went away: what was done stays done."""
    if answer.done():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
