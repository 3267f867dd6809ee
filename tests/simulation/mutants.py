"""Deliberately broken houses: each takes one guard away, and the oracles must find it; a check that stays green on them is void."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import chassis.event_store
from chassis.consumer import Consumer
from chassis.event_store import Answered
from chassis.handler import Handler, TryAgain
from chassis.outbox import Entry
from chassis.relay import Relay
from chassis.share import Share
from simulation.memory import MemoryConnection, MemoryLedger, MemoryOutbox, MemoryStore
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
    Mutant(name="the outbox is emptied before the acknowledgement", guarantee="G3", found_as=("G3",),
           patches=((Relay, "finish", staticmethod(_empty_first)),)),
    Mutant(name="said before it is committed", guarantee="G3", found_as=("G3", "G4"), variant=Variant(store=SaysWhatIsNotCommitted, outbox=Blurting)),
    Mutant(name="a cursor over the outbox", guarantee="G4", found_as=("G3", "G4", "G8"), variant=Variant(outbox=WithCursor)),
    Mutant(name="the key is the event's id", guarantee="G5", found_as=("G5",), variant=Variant(key_of_event=True)),
    Mutant(name="two batches in flight without idempotence", guarantee="G5", found_as=("G5",), variant=Variant(in_flight=2)),
    Mutant(name="the outbox in another order", guarantee="G5", found_as=("G5",), variant=Variant(outbox=ShuffledOutbox)),
    Mutant(name="acks=1", guarantee="G6", found_as=("G6",), variant=Variant(acks="1")),
    Mutant(name="the mark in another transaction", guarantee="G7", found_as=("G7", "G9"), variant=Variant(ledger=MarkApart)),
    Mutant(name="no watermark", guarantee="G7", found_as=("G7",), patches=((Share, "_is_next", _always_next),)),
    Mutant(name="the mark is not compared", guarantee="G8", found_as=("G7", "G9"), variant=Variant(ledger=MarkNotCompared),
           patches=((Share, "_move_mark", _take_without_compare),)),
    Mutant(name="except: continue", guarantee="G9", found_as=("G9",), patches=((Consumer, "_park", _drop),)),
    Mutant(name="the parked are passed", guarantee="G9", found_as=("G9", "G7"), patches=((Share, "_not_aside", _nobody_set_aside),)),
    Mutant(name="a clock in a projection", guarantee="G10", found_as=("G10",), variant=Variant(clock_in_rows=True)),
    Mutant(name="command ids are not kept", guarantee="G11", found_as=("G11",), variant=Variant(store=ForgetsAnswers)),
    Mutant(name="a digest over JSON written again", guarantee="G12", found_as=("G12",),
           patches=((chassis.event_store, "leaf_of", _leaf_of_reordered),)),
)  # fmt: skip
