"""Records that were set aside have their effect after all, by the present code: one subject at a time, in its order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from chassis.clock import Clock
from chassis.event_store import Connection
from chassis.heard import Heard, Unreadable, read
from chassis.ledger import Aside, Ledger, Place
from chassis.logs import spoken
from chassis.share import HoleInStream, Share
from chassis.subscription import Subscription
from chassis.topics import BrokerIdentity
from chassis.trouble import INFRASTRUCTURE
from contracts.event import Event


@dataclass(frozen=True, kw_only=True)
class Redriven:
    """What became of one subject's records, by the keys of their rows; of those that stay, why."""

    subject: str
    resolved: tuple[int, ...]
    stays: tuple[tuple[int, str], ...]


class _StillFails(Exception):
    """This record's effect cannot be had: what was done with it must be undone."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row
        self.reason = reason


class _DryRun(Exception):
    """All was done as it would be; now undo it."""

    def __init__(self, redriven: Redriven) -> None:
        super().__init__()
        self.redriven = redriven


@dataclass(kw_only=True)
class _Sorting:
    """One transaction's sorting of a subject's records. given_up: the one that failed before, and why."""

    given_up: _StillFails | None
    resolved: list[int] = field(default_factory=list)
    stays: list[tuple[int, str]] = field(default_factory=list)
    had: set[UUID] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Redrive:
    """For one consumer.

    places: every partition of every topic that it hears. pool: of the consumer's role.
    """

    subscription: Subscription
    pool: asyncpg.Pool
    broker: BrokerIdentity
    places: Sequence[Place]
    clock: Clock
    kept_in: Callable[[str], Ledger] = Ledger

    @property
    def ledger(self) -> Ledger:
        return self.kept_in(self.subscription.consumer)

    async def subjects(self) -> list[str]:
        """Of whom something is set aside, the oldest first."""
        async with self.pool.acquire() as connection, connection.transaction():
            return await self.ledger.subjects_aside(connection)

    async def of(self, subject: str, *, dry_run: bool = False) -> Redriven:
        """Have the effects of this subject's records up to the first that still fails; the rest stays set aside.

        All in one transaction that holds the consumer's marks: nothing of the subject is heard or set aside meanwhile. Where one
        fails the transaction is undone and done again up to it. dry_run: undone in any case.

        Raises:
            one of chassis.trouble.INFRASTRUCTURE: nothing was changed, ask again. MarkElsewhere: reconcile first.
        """
        given_up: _StillFails | None = None
        while True:
            try:
                async with self.pool.acquire() as connection, connection.transaction():
                    redriven = await self._sort(connection, subject, given_up)
                    if dry_run:
                        raise _DryRun(redriven)
                    return redriven
            except _StillFails as failed:
                given_up = failed
            except _DryRun as done:
                return done.redriven

    async def _sort(self, connection: Connection, subject: str, given_up: _StillFails | None) -> Redriven:
        await self.ledger.lock_marks(connection, self.places, self.broker)
        sorting = _Sorting(given_up=given_up)
        for aside in await self.ledger.set_aside(connection, subject):
            await self._one(connection, sorting, aside)
        return Redriven(subject=subject, resolved=tuple(sorting.resolved), stays=tuple(sorting.stays))

    async def _one(self, connection: Connection, sorting: _Sorting, aside: Aside) -> None:
        one = _readable(aside)
        if isinstance(one, Heard) and one.envelope.attributes.id in sorting.had:  # the relay had said it twice
            await self._resolve(connection, sorting, aside)
        elif sorting.stays:
            sorting.stays.append((aside.row, aside.reason))
        elif sorting.given_up is not None and sorting.given_up.row == aside.row:
            await self._stay(connection, sorting, aside, sorting.given_up.reason)
        elif isinstance(one, str):
            await self._stay(connection, sorting, aside, one)
        else:
            await self._take_again(connection, one, aside)
            sorting.had.add(one.envelope.attributes.id)
            await self._resolve(connection, sorting, aside)

    async def _take_again(self, connection: Connection, one: Heard[Event], aside: Aside) -> None:
        share = Share(subscription=self.subscription, ledger=self.ledger, connection=connection, now=self.clock.now())
        try:
            await share.take_again(one)
        except INFRASTRUCTURE:
            raise
        except Exception as trouble:  # noqa: BLE001 -- whatever its effect raises is why it stays
            raise _StillFails(aside.row, spoken(trouble)) from None

    async def _resolve(self, connection: Connection, sorting: _Sorting, aside: Aside) -> None:
        await self.ledger.resolve(connection, aside.row, self.clock.now())
        sorting.resolved.append(aside.row)

    async def _stay(self, connection: Connection, sorting: _Sorting, aside: Aside, reason: str) -> None:
        await self.ledger.fails_still(connection, aside.row, reason)
        sorting.stays.append((aside.row, reason))


def _readable(aside: Aside) -> Heard[Event] | str:
    """The event, or why its effect cannot be had: the present code cannot believe it, or versions before it were never heard."""
    if aside.reason.startswith(HoleInStream.__name__):  # what is missing was not set aside, so nothing here can fill the hole
        return aside.reason
    try:
        return read(aside.raw)
    except Unreadable as unreadable:
        return f"{Unreadable.__name__}: {unreadable}"
