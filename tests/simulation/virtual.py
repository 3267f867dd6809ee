"""Virtual time: an event loop whose clock jumps to the next thing that is due, so that a minute of waiting costs nothing."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class NothingWillHappen(Exception):
    """Everything waits and nothing is due: the simulated house hangs."""


class _Jumping(selectors.SelectSelector):
    """Never waits: where the loop would, its time goes on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingWillHappen
        if timeout > 0:
            self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on virtual seconds; the order of what is due at once is the order in which it was asked for."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def play[T](main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time; what still runs then is cancelled."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
