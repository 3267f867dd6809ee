"""What a test does to one process of a stack: end it, pause it, keep it down for a while. The supervisor mends what is not held."""

import asyncio
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from raccroche.stack import kafka
from raccroche.stack.children import lives, send
from raccroche.stack.layout import Layout, read_json
from raccroche.stack.programs import Plan, java_of

OBEYED_SECONDS = 40.0  # the supervisor may be waiting before it starts the process again


def process(layout: Layout, name: str) -> dict[str, Any]:  # Any: a JSON document
    """What the supervisor wrote of one process.

    Raises:
        KeyError: this stack runs no process of that name.
    """
    found: dict[str, Any] = read_json(layout.state).get("processes", {})[name]
    return found


def strike(layout: Layout, name: str, blow: signal.Signals) -> None:
    """Send a signal to a process and to all that it started; nothing where it is dead already."""
    now = process(layout, name)
    if lives(now["pid"], now["born"]):
        send(now["pid"], blow)


async def pause(layout: Layout, name: str) -> None:
    """SIGSTOP; returns when it does nothing any more.

    Raises:
        TimeoutError: it goes on.
    """
    strike(layout, name, signal.SIGSTOP)
    await _until(lambda: psutil.Process(process(layout, name)["pid"]).status() == psutil.STATUS_STOPPED, f"{name} to stand still")


def crash(layout: Layout, name: str) -> None:
    """The quickest end that the program itself knows: PostgreSQL's immediate shutdown; for the others SIGKILL."""
    now = process(layout, name)
    if name != "postgres":
        strike(layout, name, signal.SIGKILL)
    elif lives(now["pid"], now["born"]):
        send(now["pid"], signal.SIGQUIT, with_children=False)  # the postmaster tells its backends


async def hold(layout: Layout, name: str) -> None:
    """SIGKILL, and no new start until `release`; returns when it is down and the supervisor has said that it keeps it so.

    Raises:
        TimeoutError: no supervisor obeys.
    """
    process(layout, name)
    (layout.held / name).touch()

    def down() -> bool:
        strike(layout, name, signal.SIGKILL)
        return bool(process(layout, name)["held"])

    await _until(down, f"{name} to be held down")


async def release(layout: Layout, name: str) -> None:
    """Let it be started again; returns when it was, which is before it is ready.

    Raises:
        TimeoutError: no supervisor obeys.
    """
    (layout.held / name).unlink(missing_ok=True)

    def running() -> bool:
        now = process(layout, name)
        return not now["held"] and lives(now["pid"], now["born"])

    await _until(running, f"{name} to be started again")


async def lose_broker(layout: Layout, plan: Plan) -> None:
    """Hold all nodes, wipe their disks, format them under a fresh cluster id, release them.

    Raises:
        TimeoutError: no supervisor obeys. KafkaFailed: the new storage cannot be formatted.
    """
    await asyncio.gather(*(hold(layout, node.name) for node in plan.nodes))
    (layout.kafka / "cluster-id").unlink(missing_ok=True)
    for node in plan.nodes:
        shutil.rmtree(node.folder(layout) / "data")
    await asyncio.to_thread(kafka.initialise, layout, java_of(plan), Path(str(plan.jars)), plan.nodes)
    await asyncio.gather(*(release(layout, node.name) for node in plan.nodes))


async def _until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + OBEYED_SECONDS
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {OBEYED_SECONDS:.0f} s for {what}")
        await asyncio.sleep(0.05)
