"""The simulated house: clients, a service that answers and relays, a broker, two members that hear; one seed decides everything."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from specimens import NOON, SEATS, HoldSeat

from chassis.event_store import EventStore
from chassis.handler import Handler
from contracts.offers import SeatsChanged
from simulation.broker import PARTITIONS, Broker
from simulation.memory import Memory, MemoryConnection, MemoryPool
from simulation.processes import INCARNATION, Incarnation
from simulation.variants import Call, Rates, Variant


@dataclass
class VirtualClock:
    """Noon, and as many seconds as the loop has counted."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return NOON + self.ahead + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass(kw_only=True)
class World:
    """Everything of one run."""

    seed: int
    variant: Variant = field(default_factory=Variant)
    rates: Rates = field(default_factory=Rates)
    storm: bool = True
    struck: Counter[str] = field(default_factory=Counter)
    calls: list[Call] = field(default_factory=list)
    poison: int = 0
    mended: bool = False
    """Whether the handler's bug is gone."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.a, self.b = self.variant.memory(), Memory()
        self.group: dict[int, int] = {}
        self.clock = VirtualClock()
        self.broker = Broker(
            delay=lambda: self.rng.random() * 0.01, strikes=self._broker_strikes, acks=self.variant.acks,
            in_sync_is_enough=self.variant.in_sync_is_enough,
            key_of=(lambda entry: str(entry.event_id)) if self.variant.key_of_event else (lambda entry: entry.subject),
        )  # fmt: skip
        self.lock: Incarnation | None = None
        self.owners = [{PARTITION % 2} for PARTITION in range(PARTITIONS)]
        self.late: list[Callable[[], None]] = []

    # ---- faults

    def strikes(self, name: str, rate: float) -> bool:
        if not self.storm or self.rng.random() >= rate:
            return False
        self.struck[name] += 1
        return True

    def _broker_strikes(self, name: str) -> bool:
        return self.strikes(name, {"send refused": self.rates.refused, "ack lost": self.rates.ack_lost}.get(name, self.rates.behind))

    async def moment(self, _: str) -> None:
        """A statement is on its way: time passes, a process may die, a connection may break; in a member it may never return."""
        now = INCARNATION.get()
        slow = self.storm and self.rng.random() < self.rates.slow
        await asyncio.sleep(self.rng.random() * (0.2 if slow else 0.002))
        if now is not None and (now.dead or self.strikes("killed", self.rates.killed)):
            now.die()
            raise asyncio.CancelledError
        if now is not None and now.name.startswith("member") and self.strikes("statement never returns", self.rates.stuck):
            await asyncio.Event().wait()
        if self.strikes("disconnected", self.rates.disconnected):
            raise asyncpg.ConnectionDoesNotExistError("simulated")

    def connect(self, memory: Memory) -> MemoryConnection:
        return MemoryConnection(memory=memory, moment=self.moment, lost=lambda: self.strikes("commit lost", self.rates.commit_lost),
                                later=self._promised if self.variant.late_commit else None)  # fmt: skip

    def _promised(self, forget: Callable[[], None]) -> None:
        """On disk a moment later, unless the server dies before."""
        self.late.append(forget)
        asyncio.get_running_loop().call_later(0.2, lambda: forget in self.late and self.late.remove(forget))

    def restart_database(self) -> None:
        for forget in reversed(self.late):
            forget()
        self.late.clear()
        self.struck["database restarted"] += 1

    # ---- processes

    def new_id(self) -> UUID:
        return UUID(int=self.rng.getrandbits(128), version=4)

    def handler(self, memory: Memory, name: str) -> Handler[HoldSeat, int, SeatsChanged]:
        store = self.variant.store(
            real=EventStore(source=f"/raccroche/{name}", clock=self.clock, new_id=self.new_id), unique=self.variant.unique
        )
        return Handler(decider=SEATS, store=store, pool=MemoryPool(connect=lambda: self.connect(memory)))
