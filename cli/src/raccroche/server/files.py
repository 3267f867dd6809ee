"""What compose is told and what it mounts: one file of variables and a folder of secrets, made once and never written over."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raccroche.stack.drawing import ADMIN, OPENS, write_whole
from raccroche.stack.kafka import fresh_cluster_id
from raccroche.stack.layout import SERVICES, Layout
from raccroche.stack.secrets import Secrets, roles_of

IMAGE_USER = 10001
POSTGRES_USER = 999
"""The user `postgres` of the official image, which is Debian's."""

PORTS = {"intake": 8101, "followup": 8102, "offers": 8103, "transmission": 8104, "history": 8105, "kafka": 9094, "postgres": 5433}


VARIABLES_LOST = (
    "put back the copy (docs/one-server.md). A new one would bear another cluster id than Kafka's volume, which tells its own: "
    "docker run --rm -u 0 -v raccroche_kafka:/from:ro --entrypoint grep postgres:18 cluster.id /from/meta.properties. "
    "A file with nothing but KAFKA_CLUSTER_ID=<this> is completed. "
    "Where nothing was ever started, remove the whole folder and begin anew"
)


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
        except (FileNotFoundError, NotADirectoryError):
            raise NotPrepared(f"there is no server in {self.root} yet: make up-compose") from None
        except (OSError, UnicodeDecodeError) as trouble:
            raise NotPrepared(
                f"{self.variables} cannot be read ({type(trouble).__name__}): put back the copy (docs/one-server.md)"
            ) from None
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def port(self, name: str) -> int:
        """On loopback.

        Raises:
            NotPrepared: there is none, or it is no port.
        """
        told = self.read().get(variable(name), "")
        if not told.isdecimal() or not 0 < int(told) < 65_536:
            raise NotPrepared(f"{self.variables} says {variable(name)}={told}, which is no port")
        return int(told)


def variable(name: str) -> str:
    return f"{name.upper()}_PORT"


def prepare(root: Path, ports: Mapping[str, int] = PORTS) -> bool:
    """The first time, draw the secrets and write the variables; later, mend what follows from them. Whether it was the first.

    Root's secrets are given to the users that the containers have; anybody else's containers run as whoever owns the secrets.
    A folder that was moved, or put back from a copy by somebody else, is told to compose as it is now.

    Raises:
        NotOurs: they were made by another user, whose containers could not read what we add.
        NotPrepared: only some of it is there. SecretLost: see there.
    """
    files = Files(root.resolve())
    folder = _folder(files)
    first = not files.variables.exists()
    if first and any(folder.iterdir()):
        raise NotPrepared(f"{files.variables} is missing although there are secrets in {folder}: {VARIABLES_LOST}")
    known = {} if first else files.read()
    if not first and not known.get("KAFKA_CLUSTER_ID"):
        raise NotPrepared(f"{files.variables} names no KAFKA_CLUSTER_ID: {VARIABLES_LOST}")
    files.secrets.make(first=first, shares=_shares)
    _give_away(folder)
    if not files.clock_offset.exists():
        files.clock_offset.touch()
    _write_variables(files, known, ports)  # last: it says that everything else is there
    return first


def _folder(files: Files) -> Path:
    """The folder of secrets, which is there afterwards and closed to others."""
    folder = Layout(files.root).secrets
    try:
        if files.variables.exists() and files.variables.stat().st_uid != os.geteuid():
            raise NotOurs(f"{files.root} belongs to user {files.variables.stat().st_uid}: run this as that user")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        files.clock_offset.parent.mkdir(exist_ok=True)
    except (NotADirectoryError, FileExistsError):
        raise NotPrepared(f"{files.root} is a file, or has one where a folder is to be: name a folder") from None
    except PermissionError:
        raise NotOurs(f"{files.root} may not be written by user {os.geteuid()}: run this as the user who owns it") from None
    return folder


def _write_variables(files: Files, known: Mapping[str, str], ports: Mapping[str, int]) -> None:
    user = f"{IMAGE_USER}:{IMAGE_USER}" if os.geteuid() == 0 else f"{os.geteuid()}:{os.getegid()}"
    ours = {"RACCROCHE_SERVER": str(files.root), "RACCROCHE_USER": user}
    drawn = {"KAFKA_CLUSTER_ID": known.get("KAFKA_CLUSTER_ID") or fresh_cluster_id()}
    wanted = ours | drawn | {variable(name): known.get(variable(name)) or str(port) for name, port in ports.items()}
    if all(known.get(name) == value for name, value in wanted.items()):
        return
    lines = files.variables.read_text().splitlines() if known else ["# Made once; ports and limits may be changed here, the rest not."]
    others = [line for line in lines if line.partition("=")[0] not in wanted]
    write_whole(files.variables, "\n".join([*others, *(f"{name}={value}" for name, value in wanted.items())]) + "\n")
    files.variables.chmod(0o644)


def _shares(passwords: Mapping[str, str]) -> dict[str, str]:
    """A file of passwords for each service, and PostgreSQL's own; a container gets only what is its own."""
    roles = {one: [*roles_of(one), *(["raccroche_keyring_app"] if one in OPENS else [])] for one in SERVICES}
    texts = {f"{one}.pgpass": "".join(f"*:*:*:{role}:{passwords[role]}\n" for role in some) for one, some in roles.items()}
    return texts | {"postgres-password": passwords[ADMIN]}


def _give_away(folder: Path) -> None:
    """Each file to whom it is for, and to nobody else."""
    for path in folder.iterdir():
        path.chmod(0o600)
    if os.geteuid() == 0:
        masters, passwords = [f"master-{one}.json" for one in OPENS], [f"{one}.pgpass" for one in SERVICES]
        for name in ("jwks.json", "identity.key", "passwords.json", *masters, *passwords):
            os.chown(folder / name, IMAGE_USER, IMAGE_USER)
        os.chown(folder / "postgres-password", POSTGRES_USER, POSTGRES_USER)
        for name in ("signing.json", "master.json"):
            os.chown(folder / name, 0, 0)
