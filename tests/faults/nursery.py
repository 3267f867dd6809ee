"""Where the specimen's processes come from: one that has imported everything forks, so that a life after a kill costs no start-up.

`python -m faults.nursery` reads what to bear on its input, a JSON line each, and writes who was born and who has gone. When its input
ends, which it does when the suite dies, it ends all that it bore.
"""

import asyncio
import contextlib
import json
import os
import select
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Child:
    """gone: ends with the exit code, the signal's number negated where one ended it."""

    pid: int
    gone: asyncio.Future[int]


@dataclass(kw_only=True)
class Nursery:
    """The suite's side. environment: of the process that forks, beside what this one has."""

    environment: Mapping[str, str] = field(default_factory=dict)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _process: asyncio.subprocess.Process | None = None
    _listening: asyncio.Task[None] | None = None
    _born: list[asyncio.Future[int]] = field(default_factory=list)
    _gone: dict[int, asyncio.Future[int]] = field(default_factory=dict)

    async def bear(self, environment: Mapping[str, str], log: Path) -> Child:
        """A specimen with this environment and no other, whose output goes to `log`."""
        async with self._opening:
            if self._process is None:
                await self._open()
        assert self._process is not None
        assert self._process.stdin is not None
        born: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._born.append(born)
        self._process.stdin.write(json.dumps({"environment": dict(environment), "log": str(log)}).encode() + b"\n")
        pid = await born
        return Child(pid, self._gone[pid])

    async def _open(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "faults.nursery", stdin=PIPE, stdout=PIPE, env={**os.environ, **self.environment}, limit=1 << 20
        )
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "code" in said:
                self._gone.pop(said["pid"]).set_result(said["code"])
            else:
                self._gone[said["pid"]] = asyncio.get_running_loop().create_future()
                self._born.pop(0).set_result(said["pid"])

    async def close(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()
        if self._listening is not None:
            await self._listening


def _main() -> None:
    """The process's side: no loop, no thread, nothing that a fork would break."""
    import faults.specimen  # noqa: F401 -- what takes the time, done once

    alive: set[int] = set()
    while True:
        readable, _, _ = select.select([0], [], [], LOOK_SECONDS)
        if readable:
            line = _line()
            if not line:
                break
            asked = json.loads(line)
            pid = _fork(asked["environment"], asked["log"])
            alive.add(pid)
            _say(pid=pid)
        _bury(alive)
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _line() -> bytes:
    """One line without a buffer, which `select` could not see."""
    found = bytearray()
    while (byte := os.read(0, 1)) not in {b"", b"\n"}:
        found += byte
    return bytes(found)


def _bury(alive: set[int]) -> None:
    while alive:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        alive.discard(pid)
        _say(pid=pid, code=os.waitstatus_to_exitcode(status))


def _say(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _fork(environment: Mapping[str, str], log: str) -> int:
    if pid := os.fork():
        return pid
    code = 1
    try:
        os.environ.clear()
        os.environ.update(environment)
        out, nothing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), os.open(os.devnull, os.O_RDONLY)
        for there, here in ((nothing, 0), (out, 1), (out, 2)):
            os.dup2(there, here)
        from faults.specimen import main

        main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    _main()
