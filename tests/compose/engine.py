"""One compose project of our own, with its own folder, ports, image and volumes; what it made is gone when it is closed."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from raccroche.server import Server
from raccroche.server.files import PORTS, prepare
from raccroche.stack.layout import Layout, kept_ports

HOME = Path(__file__).parents[2]
CHECKOUT_FILES = ("docker-compose.yml", "deploy/compose/rehearsal.yml")
OLDER_POSTGRES = ("/var/lib/postgresql/data", "tests/compose/older-postgres.yml")
"""A volume that PostgreSQL's official image declares no more, and what is needed where the image at hand does."""

WAIT_SECONDS = 240
BUILD_SECONDS = 900


class Wrong(Exception):
    """Something is not as promised; says what."""


def must(held: object, otherwise: str) -> None:
    if not held:
        raise Wrong(otherwise)


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended, and all that it said."""

    status: int
    text: str


@dataclass(kw_only=True)
class Engine:
    """files: that compose reads; checkout_files: those without a trouble's own. tag: of the image that `up` runs.

    volumes: all that our containers have ever had mounted, named or not.
    """

    project: str
    server: Server
    tag: str
    checkout_files: tuple[str, ...] = CHECKOUT_FILES
    files: tuple[str, ...] = CHECKOUT_FILES
    tags: set[str] = field(default_factory=set)
    volumes: set[str] = field(default_factory=set)

    async def compose(self, *words: str, patience: float = WAIT_SECONDS + 60) -> Said:
        command = ["docker", "compose", "-p", self.project, "--env-file", str(self.server.files.variables)]
        command += [part for name in self.files for part in ("-f", name)]
        return await run(*command, *words, environment={"RACCROCHE_TAG": self.tag}, patience=patience)

    async def build(self, tag: str) -> None:
        self.tags.add(tag)
        self.tag = tag
        said = await self.compose("build", "--quiet", "migrations", patience=BUILD_SECONDS)
        must(said.status == 0, f"the image does not build: {said.text[-2000:]}")

    async def up(self, *services: str) -> None:
        said = await self.try_up(*services)
        must(said.status == 0, f"up ended with {said.status}: {said.text[-1500:]}\n{await self.logs()}")

    async def try_up(self, *services: str) -> Said:
        await self.note_volumes()  # of those that it will replace
        said = await self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", str(WAIT_SECONDS), *services)
        await self.note_volumes()
        return said

    async def note_volumes(self) -> None:
        """Remember what is mounted now: a nameless volume bears no label that would tell whose it was."""
        containers = (await self.docker("ps", "-a", "-q", "--filter", f"label=com.docker.compose.project={self.project}")).split()
        for one in json.loads(await self.docker("inspect", *containers)) if containers else ():
            self.volumes |= {mount["Name"] for mount in one["Mounts"] if mount["Type"] == "volume"}

    async def down(self, *, volumes: bool = False) -> None:
        await self.note_volumes()
        said = await self.compose("down", "--remove-orphans", *(["--volumes"] if volumes else []))
        must(said.status == 0, f"down ended with {said.status}: {said.text[-1500:]}")

    async def logs(self, *services: str, lines: int = 20) -> str:
        return (await self.compose("logs", "--no-color", "--tail", str(lines), *services)).text

    def container(self, service: str) -> str:
        return f"{self.project}-{service}-1"

    async def docker(self, *words: str) -> str:
        said = await run("docker", *words)
        must(said.status == 0, f"docker {' '.join(words[:3])}: {said.text[-500:]}")
        return said.text.strip()

    async def started(self, service: str) -> tuple[str, int]:
        """When the container's process began, and how often the engine has started it again."""
        state = json.loads(await self.docker("inspect", self.container(service)))[0]
        return state["State"]["StartedAt"], state["RestartCount"]

    async def until_told(self, service: str, words: str, *, patience: float = 90) -> str:
        """The first line of its log that has these words.

        Raises:
            Wrong: none had, all the time.
        """
        until = time.monotonic() + patience
        while time.monotonic() < until:
            for line in (await self.logs(service, lines=200)).splitlines():
                if words in line:
                    return line.strip()
            await asyncio.sleep(1)
        raise Wrong(f"{service} never said {words!r}")

    async def until_healthy(self, *services: str, patience: float = 120) -> None:
        until = time.monotonic() + patience
        for service in services:
            while (await self.docker("inspect", "-f", "{{.State.Health.Status}}", self.container(service))) != "healthy":
                must(time.monotonic() < until, f"{service} did not become healthy")
                await asyncio.sleep(0.5)

    async def left(self) -> list[str]:
        """What carries the project's name: containers, volumes, networks, images; and volumes without a name that its containers had."""
        label = f"label=com.docker.compose.project={self.project}"
        asked = [
            ("ps", "-a", "-q", "--filter", label), ("volume", "ls", "-q", "--filter", label), ("network", "ls", "-q", "--filter", label),
            *(("images", "-q", f"raccroche:{tag}") for tag in sorted(self.tags)),
        ]  # fmt: skip
        found = [f"{words[0]} {name}" for words in asked for name in (await self.docker(*words)).split()]
        nameless = self.volumes & set((await self.docker("volume", "ls", "-q")).split())
        return found + [f"volume {name}" for name in sorted(nameless) if f"volume {name}" not in found]


@asynccontextmanager
async def an_engine(root: Path) -> AsyncIterator[Engine]:
    """A project with a fresh folder; removed with everything at the end, and Wrong if something stays."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    prepare(root, {name: kept_ports(Layout(root), PORTS)[name] for name in PORTS})
    name = f"raccroche-rehearsal-{os.getpid()}"
    engine = Engine(project=name, server=Server(root), tag=f"rehearsal-{os.getpid()}")
    asked = await run("docker", "image", "inspect", "-f", "{{json .Config.Volumes}}", "postgres:18")  # not there yet: the official one
    if asked.status == 0 and OLDER_POSTGRES[0] in (json.loads(asked.text) or {}):
        engine.files = engine.checkout_files = (*CHECKOUT_FILES, OLDER_POSTGRES[1])
    try:
        yield engine
    except BaseException:
        root.with_suffix(".log").write_text(await engine.logs(lines=2_000))  # the containers are gone when somebody looks
        raise
    finally:
        engine.files = engine.checkout_files
        await engine.note_volumes()
        await engine.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")
        for tag in engine.tags:
            await run("docker", "image", "rm", "--force", f"raccroche:{tag}")
        left = await engine.left()
        shutil.rmtree(root, ignore_errors=True)
    must(not left, f"left behind: {', '.join(left)}")


async def run(*command: str, environment: dict[str, str] | None = None, patience: float = 300) -> Said:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=HOME, env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), patience)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Wrong(f"{' '.join(command[:3])} … did not end within {patience:.0f} s") from None
    return Said(status=process.returncode or 0, text=output.decode(errors="replace"))


def sentence(text: str, words: str) -> str:
    """The line with these words.

    Raises:
        Wrong: there is none.
    """
    found: Sequence[str] = [line.strip() for line in text.splitlines() if words in line]
    must(found, f"nothing says {words!r}: {text[-1500:]}")
    return found[-1]
