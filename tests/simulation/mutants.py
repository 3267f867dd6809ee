"""Deliberately broken houses: each takes one guard away, and the oracles must find it; a check that stays green on them is void."""

import asyncio
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import chassis.event_store
from chassis.chain import GENESIS, link
from chassis.consumer import Consumer
from chassis.event_store import Answered, Conflict
from chassis.handler import Handler, TryAgain
from chassis.outbox import Entry
from chassis.relay import Relay
from chassis.share import Share
from chassis.watchdog import Verdict
from simulation.memory import Memory, MemoryConnection, MemoryLedger, MemoryOutbox, MemoryStore
from simulation.processes import INCARNATION, Incarnation
from simulation.world import Variant


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """guarantee: the one that it breaks. found_as: guarantees under which the oracles may report it."""

    name: str
    guarantee: str
    found_as: tuple[str, ...]
    variant: Variant = field(default_factory=Variant)
    patches: tuple[tuple[object, str, object], ...] = ()

    @contextmanager
    def applied(self) -> Iterator[Variant]:
        """The house without its guard, for as long as the block lasts."""
        before = [(owner, name, vars(owner)[name]) for owner, name, _ in self.patches]  # as it stands: a static method stays one
        for owner, name, broken in self.patches:
            setattr(owner, name, broken)
        try:
            yield self.variant
        finally:
            for owner, name, whole in before:
                setattr(owner, name, whole)


async def _answer_first(self: Any, together: Sequence[Any]) -> None:
    """Answers when it has decided and commits afterwards."""
    for asked in together:
        async with self.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.__aenter__()
            try:
                (outcome,) = await self.handle_in(connection, [asked.request])
            except Exception as trouble:  # noqa: BLE001 -- a mutant
                await transaction.__aexit__(type(trouble), trouble, trouble.__traceback__)
                asked.answer.set_exception(TryAgain(type(trouble).__name__))
                continue
            asked.answer.set_result(outcome)
            try:
                await transaction.__aexit__(None, None, None)
            except Exception:  # noqa: BLE001 -- a mutant
                continue


async def _empty_first(outbox: Any, saying: Any) -> None:
    """Empties the outbox before the acknowledgement."""
    await outbox.said(saying.outbox_ids)
    await saying.acknowledged


@dataclass(kw_only=True)
class WithCursor(MemoryOutbox):
    """Reads on from the last number it saw: what commits late is passed over."""

    last: int = 0

    async def waiting(self, besides: Sequence[int], limit: int) -> list[Entry]:
        found = [entry for entry in await super().waiting(besides, limit) if entry.outbox_id > self.last]
        self.last = max([entry.outbox_id for entry in found], default=self.last)
        return found


@dataclass(kw_only=True)
class ShuffledOutbox(MemoryOutbox):
    """Takes what waits in another order than that of the appends."""

    async def waiting(self, besides: Sequence[int], limit: int) -> list[Entry]:
        return list(reversed(await super().waiting(besides, limit)))


class MarkApart(MemoryLedger):
    """Moves the mark in a transaction of its own, before the effects."""

    async def move_mark(self, connection: MemoryConnection, topic: str, partition: int, next_offset: int) -> None:
        assert connection.now is not None
        await super().move_mark(connection, topic, partition, next_offset)
        key = ("marks", (self.consumer, topic, partition))
        connection.memory.table("marks")[key[1]] = connection.now.writes[key]


class MarkNotCompared(MemoryLedger):
    """Takes whatever offset comes for the next one, and holds no row."""

    async def lock_mark(self, connection: MemoryConnection, topic: str, partition: int, broker: Any) -> int | None:
        async with connection.statement("lock_mark"):
            return -1

    async def move_mark(self, connection: MemoryConnection, topic: str, partition: int, next_offset: int) -> None:
        key = (self.consumer, topic, partition)
        connection.memory.table("marks")[key] = ("t1", max(next_offset, connection.memory.table("marks").get(key, ("t1", 0))[1]))


async def _take_without_compare(self: Any, records: Sequence[Any], broker: Any) -> Sequence[Any]:
    last = records[-1]
    await self.ledger.move_mark(self.connection, last.topic, last.partition, last.offset + 1)
    return records


def _always_next(self: Any, one: Any) -> bool:
    """Forgets the watermark: what is said twice has its effect twice."""
    self.versions[one.stream] = one.envelope.attributes.streamversion
    return True


async def _drop(self: Any, record: Any, _: str) -> None:
    """Passes over what failed, without a word."""
    async with self.pool.acquire() as connection, connection.transaction():
        share = self._share(connection)
        await share._move_mark([record], self.broker_identity)


async def _nobody_set_aside(self: Any, raw: Any) -> bool:
    """Lets later records of a parked subject pass the parked one."""
    return True


class ForgetsAnswers(MemoryStore):
    """Keeps no command ids: asking twice is doing twice."""

    async def append(self, connection: Any, recordings: Sequence[Any], answers: Sequence[Answered]) -> None:
        await super().append(connection, recordings, [])


@dataclass(frozen=True, kw_only=True)
class ComparesBefore(MemoryStore):
    """Looks whether the version is free, then writes: two may look at once."""

    async def append(self, connection: Any, recordings: Sequence[Any], answers: Sequence[Answered]) -> None:
        async with connection.statement("compare") as now:
            taken = {key[:2] for key in now.scan("events")}
        if any((one.stream, one.version) in taken for one in recordings):
            raise Conflict("compared")
        await super().append(connection, recordings, answers)


@dataclass(frozen=True, kw_only=True)
class KeysInMemory(MemoryStore):
    """Knows the commands that this process has answered, and no others."""

    kept: dict[UUID, Answered] = field(default_factory=dict)

    async def append(self, connection: Any, recordings: Sequence[Any], answers: Sequence[Answered]) -> None:
        await super().append(connection, recordings, [])
        self.kept.update({one.command_id: one for one in answers})

    async def answered(self, connection: Any, command_ids: Sequence[UUID]) -> dict[UUID, Answered]:
        async with connection.statement("answered"):
            return {one: self.kept[one] for one in command_ids if one in self.kept}


class KeysAfterEffects(MemoryStore):
    """Keeps the commands' ids a moment after their events, in another transaction."""

    async def append(self, connection: Any, recordings: Sequence[Any], answers: Sequence[Answered]) -> None:
        await super().append(connection, recordings, [])
        asyncio.get_running_loop().call_later(KEY_SECONDS, self._keep, connection.memory, recordings, answers, INCARNATION.get())

    @staticmethod
    def _keep(memory: Memory, recordings: Sequence[Any], answers: Sequence[Answered], asking: Incarnation | None) -> None:
        committed = {row.event_id for row in memory.table("events").values()}
        if (asking is None or not asking.dead) and all(one.event_id in committed for one in recordings):
            memory.table("commands").update({one.command_id: one for one in answers})


KEY_SECONDS = 0.03


@dataclass(kw_only=True)
class CachedNumbers(Memory):
    """An identity column with CACHE 50 and two sessions, each with numbers of its own in hand."""

    def draw(self) -> int:
        drawn = super().draw()
        session, place = drawn % 2, drawn // 2
        return (place // 50 * 2 + session) * 50 + place % 50


@dataclass(kw_only=True)
class SkipLocked(MemoryOutbox):
    """Two relays side by side, each passing over the rows that the other holds, as FOR UPDATE SKIP LOCKED does."""

    async def leftovers(self, limit: int) -> list[Entry]:
        return await self._unclaimed(await super().leftovers(1_000_000), limit)

    async def waiting(self, besides: Sequence[int], limit: int) -> list[Entry]:
        return await self._unclaimed(await super().waiting(besides, 1_000_000), limit)

    async def _unclaimed(self, entries: list[Entry], limit: int) -> list[Entry]:
        claims, own = self.connection.memory.table("claims"), INCARNATION.get()
        free = [one for one in entries if (holder := claims.get(one.outbox_id)) is None or holder.dead or holder is own][:limit]
        claims.update(dict.fromkeys([one.outbox_id for one in free], own))
        return free

    async def place(self, entries: Sequence[Entry]) -> None:
        """Waits for its turn to give places; the rows it has are nobody else's."""
        async with self.connection.statement("place") as now:
            await now.lock("places", "turn")
            self.heads = {False: max(now.scan("placed").values(), default=(0, GENESIS))}
            for entry in entries:
                last, previous = self.heads[False]
                entry.sequence, entry.chain = last + 1, link(previous, last + 1, entry.leaf)
                self.heads[False] = (entry.sequence, entry.chain)
                await now.put("placed", entry.event_id, self.heads[False])


def _sees_nothing(_: Verdict, __: object) -> None:
    """A watchdog that is off."""


def _leaf_of_reordered(attributes: bytes) -> bytes:
    """As a digest over jsonb's text: the same facts, other bytes."""
    return hashlib.sha256(json.dumps(json.loads(attributes)).encode()).digest()


class SaysWhatIsNotCommitted(MemoryStore):
    """Dual write: what is appended is said at once, whether or not it is ever committed."""

    async def append(self, connection: Any, recordings: Sequence[Any], answers: Sequence[Answered]) -> None:
        await super().append(connection, recordings, answers)
        for recording in recordings:
            connection.memory.table("blurted")[recording.event_id] = recording


class Blurting(MemoryOutbox):
    """Reads what was appended rather than what was committed."""

    async def waiting(self, besides: Sequence[int], limit: int) -> list[Entry]:
        found = await super().waiting(besides, limit)
        for event_id, r in list(self.connection.memory.table("blurted").items()):
            del self.connection.memory.table("blurted")[event_id]
            if all(entry.event_id != event_id for entry in found):
                found.append(
                    Entry(
                        outbox_id=-len(found) - 1,
                        event_id=event_id,
                        private=False,
                        sequence=None,
                        chain=None,
                        subject=r.subject,
                        recorded_at=r.recorded_at,
                        attributes=r.attributes,
                        leaf=r.leaf,
                        body=r.body,
                        traceparent=None,
                        tracestate=None,
                    )
                )
        return found


MUTANTS: tuple[Mutant, ...] = (
    Mutant(name="the answer before the commit", guarantee="G1", found_as=("G1",), patches=((Handler, "_answer", _answer_first),)),
    Mutant(name="synchronous_commit=off", guarantee="G1", found_as=("G1", "G3", "G11"), variant=Variant(late_commit=True)),
    Mutant(name="versions are not unique", guarantee="G2", found_as=("G2",), variant=Variant(unique=False)),
    Mutant(name="the version is compared before the write", guarantee="G2", found_as=("G2",), variant=Variant(store=ComparesBefore, unique=False)),
    Mutant(name="the outbox is emptied before the acknowledgement", guarantee="G3", found_as=("G3",),
           patches=((Relay, "finish", staticmethod(_empty_first)),)),
    Mutant(name="said before it is committed", guarantee="G3", found_as=("G3", "G4"), variant=Variant(store=SaysWhatIsNotCommitted, outbox=Blurting)),
    Mutant(name="a cursor over the outbox", guarantee="G4", found_as=("G3", "G4", "G8"), variant=Variant(outbox=WithCursor)),
    Mutant(name="the key is the event's id", guarantee="G5", found_as=("G5",), variant=Variant(key_of_event=True)),
    Mutant(name="two batches in flight without idempotence", guarantee="G5", found_as=("G5",), variant=Variant(in_flight=2)),
    Mutant(name="numbers drawn fifty at a time (CACHE 50)", guarantee="G4", found_as=("G5",), variant=Variant(memory=CachedNumbers)),
    Mutant(name="two relays that skip what is locked", guarantee="G5", found_as=("G5",),
           variant=Variant(outbox=SkipLocked, relays_hold_lock=False)),
    Mutant(name="the outbox in another order", guarantee="G5", found_as=("G5",), variant=Variant(outbox=ShuffledOutbox)),
    Mutant(name="acks=1", guarantee="G6", found_as=("G6",), variant=Variant(acks="1")),
    Mutant(name="min.insync.replicas=1", guarantee="G6", found_as=("G6",), variant=Variant(in_sync_is_enough=True)),
    Mutant(name="acknowledged before the work (ACK_FIRST, auto-commit)", guarantee="G7", found_as=("G7", "G9"),
           variant=Variant(ledger=MarkNotCompared, acknowledged_first=True), patches=((Share, "_move_mark", _take_without_compare),)),
    Mutant(name="the mark in another transaction", guarantee="G7", found_as=("G7", "G9"), variant=Variant(ledger=MarkApart)),
    Mutant(name="no watermark", guarantee="G7", found_as=("G7",), patches=((Share, "_is_next", _always_next),)),
    Mutant(name="the mark is not compared", guarantee="G8", found_as=("G7", "G9"), variant=Variant(ledger=MarkNotCompared),
           patches=((Share, "_move_mark", _take_without_compare),)),
    Mutant(name="no watchdog", guarantee="G8", found_as=("G8",), patches=((Verdict, "of", _sees_nothing),)),
    Mutant(name="the client decodes", guarantee="G9", found_as=("G8", "G9"), variant=Variant(client_decodes=True)),
    Mutant(name="except: continue", guarantee="G9", found_as=("G9",), patches=((Consumer, "_park", _drop),)),
    Mutant(name="the parked are passed", guarantee="G9", found_as=("G9", "G7"), patches=((Share, "_not_aside", _nobody_set_aside),)),
    Mutant(name="a clock in a projection", guarantee="G10", found_as=("G10",), variant=Variant(in_rows=lambda world: str(world.clock.now()))),
    Mutant(name="chance in a projection", guarantee="G10", found_as=("G10",), variant=Variant(in_rows=lambda _: str(random.random()))),
    Mutant(name="command ids are not kept", guarantee="G11", found_as=("G11",), variant=Variant(store=ForgetsAnswers)),
    Mutant(name="command ids are kept in memory", guarantee="G11", found_as=("G11",), variant=Variant(store=KeysInMemory)),
    Mutant(name="command ids are kept after the effect", guarantee="G11", found_as=("G11",), variant=Variant(store=KeysAfterEffects)),
    Mutant(name="a digest over JSON written again", guarantee="G12", found_as=("G12",),
           patches=((chassis.event_store, "leaf_of", _leaf_of_reordered),)),
)  # fmt: skip
