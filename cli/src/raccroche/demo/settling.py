"""Waiting until nothing is under way: outboxes, lag, waiting records and work in hand all empty, twice in a row."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from raccroche.demo.callers import Caller

PATIENCE_SECONDS = 180.0
STILL_TO_DO = ("outbox", "lag", "waiting", "pending", "timers_due")


class NeverSettled(Exception):
    """Something stayed under way for too long; names the service and what it still has to do."""


async def settle(observers: Mapping[str, Caller], show: Callable[[str], None]) -> None:
    """Wait until no service has anything to do.

    Two empty looks in a row, since a command that left one service's outbox may not have reached the next one's lag.

    Raises:
        NeverSettled: after `PATIENCE_SECONDS` without any change in what is left.
    """
    loop = asyncio.get_running_loop()
    empty, before, since = 0, None, loop.time()
    while empty < 2:
        left = await to_do(observers)
        empty = 0 if left else empty + 1
        if left != before:
            before, since = left, loop.time()
            show(", ".join(f"{name} {count}" for name, count in left.items()) or "settled")
        if loop.time() - since > PATIENCE_SECONDS:
            raise NeverSettled(f"still to do: {left}")
        await asyncio.sleep(0.15)


async def to_do(observers: Mapping[str, Caller]) -> dict[str, int]:
    """What is left, by `service.kind`, zeros left out."""
    looks: list[Awaitable[dict[str, object]]] = [caller.get("/lag") for caller in observers.values()]
    found = await asyncio.gather(*looks)
    return {
        f"{service}.{kind}": int(str(lag[kind])) for service, lag in zip(observers, found, strict=True) for kind in STILL_TO_DO if lag[kind]
    }
