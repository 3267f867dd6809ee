"""What compose is told and what it mounts: one file of variables and a folder of secrets, made once and never written over."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raccroche.stack.kafka import fresh_cluster_id
from raccroche.stack.layout import SERVICES, Layout
from raccroche.stack.secrets import ADMIN, OPENS, Secrets

IMAGE_USER = 10001
POSTGRES_USER = 999
"""The user `postgres` of the official image, which is Debian's."""

PORTS = {"intake": 8101, "followup": 8102, "offers": 8103, "transmission": 8104, "history": 8105, "kafka": 9094, "postgres": 5433}


class NotPrepared(Exception):
    """There is no server here; says how to make one."""


class NotOurs(Exception):
    """Secrets are there and belong to somebody else."""


@dataclass(frozen=True)
class Files:
    """Everything under the server's folder."""

    root: Path

    @property
    def variables(self) -> Path:
        return self.root / "compose.env"

    @property
    def clock_offset(self) -> Path:
        """Read by services of a rehearsal only."""
        return self.root / "clock" / "clock-offset"

    @property
    def secrets(self) -> Secrets:
        return Secrets(Layout(self.root))

    def read(self) -> dict[str, str]:
        """The variables.

        Raises:
            NotPrepared: there are none.
        """
        try:
            lines = self.variables.read_text().splitlines()
        except FileNotFoundError:
            raise NotPrepared(f"there is no server in {self.root} yet: make up-compose") from None
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def port(self, name: str) -> int:
        return int(self.read()[variable(name)])


def variable(name: str) -> str:
    return f"{name.upper()}_PORT"


def prepare(root: Path, ports: Mapping[str, int] = PORTS) -> bool:
    """Draw the secrets and write the variables that are missing; whether anything was.

    Root's secrets are given to the users that the containers have; anybody else's containers run as whoever owns the secrets.

    Raises:
        NotOurs: they were made by another user, whose containers could not read what we add.
    """
    files = Files(root.resolve())
    if files.variables.exists() and files.variables.stat().st_uid != os.geteuid():
        raise NotOurs(f"{files.root} belongs to user {files.variables.stat().st_uid}: run this as that user")
    folder = Layout(files.root).secrets
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files.secrets.make()
    _share(files.secrets, folder)
    files.clock_offset.parent.mkdir(exist_ok=True)
    if not files.clock_offset.exists():
        files.clock_offset.touch()
    if files.variables.exists():
        return False
    as_root = os.geteuid() == 0
    user = f"{IMAGE_USER}:{IMAGE_USER}" if as_root else f"{os.geteuid()}:{os.getegid()}"
    lines = [
        "# Made once; ports and limits may be changed here, the rest not.",
        f"RACCROCHE_SERVER={files.root}", f"RACCROCHE_USER={user}", f"KAFKA_CLUSTER_ID={fresh_cluster_id()}",
        *(f"{variable(name)}={port}" for name, port in ports.items()),
    ]  # fmt: skip
    files.variables.write_text("\n".join(lines) + "\n")
    return True


def _share(secrets: Secrets, folder: Path) -> None:
    """A file of passwords for each service, and who may read what; a container gets only what is its own."""
    for service in SERVICES:
        roles = [f"raccroche_{service}_{suffix}" for suffix in ("app", "relay", "consumer")]
        roles += ["raccroche_keyring_app"] if service in OPENS else []
        _once(folder / f"{service}.pgpass", "".join(f"*:*:*:{role}:{secrets.passwords[role]}\n" for role in roles))
    _once(folder / "postgres-password", secrets.passwords[ADMIN])
    for path in folder.iterdir():
        path.chmod(0o600)
    if os.geteuid() == 0:
        for name in (
            "jwks.json",
            "identity.key",
            "passwords.json",
            *(f"master-{one}.json" for one in OPENS),
            *(f"{one}.pgpass" for one in SERVICES),
        ):
            os.chown(folder / name, IMAGE_USER, IMAGE_USER)
        os.chown(folder / "postgres-password", POSTGRES_USER, POSTGRES_USER)


def _once(path: Path, text: str) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(text)
