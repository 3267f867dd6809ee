"""What a test does to one process of a stack: end it, pause it, keep it down for a while. The supervisor mends what is not held."""

import asyncio
import signal
import time
from collections.abc import Callable

from raccroche.stack.children import lives, running
from raccroche.stack.choosing import source_of
from raccroche.stack.layout import Layout
from raccroche.stack.processes import Processes
from raccroche.stack.programs import Plan
from raccroche.stack.source import Source

OBEYED_SECONDS = 40.0  # the supervisor may be waiting before it starts the process again


def strike(layout: Layout, name: str, blow: signal.Signals) -> None:
    """Send a signal to a process and to all that it started; nothing where it is dead already."""
    _source(layout, name).strike(name, blow)


async def pause(layout: Layout, name: str) -> None:
    """SIGSTOP; returns when it does nothing any more.

    Raises:
        TimeoutError: it goes on.
    """
    strike(layout, name, signal.SIGSTOP)
    await _until(lambda: _source(layout, name).is_still(name), f"{name} to stand still")


def crash(layout: Layout, name: str) -> None:
    """The quickest end that the program itself knows: PostgreSQL's immediate shutdown; for the others SIGKILL."""
    strike(layout, name, signal.SIGQUIT if name == "postgres" else signal.SIGKILL)


def _source(layout: Layout, name: str) -> Source:
    """Services are processes in any case."""
    return source_of(layout) if running(layout, name)["container"] else Processes(layout)


async def hold(layout: Layout, name: str) -> None:
    """SIGKILL, and no new start until `release`; returns when it is down and the supervisor has said that it keeps it so.

    Raises:
        TimeoutError: no supervisor obeys.
    """
    running(layout, name)
    (layout.held / name).touch()

    def down() -> bool:
        strike(layout, name, signal.SIGKILL)
        return bool(running(layout, name)["held"])

    await _until(down, f"{name} to be held down")


async def release(layout: Layout, name: str) -> None:
    """Let it be started again; returns when it was, which is before it is ready.

    Raises:
        TimeoutError: no supervisor obeys.
    """
    (layout.held / name).unlink(missing_ok=True)

    def started() -> bool:
        now = running(layout, name)
        return not now["held"] and lives(now["pid"], now["born"])

    await _until(started, f"{name} to be started again")


async def lose_broker(layout: Layout, plan: Plan) -> None:
    """Hold all nodes, wipe their disks, format them under a fresh cluster id, release them.

    Raises:
        TimeoutError: no supervisor obeys. KafkaFailed: new storage cannot be formatted.
    """
    await asyncio.gather(*(hold(layout, node.name) for node in plan.nodes))
    (layout.kafka / "cluster-id").unlink(missing_ok=True)
    source = source_of(layout)
    await asyncio.to_thread(source.wipe, plan.nodes)
    await asyncio.to_thread(source.broker, plan.nodes, lambda _: None)
    await asyncio.gather(*(release(layout, node.name) for node in plan.nodes))


async def _until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + OBEYED_SECONDS
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {OBEYED_SECONDS:.0f} s for {what}")
        await asyncio.sleep(0.05)
