"""Policies, domains and projections are pure: no await, clock, chance, log or environment; each kind shown to be found."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
IMPURE_MODULES = {
    "os",
    "random",
    "secrets",
    "logging",
    "structlog",
    "asyncio",
    "time",
    "socket",
    "asyncpg",
    "httpx",
    "aiokafka",
    "pathlib",
    "chassis.logs",
    "chassis.clock",
}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7", "open", "print", "input", "getenv"}


def pure_files() -> list[Path]:
    found = list((HOME / "services").glob("*/src/*/policies.py"))
    for room in ("domain", "projections"):
        found += (HOME / "services").glob(f"*/src/*/{room}/**/*.py")
    return sorted([*found, HOME / "chassis/src/chassis/chain.py", HOME / "chassis/src/chassis/decider.py"])


def impurities(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Await() | ast.AsyncFunctionDef() | ast.AsyncFor() | ast.AsyncWith():
                yield "await"
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name in IMPURE_MODULES)
            case ast.ImportFrom(module=module) if module in IMPURE_MODULES:
                yield str(module)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in IMPURE_CALLS:
                yield f"{name}()"
            case _:
                continue


def test_there_is_something_to_keep_pure() -> None:
    rooms = {file.parent.name for file in pure_files()}
    assert {"domain", "projections", "followup", "offers", "transmission", "chassis"} <= rooms
    assert len(pure_files()) > 25


@pytest.mark.parametrize("file", pure_files(), ids=lambda file: str(file.relative_to(HOME)))
def test_a_pure_room_is_pure(file: Path) -> None:
    assert list(impurities(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("async def decide(): ...", "await"),
        ("from datetime import datetime\nx = datetime.now()", "now()"),
        ("from uuid import uuid4\nx = uuid4()", "uuid4()"),
        ("import random", "random"),
        ("from os import environ", "os"),
        ("import structlog", "structlog"),
        ("print('x')", "print()"),
    ],
)
def test_each_impurity_is_found(source: str, found: str) -> None:
    assert list(impurities(source)) == [found]
