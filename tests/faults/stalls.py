"""The silent states that client libraries and handlers are known for, brought about in a running specimen once a file is there.

SPECIMEN_STALL names the state, SPECIMEN_STALL_FROM the file.
"""

import asyncio
import functools
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from faststream.kafka import KafkaBroker

from chassis.consumer import _Seeker
from chassis.projection import Projection

POLL_INTERVAL_MS = 4_000
SLEEP_SECONDS, SLEEPS = 9.0, 2

_clients: list[AIOKafkaConsumer] = []


def stalls() -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
    """A worker that waits for the file and then brings the state about; nothing where none is named."""
    name = os.environ.get("SPECIMEN_STALL")
    if name is None:
        return ()
    bring_about = STATES[name]
    _remember_clients()
    if name == "sleeps":
        _subscribe_with(max_poll_interval_ms=POLL_INTERVAL_MS)

    async def worker() -> None:
        while not Path(os.environ["SPECIMEN_STALL_FROM"]).exists():
            await asyncio.sleep(0.1)
        await bring_about()
        await asyncio.Event().wait()

    return (worker,)


def _remember_clients() -> None:
    start = AIOKafkaConsumer.start

    @functools.wraps(start)
    async def remembering(self: AIOKafkaConsumer) -> None:
        _clients.append(self)
        await start(self)

    AIOKafkaConsumer.start = remembering


def name_the_member() -> None:
    """SPECIMEN_MEMBER: its name in its group. Named, a killed one hears again at once, so that it can be killed often; the house's
    own members have no name and wait for their dead predecessor's session, since a named one is given its old share again
    unseen, even one that is empty because the topic was just then away."""
    if name := os.environ.get("SPECIMEN_MEMBER"):
        _subscribe_with(group_instance_id=name)


def _subscribe_with(**others: Any) -> None:
    subscriber = KafkaBroker.subscriber

    @functools.wraps(subscriber)
    def changed(self: KafkaBroker, *topics: Any, **settings: Any) -> Any:
        return subscriber(self, *topics, **{**settings, **others})

    KafkaBroker.subscriber = changed  # type: ignore[method-assign]


async def _never(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


async def _loop_blocked() -> None:
    while True:
        time.sleep(0.05)


async def _fetcher_dead() -> None:
    """T20: the task that fetches has ended; only a private future knows."""
    for client in _clients:
        client._fetcher._fetch_task.cancel()


async def _left_its_group() -> None:
    """T21: it left its group without knowing, keeps its assignment, is not closed, and receives nothing."""
    for client in _clients:
        client._coordinator._coordination_task.cancel()
        await client._coordinator._maybe_leave_group()
        client._fetcher._fetch_task.cancel()


async def _waits_for_ever() -> None:
    """T22: asking for records never returns."""
    AIOKafkaConsumer.getmany = _never


async def _handler_never_returns() -> None:
    Projection.fold = _never  # type: ignore[method-assign]


async def _handler_sleeps() -> None:
    """T23: the handler takes longer than the poll interval, twice; the group gives its partitions away meanwhile."""
    fold: Callable[..., Awaitable[None]] = Projection.fold
    left = SLEEPS

    async def sleepy(self: Projection[Any], *arguments: Any) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            await asyncio.sleep(SLEEP_SECONDS)
        await fold(self, *arguments)

    Projection.fold = sleepy  # type: ignore[method-assign]


async def _listener_raises() -> None:
    """T25: whoever is told of assignments raises; the client logs it and goes on."""

    async def raising(*_: object) -> None:
        raise RuntimeError("a listener's bug")

    _Seeker.on_partitions_assigned = raising  # type: ignore[method-assign]
    _Seeker.on_partitions_revoked = raising  # type: ignore[method-assign]


STATES = {
    "blocked": _loop_blocked,
    "fetcher": _fetcher_dead,
    "left": _left_its_group,
    "waits": _waits_for_ever,
    "handler": _handler_never_returns,
    "sleeps": _handler_sleeps,
    "listener": _listener_raises,
}
