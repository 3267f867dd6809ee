"""What goes wrong on a server: each is told in a sentence that names the cause, and mended without losing anything."""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx

from compose.engine import Engine, Said, Wrong, must, run, sentence
from compose.publishing import Publishers, offer_body
from raccroche.stack import SERVICES
from raccroche.stack.drawing import ADMIN


def secret(engine: Engine, name: str) -> Path:
    return engine.server.root / "secrets" / name


@contextmanager
def instead(path: Path, text: str) -> Iterator[None]:
    """Another content in the same file, which stays the file that is mounted."""
    kept = path.read_text()
    path.write_text(text)
    try:
        yield
    finally:
        path.write_text(kept)


async def restarted(engine: Engine, service: str) -> None:
    await engine.docker("restart", engine.container(service))


async def wrong_password(engine: Engine) -> list[str]:
    """A service with another password than its role has."""
    await engine.up()
    path = secret(engine, "offers.pgpass")
    with instead(path, "".join(f"{line.rpartition(':')[0]}:wrong\n" for line in path.read_text().splitlines())):
        await restarted(engine, "offers")
        told = await engine.until_told("offers", "its password is not the one that the migrations step has set")
    await engine.until_healthy("offers")
    return [told]


async def unreadable_secrets(engine: Engine) -> list[str]:
    """An empty file of master keys; a file of passwords that others can read."""
    await engine.up()
    with instead(secret(engine, "master-transmission.json"), ""):
        await restarted(engine, "transmission")
        empty = await engine.until_told("transmission", "KEYRING_MASTER_KEYS_FILE names /run/secrets/master-keys, which is empty")
    path = secret(engine, "history.pgpass")
    path.chmod(0o644)
    await restarted(engine, "history")
    is_open = await engine.until_told("history", "which others than its owner can read: chmod 600")
    path.chmod(0o600)
    await engine.until_healthy("transmission", "history")
    return [empty, is_open]


async def another_volume(engine: Engine) -> list[str]:
    """The secrets of another server: the volume knows another password of the one who may do everything."""
    await engine.up()
    path = secret(engine, "passwords.json")
    with instead(path, json.dumps({**json.loads(path.read_text()), ADMIN: "wrong"})):
        said = await engine.try_up()
        must(said.status != 0, "a wrong password was no trouble")
        told = await engine.until_told("migrations", "its volume was made with another password")
    await engine.up()
    return [told]


async def missing_secret(engine: Engine) -> list[str]:
    """Files of secrets that are gone, as `make up-compose` meets them: made again from what they came from, or missed in a sentence."""
    await engine.up()
    told = [await _missed(engine, name) for name in ("identity.key", "master.json", "signing.json", "passwords.json")]
    path = secret(engine, "offers.pgpass")
    kept = path.read_text()
    path.unlink()
    await engine.compose("rm", "--stop", "--force", "offers")
    said = await engine.try_up("offers")
    must(said.status != 0, "a missing secret was no trouble")
    told.append(sentence(said.text, "offers.pgpass"))
    if path.is_dir():
        path.rmdir()
    said = await prepared(engine)
    must(said.status == 0 and path.read_text() == kept, f"offers.pgpass was not made again as it was: {said.text}")
    await engine.up()
    return told


async def _missed(engine: Engine, name: str) -> str:
    path = secret(engine, name)
    kept = path.rename(path.with_suffix(".kept"))
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    said = await prepared(engine)
    must(said.status == 2, f"without {name} `server prepare` ended with {said.status}: {said.text}")
    must({file.name: file.read_bytes() for file in path.parent.iterdir()} == before, f"without {name} something was written")
    kept.rename(path)
    return sentence(said.text, f"{name} is missing: put back the copy")


async def prepared(engine: Engine) -> Said:
    """What `make up-compose` does before anything else."""
    return await run(str(Path(sys.executable).with_name("raccroche")), "server", "prepare", "--root", str(engine.server.root))


async def port_taken(engine: Engine) -> list[str]:
    """Somebody else listens where a service is to be found."""
    await engine.down()
    with socket.create_server(("127.0.0.1", engine.server.files.port("intake"))):
        said = await engine.try_up()
        must(said.status != 0, "a taken port was no trouble")
        told = sentence(said.text, str(engine.server.files.port("intake")))
    await engine.up()
    return [told]


async def kafka_last(engine: Engine) -> list[str]:
    """Everything else is there long before the broker: the services say what they wait for, and go on when it is there."""
    await engine.up()
    await engine.down()
    await engine.up("postgres")
    said = await engine.compose("up", "--detach", "--no-build", "--no-deps", *SERVICES)
    must(said.status == 0, said.text[-800:])
    told = [await engine.until_told(service, "waiting for the broker") for service in SERVICES]
    began = time.monotonic()
    await engine.up()
    return [*told[:1], f"all healthy {time.monotonic() - began:.0f} s after the broker was started"]


@asynccontextmanager
async def holding(engine: Engine) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Somebody who keeps the small disk mounted, whatever becomes of PostgreSQL, and may write there."""
    name, label = f"{engine.project}-holder", f"com.docker.compose.project={engine.project}"
    volume = f"{engine.project}_postgres:/disk"
    await engine.docker(
        "run", "--detach", "--name", name, "--label", label, "--user", "0", "-v", volume, "--entrypoint", "sleep", "postgres:18", "900"
    )
    await engine.note_volumes()
    try:
        yield lambda script: engine.docker("exec", name, "sh", "-c", script)
    finally:
        await engine.docker("rm", "--force", "--volumes", name)


async def disk_full(engine: Engine) -> list[str]:
    """PostgreSQL's disk fills under load: commands are refused and none is forgotten; with room it goes on by itself."""
    await engine.down(volumes=True)
    engine.files = (*engine.checkout_files, "tests/compose/small-disk.yml")
    publishers, stopping = Publishers(engine=engine), asyncio.Event()
    try:
        await engine.up()
        async with holding(engine) as disk:
            publishing = asyncio.create_task(publishers.publish_until(stopping))
            await asyncio.sleep(3)
            await disk("dd if=/dev/zero of=/disk/filler bs=1M; dd if=/dev/zero of=/disk/filler.2 bs=4k; true")
            refused = await _refused(engine)
            told = await engine.until_told("postgres", "No space left on device")
            before, began = len(publishers.waits), time.monotonic()
            await disk("rm /disk/filler /disk/filler.2")
            while len(publishers.waits) < before + 20:
                must(time.monotonic() < began + 100, "no command was answered although there is room again")
                await asyncio.sleep(0.2)
            again = time.monotonic() - began
            stopping.set()
            await publishing
            await publishers.each_once()
            await engine.until_healthy(*SERVICES, "postgres")
    finally:
        stopping.set()
        await engine.down(volumes=True)
        engine.files = engine.checkout_files
    return [told, refused, f"{again:.1f} s from room to answers, {len(publishers.waits)} commands, each kept once"]


async def _refused(engine: Engine) -> str:
    """What another platform is told, once there is no room for the next of its offers."""
    server, elsewhere, until = engine.server, "elsewhere", time.monotonic() + 90
    headers = {"Authorization": f"Bearer {server.issue_token('platform', organisation=elsewhere)}"}
    async with httpx.AsyncClient(base_url=server.address("offers"), headers=headers, timeout=30) as client:
        while time.monotonic() < until:
            key = uuid4()
            body = {**offer_body(str(key)), "organisation": elsewhere}
            answer = await client.put(f"/offers/{elsewhere}--{key}", json=body, headers={"Idempotency-Key": str(key)})
            must(answer.status_code in {200, 201, 503}, f"a command was answered {answer.status_code}: {answer.text}")
            if answer.status_code == 503:
                return f"503 {answer.json()['title']}: {answer.json()['detail']}"
            await asyncio.sleep(0.05)
    raise Wrong("nothing was refused although the disk is full")


TROUBLES: dict[str, Callable[[Engine], Awaitable[list[str]]]] = {
    "a wrong password": wrong_password,
    "secrets that cannot be used": unreadable_secrets,
    "the secrets of another server": another_volume,
    "a missing secret": missing_secret,
    "a port that is taken": port_taken,
    "Kafka last": kafka_last,
    "no room for PostgreSQL": disk_full,
}
