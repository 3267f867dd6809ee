"""A database in memory with PostgreSQL's manners where the core leans on them.

Manners kept, each held to the real one by test_conformance.py: READ COMMITTED; a second writer of a unique key waits for the
first one's end, then fails or goes on; row locks; numbers drawn at the insert, visible at the commit; a lost connection rolls
back; a commit whose answer is lost may have happened; whoever stands idle in a transaction for too long is thrown out.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

GONE = object()
DEADLOCK_SECONDS = 1.0
IDLE_IN_TRANSACTION_SECONDS = 20.0
"""As chassis.provision sets it for every role: a session that holds a transaction open and does nothing is ended."""

type Place = tuple[str, object]
"""Table and key."""


async def _calm(_: str) -> None:
    await asyncio.sleep(0)


@dataclass(kw_only=True)
class Memory:
    """Committed rows by table and key, and who holds which row now."""

    rows: dict[str, dict[object, Any]] = field(default_factory=dict)
    held: dict[Place, "Transaction"] = field(default_factory=dict)
    drawn: int = 0
    idle_limit: float = IDLE_IN_TRANSACTION_SECONDS

    def draw(self) -> int:
        """The next number of the identity column: given at once, whatever becomes of the transaction."""
        self.drawn += 1
        return self.drawn

    def table(self, name: str) -> dict[object, Any]:
        return self.rows.setdefault(name, {})


@dataclass(kw_only=True, eq=False)
class Transaction:
    """One transaction's writes, seen by itself alone until the commit."""

    memory: Memory
    writes: dict[Place, Any] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    thrown_out: bool = False
    last_heard_of: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def go_on(self) -> None:
        """The next statement has come.

        Raises:
            asyncpg.ConnectionDoesNotExistError: too late, the session was ended meanwhile.
        """
        if self.thrown_out:
            raise asyncpg.ConnectionDoesNotExistError("idle in transaction for too long")
        self.last_heard_of = asyncio.get_running_loop().time()

    def read(self, table: str, key: object) -> Any:
        found = self.writes.get((table, key), self.memory.table(table).get(key))
        return None if found is GONE else found

    def scan(self, table: str) -> dict[object, Any]:
        seen = {**self.memory.table(table), **{key: row for (name, key), row in self.writes.items() if name == table}}
        return {key: row for key, row in seen.items() if row is not GONE}

    async def lock(self, table: str, key: object) -> None:
        """Hold the row until the end.

        Raises:
            asyncpg.DeadlockDetectedError: whoever holds it does not end in time.
        """
        while (other := self.memory.held.get((table, key), self)) is not self:
            if asyncio.get_running_loop().time() - other.last_heard_of >= self.memory.idle_limit:
                other.throw_out()
                continue
            try:
                await asyncio.wait_for(other.ended.wait(), DEADLOCK_SECONDS)
            except TimeoutError:
                raise asyncpg.DeadlockDetectedError("simulated") from None
        self.memory.held[table, key] = self

    async def insert(self, table: str, key: object, row: Any) -> bool:
        """Whether the key was free, once whoever was writing it has ended."""
        await self.lock(table, key)
        if self.read(table, key) is not None:
            return False
        self.writes[table, key] = row
        return True

    async def put(self, table: str, key: object, row: Any) -> None:
        await self.lock(table, key)
        self.writes[table, key] = row

    def commit(self) -> None:
        for (table, key), row in self.writes.items():
            if row is GONE:
                self.memory.table(table).pop(key, None)
            else:
                self.memory.table(table)[key] = row
        self.end()

    def throw_out(self) -> None:
        self.thrown_out = True
        self.end()

    def end(self) -> None:
        for place in [place for place, holder in self.memory.held.items() if holder is self]:
            del self.memory.held[place]
        self.ended.set()


@dataclass(kw_only=True)
class MemoryConnection:
    """One connection: each statement takes a moment, in which others go on and faults strike.

    moment: told the name of the statement; may wait, and raises what strikes. lost: whether this commit's answer gets lost.
    """

    memory: Memory
    moment: Callable[[str], Awaitable[None]] = _calm
    lost: Callable[[], bool] = field(default=lambda: False)
    later: Callable[[Callable[[], None]], None] | None = None
    now: Transaction | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        self.now = Transaction(memory=self.memory)
        try:
            yield
            await self.moment("commit")
            self.now.go_on()
            if self.later is not None and self.now.writes:
                self._promise(self.later, self.now)
            else:
                self.now.commit()
            if self.lost():
                raise asyncpg.ConnectionDoesNotExistError("the connection was closed in the middle of operation")
        finally:
            self.now.end()
            self.now = None

    @staticmethod
    def _promise(later: Callable[[Callable[[], None]], None], now: Transaction) -> None:
        """As with synchronous_commit=off (a mutant): seen by all at once, and gone if the server dies before it is on disk."""
        before = {place: now.memory.table(place[0]).get(place[1], GONE) for place in now.writes}
        now.commit()

        def forget() -> None:
            for (table, key), row in before.items():
                if row is GONE:
                    now.memory.table(table).pop(key, None)
                else:
                    now.memory.table(table)[key] = row

        later(forget)

    @asynccontextmanager
    async def statement(self, name: str) -> AsyncIterator[Transaction]:
        """The transaction in hand, or one of its own."""
        await self.moment(name)
        if self.now is not None:
            self.now.go_on()
            yield self.now
            return
        async with self.transaction():
            assert self.now is not None
            yield self.now


@dataclass(kw_only=True)
class MemoryPool:
    """Gives connections."""

    connect: Callable[[], MemoryConnection]

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[MemoryConnection]:
        yield self.connect()
