"""Processes of the simulated house: each can be killed between any two statements, and is started again by a supervisor."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

INCARNATION: ContextVar["Incarnation | None"] = ContextVar("incarnation", default=None)


@dataclass(eq=False)
class Incarnation:
    """One life of a process."""

    name: str
    dead: bool = False

    def spawn[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        context = copy_context()
        context.run(INCARNATION.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def die(self) -> None:
        """SIGKILL: nothing of this process takes another step."""
        self.dead = True
        own = [task for task in asyncio.all_tasks() if task.get_context().get(INCARNATION) is self]
        for task in sorted(own, key=lambda one: int(one.get_name().rpartition("-")[2])):
            task.cancel()


@dataclass(kw_only=True)
class Process:
    """A process and its supervisor. main: what it runs, for ever, given its incarnation; what it holds: set by main."""

    name: str
    main: Callable[[Incarnation], Awaitable[None]]
    pause: Callable[[], float]
    now: Incarnation | None = None
    held: dict[str, Any] = field(default_factory=dict)

    async def supervise(self) -> None:
        while True:
            self.now = Incarnation(self.name)
            task = self.now.spawn(self._live(self.now))
            await asyncio.wait([task])
            self.now.die()
            await asyncio.sleep(self.pause())

    async def _live(self, now: Incarnation) -> None:
        await self.main(now)

    def kill(self) -> bool:
        if self.now is None or self.now.dead:
            return False
        self.now.die()
        return True
