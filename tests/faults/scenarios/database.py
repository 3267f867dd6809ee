"""PostgreSQL is struck: crashes, backends killed, the disk full, and lines cut at the commit."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from faults.ground import Ground
from faults.houses import disk_of
from faults.proxy import Proxy
from faults.scenario import OFFERS, Scenario, Void, bitten

BACKENDS = """
select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
"""


async def crash(ground: Ground) -> None:
    """PostgreSQL's immediate shutdown, and the seconds until it answers again."""
    await ground.stack.crash("postgres")
    ground.strike("database crashed", kills=True)
    await _answering_again(ground)


async def _killed(ground: Ground) -> None:
    """SIGKILL to the postmaster and all its backends at once."""
    await ground.stack.hold("postgres")
    ground.strike("database killed", kills=True)
    await ground.stack.release("postgres")
    await _answering_again(ground)


async def _answering_again(ground: Ground) -> None:
    began = time.monotonic()
    await asyncio.sleep(0.2)
    while time.monotonic() - began < 60:
        with contextlib.suppress(asyncpg.PostgresError, OSError, TimeoutError):
            async with ground.admin() as admin:
                await admin.fetchval("select 1")
            break
        await asyncio.sleep(0.1)
    longest = max(float(ground.figures.get("longest recovery, s", 0)), time.monotonic() - began)
    ground.figures["longest recovery, s"] = round(longest, 1)


async def database_crashes(ground: Ground) -> None:
    """PostgreSQL is stopped in the way of a crash, or killed, every few seconds, and its backends are: what was acknowledged is there."""
    await ground.serve("one")
    blows = [crash] * 3 + [_killed] * 9
    struck = False

    async def strike() -> None:
        nonlocal struck
        for blow in blows:
            await asyncio.sleep(ground.rng.uniform(1.0, 2.0))
            async with ground.admin() as admin:
                ground.strike("backend killed", await admin.fetchval(BACKENDS))
            await asyncio.sleep(ground.rng.uniform(0.5, 1.0))
            await blow(ground)
        struck = True

    await asyncio.gather(ground.load(16, 150, OFFERS, enough=lambda: struck), strike())
    bitten(
        ground,
        "backend killed",
        "database crashed",
        "client heard nothing" if ground.came_of_it["client heard nothing"] else "answered 503",
    )


async def disk_full(ground: Ground) -> None:
    """The database's disk is filled under load: the service refuses and acknowledges nothing that is not kept; with room it goes on."""
    await ground.serve("one")
    filler = disk_of(ground.stack) / "filler"
    loading = asyncio.create_task(ground.load(16, 45, OFFERS))
    await asyncio.sleep(5)
    ground.figures["bytes of filler"] = await asyncio.to_thread(_fill, filler)
    ground.strike("disk filled")
    before, kept = ground.came_of_it["answered 503"], ground.clients.definite
    await asyncio.sleep(15)
    ground.figures["refused while full"] = ground.came_of_it["answered 503"] - before
    ground.figures["answered while full"] = ground.clients.definite - kept
    filler.unlink()
    began = time.monotonic()
    answered = ground.clients.definite
    while ground.clients.definite < answered + 20 and time.monotonic() - began < 60:
        await asyncio.sleep(0.1)
    ground.figures["seconds from room to answers"] = round(time.monotonic() - began, 1)
    await loading
    if not ground.figures["refused while full"]:
        raise Void("nothing was refused while the disk was full")


def _fill(filler: Path) -> int:
    """Write until there is no room; how much there was."""
    written = 0
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            written += file.write(bytes(1 << 20))
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            written += file.write(bytes(4096))
    return written


async def cut_at_the_commit(ground: Ground) -> None:
    """The line to PostgreSQL is cut when a command's append, or a share's COMMIT, was handed over and before its answer is: done once."""
    rng = random.Random(ground.rng.random())
    lines = {"APP_DSN": ("app", b".SeatsChanged.v1", 0.06), "CONSUMER_DSN": ("consumer", b"COMMIT;", 0.15)}
    async with contextlib.AsyncExitStack() as opened:
        proxies, through = {}, {}
        for name, (role, mark, chance) in lines.items():
            proxy = Proxy(urlsplit(ground.dsns[role]).port or 0, _cutter(mark, chance, rng))
            proxies[role] = await opened.enter_async_context(proxy.listening())
            through[name] = _through(ground.dsns[role], proxy.port)
        await ground.serve("one", environment=through)
        await ground.load(16, ground.span(25, 12), OFFERS, copies=0.3)
        for role, proxy in proxies.items():
            for how, count in proxy.cuts.items():
                ground.strike(f"line of the {role} cut, {how}", count)
        ground.strike("SIGKILL to go on without a proxy", ground.services[0].kill(), kills=True)
        ground.services[0].environment |= {"APP_DSN": ground.dsns["app"], "CONSUMER_DSN": ground.dsns["consumer"]}
        await ground.services[0].ready()
    await ground.load(8, 2, OFFERS)
    bitten(ground, "line of the app cut, answered", "line of the app cut, at once")
    if not any(proxies["consumer"].cuts.values()):
        raise Void("the consumer's line was never cut")


def _cutter(mark: bytes, chance: float, rng: random.Random) -> Callable[[bytes], str | None]:
    """Now and then after a request that holds the mark: what an event's type is in a command's one append, COMMIT in a share's end."""

    def cut(request: bytes) -> str | None:
        return rng.choice(["answered", "at once"]) if mark in request and rng.random() < chance else None

    return cut


def _through(dsn: str, port: int) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))


SCENARIOS = (
    Scenario(name="PostgreSQL crashes", guarantee="G1", also=("G2", "G3", "G7", "G11"), play=database_crashes, operations=500),
    Scenario(name="the disk full", guarantee="G1", also=("G3",), play=disk_full, needs="small disk", operations=500),
    Scenario(
        name="the line cut at the commit", guarantee="G11", also=("G1", "G2", "G7"), play=cut_at_the_commit, smoke=True, operations=300
    ),
)
