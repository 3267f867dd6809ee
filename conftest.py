"""A real broker and a real database for every test that is marked `stack`, started once, and gone when the tests are."""

import asyncio
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import structlog
from hypothesis import HealthCheck, settings

import contracts.catalogue  # noqa: F401 -- before pytest takes the folder `contracts` for a package of that name
from chassis.provision import AUDITOR, Database, dsn_of, provision
from raccroche.stack import Stack
from raccroche.stack.choosing import ASKED
from raccroche.stack.containers.sweeping import sweep

KIND = os.environ.get(ASKED) or "processes"
NOT_PLAYED = "only where broker and database are otherwise: "

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine breaks no rule
settings.load_profile("house")


OWN = "raccroche-tests-"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A folder of this run's own: whichever run begins next closes pytest's common one to other users, and PostgreSQL runs as another."""
    if config.option.basetemp is None:
        _sweep(Path(tempfile.gettempdir()))
        config.option.basetemp = str(Path(tempfile.mkdtemp(prefix=f"{OWN}{os.getpid()}-")) / "run")


def _sweep(temporary: Path) -> None:
    """What earlier runs left, some gigabytes each, goes before it fills the disk, unless they still run."""
    for left in temporary.glob(f"{OWN}[0-9]*-*"):
        if not psutil.pid_exists(int(left.name.removeprefix(OWN).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that is about one kind of stack only is not played on the other; the end of the run lists it."""
    if (only := item.get_closest_marker("only")) is not None and only.args[0] != KIND:
        pytest.skip(f"{NOT_PLAYED}{only.kwargs['why']}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What this run cannot tell, in one place."""
    left = {
        report.nodeid: str(report.longrepr[2]).partition(NOT_PLAYED)[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NOT_PLAYED in report.longrepr[2]
    }
    if left:
        terminalreporter.section(f"not played where broker and database are {KIND}")
        for name, why in left.items():
            terminalreporter.write_line(f"{name}: {why}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What a failed run left is there to be looked at, until the next begins; volumes go with the folder of their stack."""
    folder = Path(session.config.option.basetemp).parent
    if exitstatus == pytest.ExitCode.OK and folder.name.startswith(OWN):
        shutil.rmtree(folder, ignore_errors=True)
        if KIND == "containers":
            sweep()


@pytest.fixture(autouse=True)
def logs_end_with_the_test() -> Iterator[None]:
    """Whoever configured logs wrote to a stream that ends with the test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


type FreshDatabase = Callable[[Database], Awaitable[dict[str, str]]]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Broker and database, no services; what could not start fails the test that asked for it."""
    stack = Stack(tmp_path_factory.mktemp("stack") / "var", services=())
    try:
        asyncio.run(stack.up())
        yield stack
    finally:
        asyncio.run(stack.down())


@pytest.fixture
def fresh_database(stack: Stack) -> FreshDatabase:
    """Makes a database of its own name, so that tests do not disturb each other; a DSN per role, `admin`'s, and its `name`."""

    async def make(database: Database) -> dict[str, str]:
        name = f"{database.name}_{uuid4().hex[:10]}"
        roles = {suffix: f"{name}_{suffix}" for suffix in database.login_roles}
        passwords = {**dict.fromkeys(roles.values(), "fresh"), AUDITOR: "fresh"}
        await provision(stack.admin_dsn, [dataclasses.replace(database, name=name)], passwords)
        found = {suffix: dsn_of(stack.admin_dsn, database=name, user=role, password="fresh") for suffix, role in roles.items()}
        return {**found, "admin": dsn_of(stack.admin_dsn, database=name), "name": name}

    return make
