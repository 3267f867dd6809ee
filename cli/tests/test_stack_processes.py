"""The local stack as processes: once is enough, the dead are started again, a crash is survived, nothing is left behind."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from seen_from_outside import IN_CONTAINERS, starts_of_containers
from seen_from_outside import lives as alive

from raccroche.stack import NotUp, Stack
from raccroche.stack.children import lives
from raccroche.stack.layout import kept_ports
from raccroche.stack.said import broker_says, database_says

pytestmark = pytest.mark.stack


@pytest.fixture
def stack_of_its_own(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "var", services=())
    try:
        asyncio.run(stack.up())
        yield stack
    finally:
        asyncio.run(stack.down())


def processes(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.status()["processes"]
    return found


def until(true: Callable[[], bool], what: str, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def test_it_names_the_real_broker_and_database_that_it_took(stack_of_its_own: Stack) -> None:
    taken = "a container of apache/kafka:4.3.1, cluster " if IN_CONTAINERS else "a local process on Java "
    assert stack_of_its_own.broker_said.startswith(f"Apache Kafka 4.3.1, {taken}")
    assert stack_of_its_own.database_said.startswith("PostgreSQL ")
    assert stack_of_its_own.database_said.endswith(", a container of postgres:18") is IN_CONTAINERS


def test_a_second_up_does_nothing(stack_of_its_own: Stack) -> None:
    before = processes(stack_of_its_own)
    assert asyncio.run(stack_of_its_own.up()) is False
    assert processes(stack_of_its_own) == before


def test_a_broker_that_dies_is_started_again_and_it_is_said(stack_of_its_own: Stack) -> None:
    before = processes(stack_of_its_own)["kafka"]["pid"]
    asyncio.run(stack_of_its_own.kill("kafka"))
    until(
        lambda: processes(stack_of_its_own)["kafka"]["restarts"] == 1 and processes(stack_of_its_own)["kafka"]["pid"] != before,
        "a new Kafka",
    )
    assert any("kafka ended with status -9; starting it again" in str(line) for line in stack_of_its_own.status()["events"])  # type: ignore[union-attr]  # JSON
    until(lambda: _answers(stack_of_its_own), "an answer from the new Kafka")


def _answers(stack: Stack) -> bool:
    try:
        return asyncio.run(broker_says(stack.bootstrap, "x", [])).startswith("Apache Kafka")
    except ConnectionError:
        return False


def test_up_after_everything_was_killed_finds_what_was_written(stack_of_its_own: Stack) -> None:
    async def write_and_crash() -> None:
        connection = await asyncpg.connect(stack_of_its_own.admin_dsn)
        await connection.execute("create table kept (n int); insert into kept values (42)")
        await connection.close()
        pids = [int(str(stack_of_its_own.status()["pid"])), *(one["pid"] for one in processes(stack_of_its_own).values())]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for name in processes(stack_of_its_own):
            stack_of_its_own.source.strike(name, signal.SIGKILL)  # what a process only stood for lives on

    async def read() -> int:
        connection = await asyncpg.connect(stack_of_its_own.admin_dsn)
        try:
            return int(await connection.fetchval("select n from kept"))
        finally:
            await connection.close()

    asyncio.run(write_and_crash())
    until(lambda: not stack_of_its_own.is_up(), "the end of what was killed")
    assert asyncio.run(stack_of_its_own.up()) is True
    assert asyncio.run(read()) == 42


def test_a_supervisor_that_was_killed_leaves_processes_that_the_next_up_ends(stack_of_its_own: Stack) -> None:
    orphans, started = processes(stack_of_its_own), starts_of_containers(stack_of_its_own)
    os.kill(int(str(stack_of_its_own.status()["pid"])), signal.SIGKILL)
    until(lambda: not stack_of_its_own.is_up(), "the supervisor's end")
    assert asyncio.run(stack_of_its_own.up()) is True
    assert not any(lives(one["pid"], one["born"]) for one in orphans.values())
    assert not started & starts_of_containers(stack_of_its_own)


def test_down_leaves_no_process_and_a_second_down_finds_none(stack_of_its_own: Stack) -> None:
    pids = [stack_of_its_own.status()["pid"], *(one["pid"] for one in processes(stack_of_its_own).values())]
    assert asyncio.run(stack_of_its_own.down()) is True
    assert not [pid for pid in pids if psutil.pid_exists(int(str(pid))) and psutil.Process(int(str(pid))).status() != psutil.STATUS_ZOMBIE]
    assert not any(alive(stack_of_its_own, name) for name in processes(stack_of_its_own))
    assert asyncio.run(stack_of_its_own.down()) is False


def test_two_stacks_side_by_side_share_nothing(stack_of_its_own: Stack, tmp_path: Path) -> None:
    other = Stack(tmp_path / "other", services=())
    try:
        asyncio.run(other.up())
        assert other.bootstrap != stack_of_its_own.bootstrap
        assert other.admin_dsn != stack_of_its_own.admin_dsn
        asyncio.run(other.down())
        assert stack_of_its_own.is_up()
        assert asyncio.run(database_says(stack_of_its_own.admin_dsn, "x")).startswith("PostgreSQL")
    finally:
        asyncio.run(other.down())


def test_a_database_that_cannot_start_is_said_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACCROCHE_STARTING_SECONDS", "6")
    stack = Stack(tmp_path / "var", services=())
    stack.layout.make()
    with socket.socket() as taken:  # somebody else has the database's port, and does not listen
        taken.bind(("127.0.0.1", kept_ports(stack.layout, ["postgres"])["postgres"]))
        with pytest.raises(NotUp, match=r"PostgreSQL did not answer within 6 s .* see "):
            asyncio.run(stack.up())
    until(lambda: not lives(stack.status().get("pid"), stack.status().get("born")), "the supervisor's end")
    assert not any(alive(stack, name) for name in processes(stack))
