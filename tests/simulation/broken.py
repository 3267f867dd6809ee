"""The broken parts of which mutants are made, each named after what it does wrongly."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chassis.event_store import Answered, Conflict
from chassis.handler import TryAgain
from chassis.ledger import Aside
from chassis.outbox import Entry
from chassis.watchdog import Verdict
from simulation.memory import Memory, MemoryConnection, Transaction
from simulation.ports import MemoryLedger, MemoryOutbox, MemoryStore, Row
from simulation.processes import INCARNATION, Incarnation


async def answer_first(self: Any, together: Sequence[Any]) -> None:
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


async def empty_first(outbox: Any, saying: Any) -> None:
    """Empties the outbox before the acknowledgement."""
    await outbox.said(saying.outbox_ids)
    await saying.acknowledged


@dataclass(kw_only=True)
class WithCursor(MemoryOutbox):
    """Reads on from the last number it saw: what commits late is passed over."""

    last: int = 0

    def seen(self, now: Transaction) -> list[Row]:
        found = [row for row in super().seen(now) if row[0] > self.last]
        self.last = max([number for number, _ in found], default=self.last)
        return found


@dataclass(kw_only=True)
class ShuffledOutbox(MemoryOutbox):
    """Takes what waits in another order than that of the appends."""

    def seen(self, now: Transaction) -> list[Row]:
        return list(reversed(super().seen(now)))


class MarkApart(MemoryLedger):
    """Moves the mark in a transaction of its own, before the effects."""

    async def move_mark(self, connection: MemoryConnection, topic: str, partition: int, next_offset: int) -> None:
        assert connection.now is not None
        await super().move_mark(connection, topic, partition, next_offset)
        key = ("marks", (self.consumer, topic, partition))
        connection.memory.table("marks")[key[1]] = connection.now.writes[key]


class RedrivesBackwards(MemoryLedger):
    """Gives what was set aside of a subject last first."""

    async def set_aside(self, connection: MemoryConnection, subject: str) -> list[Aside]:
        return list(reversed(await super().set_aside(connection, subject)))


class MarkNotCompared(MemoryLedger):
    """Takes whatever offset comes for the next one, and holds no row."""

    async def lock_mark(self, connection: MemoryConnection, topic: str, partition: int, broker: Any) -> int | None:
        async with connection.statement("lock_mark"):
            return -1

    async def move_mark(self, connection: MemoryConnection, topic: str, partition: int, next_offset: int) -> None:
        key = (self.consumer, topic, partition)
        connection.memory.table("marks")[key] = ("t1", max(next_offset, connection.memory.table("marks").get(key, ("t1", 0))[1]))


async def take_without_compare(self: Any, records: Sequence[Any], broker: Any) -> Sequence[Any]:
    last = records[-1]
    await self.ledger.move_mark(self.connection, last.topic, last.partition, last.offset + 1)
    return records


def always_next(self: Any, one: Any) -> bool:
    """Forgets the watermark: what is said twice has its effect twice."""
    self.versions[one.stream] = one.envelope.attributes.streamversion
    return True


async def drop(self: Any, record: Any, _: str) -> None:
    """Passes over what failed, without a word."""
    async with self.pool.acquire() as connection, connection.transaction():
        share = self._share(connection)
        await share._move_mark([record], self.broker_identity)


async def nobody_set_aside(self: Any, raw: Any) -> bool:
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
        found = await super().leftovers(1_000_000)
        free = self._claimed([one.outbox_id for one in found])
        return [one for one in found if one.outbox_id in free][:limit]

    def seen(self, now: Transaction) -> list[Row]:
        found = super().seen(now)
        free = self._claimed([number for number, _ in found])
        return [row for row in found if row[0] in free]

    def _claimed(self, numbers: Sequence[int]) -> set[int]:
        claims, own = self.connection.memory.table("claims"), INCARNATION.get()
        free = {one for one in numbers if (holder := claims.get(one)) is None or holder.dead or holder is own}
        claims.update(dict.fromkeys(free, own))
        return free

    def numbered(self, rows: Sequence[Row]) -> list[Entry]:
        """The rows it has are nobody else's, and neither are their places: both relays draw them from one line."""
        line = self.connection.memory.table("line")
        self.head = line.get("head", self.head)
        if found := super().numbered(rows):
            line["head"] = (found[-1].sequence, found[-1].chain)
        return found


def sees_nothing(_: Verdict, __: object) -> None:
    """A watchdog that is off."""


def leaf_of_reordered(attributes: bytes) -> bytes:
    """As a digest over jsonb's text: the same facts, other bytes."""
    return hashlib.sha256(json.dumps(json.loads(attributes)).encode()).digest()


class SaysWhatIsNotCommitted(MemoryStore):
    """Dual write: what is appended is said at once, whether or not it is ever committed."""

    async def append(self, connection: Any, recordings: Sequence[Any], answers: Sequence[Answered]) -> None:
        for recording in recordings:
            connection.memory.table("blurted")[recording.event_id] = recording
        await super().append(connection, recordings, answers)


class Blurting(MemoryOutbox):
    """Reads what was appended rather than what was committed."""

    def seen(self, now: Transaction) -> list[Row]:
        found = super().seen(now)
        for event_id, blurted in list(self.connection.memory.table("blurted").items()):
            del self.connection.memory.table("blurted")[event_id]
            if all(row.event_id != event_id for _, row in found):
                found.append((-len(found) - 1, blurted))
        return found
