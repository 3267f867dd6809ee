"""The houses in which scenarios are played: three nodes each in a network of its own, one node, a database on a small disk."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.scenario import Scenario
from raccroche.stack import Stack, network
from raccroche.stack.choosing import ASKED
from raccroche.stack.containers.engine import engine
from raccroche.stack.containers.owned import Owned
from raccroche.stack.containers.sweeping import forget
from raccroche.stack.layout import Layout
from raccroche.stack.network import NoNetwork

SMALL_DISK = "448m"
IN_CONTAINERS = os.environ.get(ASKED) == "containers"


class NotHere(Exception):
    """This machine cannot have such a house; says why."""


@dataclass(frozen=True, kw_only=True)
class House:
    """offers: what scenarios may need that are played here. small_disk: the database's folder is a file system of limited size."""

    name: str
    nodes: int
    offers: frozenset[str | None]
    networks: bool = False
    small_disk: bool = False

    def check(self) -> None:
        """Raises NotHere: not on this machine, or not as this user."""
        if self.networks:
            try:
                network.check()
            except NoNetwork as why:
                raise NotHere(str(why)) from None
        if self.small_disk and (os.geteuid() != 0 or shutil.which("mount") is None):
            raise NotHere("a file system of limited size needs Linux, root and `mount`")

    @contextlib.asynccontextmanager
    async def open(self, root: Path) -> AsyncIterator[Stack]:
        """Its stack, up; gone when the block ends.

        Raises:
            NotHere: the small disk cannot be had. raccroche.stack.NotUp: see there.
        """
        stack = Stack(root / self.name, services=(), nodes=self.nodes, namespaces=True if self.networks else None)
        with small_disk(stack.layout) if self.small_disk else contextlib.nullcontext():
            try:
                await stack.up()
                yield stack
            finally:
                await stack.down()


def small_disk(layout: Layout) -> contextlib.AbstractContextManager[None]:
    return _small_volume(layout) if IN_CONTAINERS else _small_folder(layout.postgres)


def disk_of(stack: Stack) -> Path:
    """Where the database keeps its data, as root sees it."""
    if not IN_CONTAINERS:
        return stack.layout.postgres
    with engine() as client:
        return Path(client.volumes.get(Owned(stack.layout).name("postgres")).attrs["Mountpoint"])


@contextlib.contextmanager
def _small_volume(layout: Layout):
    """Emptied whenever its container ends, which a full disk does not make it do."""
    layout.make()
    owned = Owned.drawn(layout)
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={SMALL_DISK},mode=0777"}
    forget(layout, "postgres")  # of a run that was killed
    with engine() as client:
        client.volumes.create(owned.name("postgres"), driver_opts=options, labels=dict(owned.labels))
    try:
        yield
    finally:
        forget(layout, "postgres")


@contextlib.contextmanager
def _small_folder(folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    if os.path.ismount(folder):  # of a run that was killed
        _run("umount", str(folder))
    _run("mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=0700", "raccroche-small-disk", str(folder))
    try:
        yield
    finally:
        _run("umount", str(folder))


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHere(f"{' '.join(words[:3])}: {done.stderr.strip()}")


ONE = House(name="one", nodes=1, offers=frozenset({None}))
THREE = House(name="three", nodes=3, offers=frozenset({None, "nodes"}))
APART = House(name="apart", nodes=3, networks=True, offers=frozenset({None, "nodes", "networks"}))
SMALL = House(name="small", nodes=1, small_disk=True, offers=frozenset({"small disk"}))


def housed(chosen: Sequence[Scenario], *, smoke: bool, without: frozenset[str]) -> list[tuple[House, list[Scenario]]]:
    """Which scenario is played where, few houses one after the other. without: the needs that the caller gave up."""
    first = ONE if smoke else THREE if "networks" in without else APART
    wanted = [one for one in chosen if one.needs not in without]
    found = [(house, [one for one in wanted if one.needs in house.offers]) for house in (first, SMALL)]
    return [(house, scenarios) for house, scenarios in found if scenarios]
