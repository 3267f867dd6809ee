"""The supervisor: starts database, broker, topics and services in order, keeps them alive, stops them in the other order."""

import asyncio
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import asyncpg
from confluent_kafka import KafkaError, KafkaException

from chassis.topics import ensure_topics
from contracts.catalogue import TOPICS
from raccroche.stack import network
from raccroche.stack.children import Child, Program, born, end_leftovers
from raccroche.stack.choosing import source_of
from raccroche.stack.installing import install
from raccroche.stack.layout import Layout, read_json, write_json
from raccroche.stack.programs import Plan, database_program, kafka_programs, service_programs
from raccroche.stack.said import broker_says, database_says
from raccroche.stack.source import Source

NOT_YET = (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.REQUEST_TIMED_OUT)  # noqa: SLF001 -- their spelling
STARTING_SECONDS = float(os.environ.get("RACCROCHE_STARTING_SECONDS", "90"))


@dataclass(kw_only=True)
class Supervisor:
    """Runs one plan until SIGTERM."""

    layout: Layout
    plan: Plan
    source: Source
    children: list[Child] = field(default_factory=list)
    phase: str = "starting"
    said: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)

    async def run(self) -> None:
        stopping = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stopping.set)
        end_leftovers(read_json(self.layout.state))
        shutil.rmtree(self.layout.held, ignore_errors=True)  # a start starts everything
        self.layout.held.mkdir()
        self._write()
        keeping: list[asyncio.Task[None]] = []
        try:
            network.remove(self.layout)  # of a supervisor that was killed
            network.make(self.layout, self.plan.nodes)
            await asyncio.to_thread(self.source.begin)
            await self._start(keeping)
            self.phase = "up"
            self._write()
            await stopping.wait()
        except Exception as trouble:  # noqa: BLE001 -- whoever waits for `up` must be told why not
            self.phase = f"failed: {type(trouble).__name__}: {trouble}"
            self._say(self.phase)
        finally:
            await self._stop()
            for task in keeping:
                task.cancel()
            await self._clear()
            self.phase = self.phase if self.phase.startswith("failed") else "down"
            self._write()
            network.remove(self.layout)

    async def _start(self, keeping: list[asyncio.Task[None]]) -> None:
        if (program := database_program(self.layout, self.plan)) is not None:
            await self._launch(program, keeping)
        self.said["database"] = await self._until("PostgreSQL", lambda: database_says(self.plan.admin_dsn, self.plan.database_kind))
        nodes = kafka_programs(self.layout, self.plan)
        for program in nodes:
            await self._launch(program, keeping)
        await install(self.layout, self.plan)
        logs = [program.log for program in nodes]
        self.said["broker"] = await self._until("Kafka", lambda: broker_says(self.plan.bootstrap, self.plan.broker_kind, logs))
        await self._until("Kafka", self._make_topics)
        for program in service_programs(self.layout, self.plan):
            await self._launch(program, keeping)

    async def _make_topics(self) -> None:
        try:
            await ensure_topics(self.plan.bootstrap, TOPICS, replication=max(1, len(self.plan.nodes)))
        except KafkaException as trouble:
            if trouble.args[0].code() not in NOT_YET:
                raise
            raise ConnectionError("no controller answers yet") from trouble

    async def _stop(self) -> None:
        """Backwards, one after the other; the broker's nodes at once, since the last one alone would wait for the others' votes."""
        for _, group in groupby(reversed(self.children), lambda child: child.program.together or child.program.name):
            await asyncio.gather(*(child.stop() for child in group))

    async def _clear(self) -> None:
        try:
            await asyncio.to_thread(self.source.clear)
        except Exception as trouble:  # noqa: BLE001 -- the next start or `down` tries again
            self._say(f"not everything could be cleared away: {type(trouble).__name__}: {trouble}")

    async def _launch(self, program: Program, keeping: list[asyncio.Task[None]]) -> None:
        child = Child(program=program, held=self.layout.held / program.name, changed=self._write, say=self._say)
        self.children.append(child)
        await child.start()
        keeping.append(asyncio.create_task(child.keep()))

    async def _until[T](self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until it answers.

        Raises:
            TimeoutError: not within `STARTING_SECONDS`; the log says why.
        """
        started = time.monotonic()
        while True:
            try:
                return await ask()
            except (OSError, asyncpg.PostgresError, ConnectionError, TimeoutError) as trouble:
                if time.monotonic() - started > STARTING_SECONDS:
                    late = f"{what} did not answer within {STARTING_SECONDS:.0f} s ({type(trouble).__name__})"
                    raise TimeoutError(f"{late}; see {self.layout.log}") from None
                await asyncio.sleep(0.2)

    def _say(self, text: str) -> None:
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {text}"
        print(line, flush=True)
        self.events = [*self.events[-49:], line]
        self._write()

    def _write(self) -> None:
        write_json(
            self.layout.state,
            {
                "pid": os.getpid(), "born": born(os.getpid()), "phase": self.phase, "said": self.said, "events": self.events,
                "processes": {child.program.name: child.state() for child in self.children},
            },
        )  # fmt: skip


def main() -> None:
    layout = Layout(Path(sys.argv[1]))
    with layout.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("another supervisor already runs here") from None
        asyncio.run(Supervisor(layout=layout, plan=Plan.load(layout.plan), source=source_of(layout)).run())


if __name__ == "__main__":
    main()
