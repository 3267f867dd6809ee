"""Processes that must go on: started, watched, started again with a growing pause, stopped with a bound; known by pid and birth."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import psutil

from raccroche.stack.layout import Layout, read_json

FIRST_PAUSE, LONGEST_PAUSE, CALM_SECONDS = 0.5, 15.0, 10.0
HELD_LOOK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to start and how to end it.

    polite: the signal that asks; after `patience` seconds comes SIGKILL. demote: Popen's user and group, if any.
    together: programs of one word are stopped at the same time. container: the process only stands for one; this is its name.
    """

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    polite: signal.Signals = signal.SIGTERM
    patience: float = 20.0
    demote: Mapping[str, int] = field(default_factory=dict)
    port: int | None = None
    together: str = ""
    container: str | None = None


@dataclass(kw_only=True)
class Child:
    """One program over its lives. held: while this file is there, it stays down. changed: called whenever pid or count of restarts did."""

    program: Program
    held: Path
    changed: Callable[[], None]
    say: Callable[[str], None]
    process: asyncio.subprocess.Process | None = None
    since: float = 0.0
    restarts: int = 0
    is_held: bool = False
    _stopping: bool = False

    async def start(self) -> None:
        with self.program.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.program.command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd="/" if self.program.demote else None,
                env={**os.environ, **self.program.environment}, start_new_session=True,
                user=self.program.demote.get("user"), group=self.program.demote.get("group"),
            )  # fmt: skip
        self.since = time.time()
        self.changed()

    async def keep(self) -> None:
        """Wait for its end and start it again, for ever; the pause doubles while it keeps dying at once."""
        pause = FIRST_PAUSE
        while True:
            assert self.process is not None
            status = await self.process.wait()
            if self._stopping:
                return
            pause = FIRST_PAUSE if time.time() - self.since > CALM_SECONDS else pause
            self.restarts += 1
            if not await self._was_held():
                self.say(f"{self.program.name} ended with status {status}; starting it again in {pause:.1f} s")
                await asyncio.sleep(pause)
                await self._was_held()
            pause = min(pause * 2, LONGEST_PAUSE)
            await self._start_patiently()

    async def _was_held(self) -> bool:
        """Wait while somebody keeps it down; whether somebody did."""
        if not self.held.exists():
            return False
        self.is_held = True
        self.say(f"{self.program.name} is held down")
        while self.held.exists() and not self._stopping:
            await asyncio.sleep(HELD_LOOK_SECONDS)
        self.is_held = False
        return True

    async def _start_patiently(self) -> None:
        """Start again; when even that is refused (memory, a program that is gone), say so and try until it is not."""
        while not self._stopping:
            try:
                await self.start()
                return
            except OSError as refused:
                self.say(f"{self.program.name} cannot be started ({type(refused).__name__}: {refused.strerror}); trying again")
                await asyncio.sleep(LONGEST_PAUSE)

    async def stop(self) -> None:
        self._stopping = True
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(self.program.polite)
            send(self.process.pid, signal.SIGCONT)  # a paused process cannot hear
        try:
            await asyncio.wait_for(self.process.wait(), self.program.patience)
        except TimeoutError:
            self.say(f"{self.program.name} did not end within {self.program.patience:.0f} s; killed")
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    def state(self) -> dict[str, object]:
        pid = self.process.pid if self.process else None
        return {
            "pid": pid, "born": born(pid), "port": self.program.port, "since": self.since, "restarts": self.restarts,
            "held": self.is_held, "together": self.program.together, "container": self.program.container,
        }  # fmt: skip


def running(layout: Layout, name: str) -> dict[str, Any]:  # Any: a JSON document
    """What the supervisor wrote of one process.

    Raises:
        KeyError: this stack runs no process of that name.
    """
    found: dict[str, Any] = read_json(layout.state).get("processes", {})[name]
    return found


def born(pid: int | None) -> float | None:
    """When the process with this pid was created; none if there is none. Pids are used again, births are not."""
    try:
        return psutil.Process(pid).create_time() if pid else None
    except psutil.NoSuchProcess:
        return None


def lives(pid: object, birth: object) -> bool:
    """Is it still that process?"""
    if not isinstance(pid, int) or not isinstance(birth, int | float):
        return False
    found = born(pid)
    try:
        return found is not None and abs(found - birth) < 1.0 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it went between the two looks
        return False


def send(pid: int, what: signal.Signals, *, with_children: bool = True) -> None:
    """A signal to a process and to all that it started; to those that are still there."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *(process.children(recursive=True) if with_children else ())):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(what)


def end(pid: int, birth: float, polite: signal.Signals, patience: float = 20.0) -> None:
    """End a process that is not our child: one that an earlier supervisor left behind."""
    if not lives(pid, birth):
        return
    process = psutil.Process(pid)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(polite)
        send(pid, signal.SIGCONT)  # a paused process cannot hear
        try:
            process.wait(patience)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(5)


def end_leftovers(state: Mapping[str, Any]) -> int:
    """What a supervisor that was killed left running: services first, then broker, then database; how many there were.

    state: the document that the supervisor wrote last.
    """
    left = [(name, each) for name, each in reversed(state.get("processes", {}).items()) if lives(each["pid"], each["born"])]
    for _, group in groupby(left, lambda one: one[1].get("together") or one[0]):
        with ThreadPoolExecutor() as pool:
            list(pool.map(_end_leftover, group))
    return len(left)


def _end_leftover(left: tuple[str, Mapping[str, Any]]) -> None:
    name, process = left
    end(process["pid"], process["born"], signal.SIGINT if name == "postgres" else signal.SIGTERM)
