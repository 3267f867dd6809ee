"""The simulated house: clients, a service that answers and relays, a broker, two members that hear; one seed decides everything."""

import asyncio
import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from specimens import NOON, SEATS, HoldSeat

from chassis.consumer import Consumer
from chassis.decider import Outcome, Request
from chassis.event_store import EventStore
from chassis.handler import Handler, TryAgain
from chassis.heard import Heard, RawRecord, Unreadable, read
from chassis.projection import Projection
from chassis.relay import Relay
from chassis.share import HoleInPartition
from chassis.subscription import Subscription
from chassis.topics import BrokerIdentity
from chassis.watchdog import LOOK_SECONDS, Look, Verdict
from contracts.offers import SeatsChanged
from simulation.broker import PARTITIONS, TOPIC, Broker, MemoryVoice, Written
from simulation.memory import Memory, MemoryConnection, MemoryLedger, MemoryOutbox, MemoryPool, MemoryRows, MemoryStore
from simulation.processes import INCARNATION, Incarnation, Process

IDENTITY = BrokerIdentity(cluster_id="c1", topic_ids={TOPIC: "t1"})
OFFERS = tuple(f"specimen--{n}" for n in range(4))
BAD_OFFER, BAD_FROM = "specimen--3", 3
"""A handler has a bug: it raises on the third event of this offer."""

STORM_SECONDS = 3.0
PATIENCE_SECONDS = 180.0
IDLE_SECONDS = 0.05


class AnswerLost(Exception):
    """The client heard nothing: the command may have happened."""


class NeverQuiet(Exception):
    """With all faults over, the house does not come to rest."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How likely each fault is, per statement or message, while the storm lasts."""

    killed: float = 0.004
    disconnected: float = 0.01
    commit_lost: float = 0.02
    answer_lost: float = 0.05
    refused: float = 0.02
    ack_lost: float = 0.02
    slow: float = 0.04
    mute: float = 0.001
    stuck: float = 0.001
    behind: float = 0.02


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What a mutant changes of the fakes; the core itself is changed by mutants.py. All as it should be by default."""

    unique: bool = True
    acks: str = "all"
    in_flight: int = 1
    key_of_event: bool = False
    late_commit: bool = False
    relays_hold_lock: bool = True
    outbox: Callable[..., Any] = MemoryOutbox
    ledger: Callable[[str], Any] = MemoryLedger
    store: Callable[..., Any] = MemoryStore
    memory: Callable[[], Memory] = Memory
    in_sync_is_enough: bool = False
    acknowledged_first: bool = False
    client_decodes: bool = False
    in_rows: Callable[["World"], str] = lambda _: ""


@dataclass(frozen=True, kw_only=True)
class Counted:
    offer_id: str
    times: int
    last: int
    seen_at: str = ""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One command as its client lived it. outcome: none where the client never learnt it."""

    command_id: UUID
    offer_id: str
    began: float
    ended: float
    outcome: Outcome | None


@dataclass
class VirtualClock:
    """Noon, and as many seconds as the loop has counted."""

    def now(self) -> datetime:
        return NOON + timedelta(seconds=asyncio.get_running_loop().time())


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

    def _restart_database(self) -> None:
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

    async def answering(self, now: Incarnation) -> None:
        self.answers = (now, self.handler(self.a, "offers"))
        await asyncio.Event().wait()

    async def ask(self, request: Request[HoldSeat]) -> Outcome:
        """A command over the wire.

        Raises:
            AnswerLost: whatever became of it.  TryAgain: nothing was done.
        """
        now, handler = self.answers
        await asyncio.sleep(self.rng.random() * 0.005)
        if now.dead:
            raise AnswerLost
        answering = now.spawn(handler.handle(request))
        await asyncio.wait([answering])
        if answering.cancelled() or self.strikes("answer lost", self.rates.answer_lost):
            raise AnswerLost from answering.exception() if not answering.cancelled() else None
        return answering.result()

    async def relaying(self, now: Incarnation) -> None:
        while True:
            try:
                while self.variant.relays_hold_lock and self.lock is not None and not self.lock.dead and self.lock is not now:
                    await asyncio.sleep(0.5)
                self.lock = now
                outbox = self.variant.outbox(connection=self.connect(self.a))
                voice = MemoryVoice(broker=self.broker, in_flight=self.variant.in_flight)
                relay = Relay(dsn="", topic=TOPIC, bootstrap="", refill=False)
                await relay.relay(outbox, voice)
            except Exception:  # noqa: BLE001 -- as Relay.run does
                self.struck["relay began again"] += 1
                if self.lock is now:
                    self.lock = None
                await asyncio.sleep(0.2)

    def consumer(self, name: str, memory: Memory) -> Consumer:
        echo = self.handler(memory, name)
        subscription = Subscription(
            consumer=name, actor=f"/raccroche/{name}", speakers=("offers",), projections=(self.counted(f"counted_{name}"),),
            policies={SeatsChanged: (when_seats_changed_then_hold_seat,)}, handlers={HoldSeat: echo},
        )  # fmt: skip
        return Consumer(
            subscription=subscription, pool=MemoryPool(connect=lambda: self.connect(memory)), broker_identity=IDENTITY, clock=self.clock,
            refill=False, committed=lambda: None, kept_in=self.variant.ledger,
        )  # fmt: skip

    def counted(self, table: str) -> Projection[Counted]:
        def count(row: Counted | None, heard: Heard[SeatsChanged]) -> Counted:
            event = heard.event
            if event.offer_id == BAD_OFFER and event.held == BAD_FROM:
                raise ZeroDivisionError("the handler's bug")
            return Counted(
                offer_id=event.offer_id, times=(row.times if row else 0) + 1, last=event.held, seen_at=self.variant.in_rows(self)
            )  # fmt: skip

        return Projection(
            table=table, row=Counted, key_column="offer_id", hears=(SeatsChanged,), key=lambda event: event.offer_id,
            apply=count, rows=MemoryRows(),
        )  # fmt: skip

    def hearing(self, member: int) -> Callable[[Incarnation], Any]:
        async def hear(now: Incarnation) -> None:
            consumer, positions, mute = self.consumer("members", self.b), {}, False
            now.spawn(self._watch(now, member))
            while True:
                mute = mute or self.strikes("client mute", self.rates.mute)
                batch = [] if mute else await self._batch(member, positions)
                await asyncio.sleep(0.01 if batch else IDLE_SECONDS)
                if batch and not await self._hear(consumer, batch):
                    positions.clear()

        return hear

    async def _watch(self, now: Incarnation, member: int) -> None:
        """The house's own verdict on what is seen from outside; it ends the process."""
        verdict, clock = Verdict(), asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            assigned = frozenset((TOPIC, one) for one in range(PARTITIONS) if member in self.owners[one])
            ends = {(TOPIC, one): end for one, end in enumerate(self.broker.copied)}
            marks = {(TOPIC, one): self._mark("members", one) for one in range(PARTITIONS)}
            if verdict.of(Look(at=clock(), marks=marks, ends=ends, assigned=assigned, beat=clock())):
                self.struck["ended by the watchdog"] += 1
                now.die()

    async def _batch(self, member: int, positions: dict[int, int]) -> list[RawRecord]:
        """One poll of the client: some records of each partition that this member has."""
        batch: list[RawRecord] = []
        for partition in range(PARTITIONS):
            if member not in self.owners[partition]:
                positions.pop(partition, None)
                continue
            if partition not in positions:
                positions[partition] = await self.mark("members", partition)
            batch += self._poll(partition, positions)
        return batch

    def _poll(self, partition: int, positions: dict[int, int]) -> list[RawRecord]:
        if self.strikes("delivered again", 0.05):
            positions[partition] = max(positions[partition] - 4, 0)
        if self.strikes("offset skipped", 0.02):
            positions[partition] += 1
        found = self.broker.read(partition, positions[partition], 1 + self.rng.randrange(20))
        if self.variant.client_decodes and not all(map(_decodable, found)):
            return []
        positions[partition] += len(found)
        self.group[partition] = max(positions[partition], self.group.get(partition, 0))
        return found

    async def _hear(self, consumer: Consumer, batch: Sequence[Any]) -> bool:
        try:
            await consumer.hear(batch)
        except HoleInPartition:
            self.struck["went back to the mark"] += 1
            return False
        return True

    async def mark(self, consumer: str, partition: int) -> int:
        """Where hearing begins: the mark; the group's offset for a mutant."""
        await asyncio.sleep(0.001)
        return self.group.get(partition, 0) if self.variant.acknowledged_first else self._mark(consumer, partition)

    def _mark(self, consumer: str, partition: int) -> int:
        return int((self.b.table("marks").get((consumer, TOPIC, partition)) or ("t1", 0))[1])

    # ---- the outside

    async def client(self, number: int) -> None:
        for _ in range(10):
            await asyncio.sleep(self.rng.random() * 0.3)
            copies = 2 if self.rng.random() < 0.15 else 1
            offer, command_id = self.rng.choice(OFFERS), self.new_id()
            patient = self.rng.random() < 0.9
            await asyncio.gather(*(self._insist(command_id, offer, patient) for _ in range(copies)))

    async def _insist(self, command_id: UUID, offer: str, patient: bool) -> None:
        request = Request(
            command=HoldSeat(offer_id=offer), command_id=command_id, actor="client", correlation_id=command_id, route="test"
        )  # fmt: skip
        began, outcome = asyncio.get_running_loop().time(), None
        while outcome is None:
            try:
                outcome = await self.ask(request)
            except (AnswerLost, TryAgain):
                if not patient:
                    break
                await asyncio.sleep(self.rng.random() * 0.3)
        self.calls.append(
            Call(command_id=command_id, offer_id=offer, began=began, ended=asyncio.get_running_loop().time(), outcome=outcome)
        )

    async def trouble(self, processes: Sequence[Process]) -> None:
        """What strikes from outside: restarts of the database, leaders lost, locks cut, members moved, foreign records."""
        while True:
            await asyncio.sleep(self.rng.random() * 0.3)
            match self.rng.randrange(6):
                case 0:
                    self.struck["killed from outside"] += self.rng.choice(processes).kill()
                case 1:
                    self.struck["records lost with a leader"] += self.broker.lose_leader(self.rng.randrange(PARTITIONS))
                    self.struck["leader lost"] += 1
                case 2:
                    self.struck["lock cut"] += self.lock is not None
                    self.lock = None
                case 3:
                    self.owners[self.rng.randrange(PARTITIONS)] = set(self.rng.sample((0, 1), self.rng.choice((1, 1, 2))))
                    self.struck["members moved"] += 1
                case 4:
                    await self._foreign()
                case 5:
                    self._restart_database()

    async def _foreign(self) -> None:
        """A stranger writes to the topic."""
        shape = self.rng.choice((
            Written(key=b"stranger", value=None, headers=()),
            Written(key=b"stranger", value=b"{}", headers=()),
            Written(key=None, value=b"\xff\x00", headers=(("ce_id", None),)),
            Written(key=b"stranger", value=b"1", headers=(("ce_type", b"\xff"),)),
        ))  # fmt: skip
        partition = self.rng.randrange(PARTITIONS)
        if await self.broker.write(partition, [shape]):
            self.poison += 1

    # ---- the run

    async def run(self) -> None:
        """A storm, then calm until nothing is left to do.

        Raises:
            NeverQuiet: it never comes to rest.
        """
        mains = {
            "answering": self.answering,
            "relay 1": self.relaying,
            "relay 2": self.relaying,
            "member 1": self.hearing(0),
            "member 2": self.hearing(1),
        }
        processes = [Process(name=name, main=main, pause=lambda: 0.05 + self.rng.random() * 0.3) for name, main in mains.items()]
        supervising = [asyncio.create_task(process.supervise()) for process in processes]
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        clients = [asyncio.create_task(self.client(number)) for number in range(4)]
        striking = asyncio.create_task(self.trouble(processes))
        await asyncio.sleep(STORM_SECONDS)
        striking.cancel()
        self.storm = False
        self.owners = [{partition % 2} for partition in range(PARTITIONS)]
        await asyncio.gather(*clients)
        await self._quiet()
        self.lives = {process.name: process.lives for process in processes}
        for task in supervising:
            task.cancel()
        for process in processes:
            process.kill()

    async def _quiet(self) -> None:
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not self._at_rest():
            if asyncio.get_running_loop().time() > until:
                raise NeverQuiet
            await asyncio.sleep(0.2)

    def _at_rest(self) -> bool:
        if self.a.table("outbox") or self.broker.wire or self.late:
            return False
        heard = [self.group.get(one, 0) if self.variant.acknowledged_first else self._mark("members", one) for one in range(PARTITIONS)]
        return heard == [len(log) for log in self.broker.log]

    async def heard_anew(self) -> dict[object, Counted]:
        """The projection as another consumer builds it from the topic's beginning, in an empty database, days later."""
        await asyncio.sleep(3 * 86_400)
        memory = Memory()
        consumer = self.consumer("anew", memory)
        for partition in reversed(range(PARTITIONS)):
            records = self.broker.read(partition, 0, 1_000_000)
            if records:
                await consumer.hear(records)
        return {key: dataclasses.asdict(row) for key, row in memory.table("counted_anew").items()}


def _decodable(raw: RawRecord) -> bool:
    try:
        read(raw)
    except Unreadable:
        return False
    return True


def when_seats_changed_then_hold_seat(event: SeatsChanged) -> list[HoldSeat]:
    """Each seat held at one offer holds one at its echo: effects of policies can be counted."""
    return [HoldSeat(offer_id=f"echo-{event.offer_id}")]
