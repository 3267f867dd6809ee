"""Apache Kafka's jars, each pinned by coordinates and SHA-256, fetched once into the user's cache."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

AT_ONCE = 8
ATTEMPTS = 3


class WrongJar(Exception):
    """A jar is not the one that was pinned; it is removed and not used."""


@dataclass(frozen=True, kw_only=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def pinned() -> list[Jar]:
    """Every jar of `kafka-jars.txt`."""
    lines = files("raccroche.stack").joinpath("kafka-jars.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [Jar(group=g, artifact=a, version=v, sha256=digest) for coordinates, digest in rows for g, a, v in [coordinates.split(":")]]


def cache() -> Path:
    """The user's cache, shared by every checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "raccroche" / "kafka"


def fetch(show: Callable[[str], None], jars: list[Jar] | None = None, folder: Path | None = None) -> Path:
    """The folder that holds every pinned jar; downloads what is missing, eight at a time, and checks each.

    Raises:
        WrongJar: what came is not what was pinned.
        OSError: the network or the disk refuses, after a few attempts.
    """
    jars, folder = jars or pinned(), folder or cache()
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not _is_there(jar, folder)]
    if missing:
        show(f"fetching {len(missing)} jars of Apache Kafka, once, into the cache")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for count, done in enumerate(as_completed([pool.submit(_fetch, jar, folder) for jar in missing]), start=1):
                done.result()
                if count % 20 == 0 or count == len(missing):
                    show(f"{count} of {len(missing)} jars")
    return folder


def _is_there(jar: Jar, folder: Path) -> bool:
    path = folder / jar.name
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def _fetch(jar: Jar, folder: Path) -> None:
    from jgo.maven import MavenContext  # noqa: PLC0415 -- not there in an image, where no broker is started

    for attempt in range(1, ATTEMPTS + 1):
        try:
            context = MavenContext(repo_cache=folder / ".repository")
            found = Path(str(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()))
            break
        except Exception as trouble:
            if attempt == ATTEMPTS:
                raise OSError(f"{jar.name} could not be fetched: {type(trouble).__name__}") from trouble
    content = found.read_bytes()
    if hashlib.sha256(content).hexdigest() != jar.sha256:
        found.unlink()
        raise WrongJar(f"{jar.group}:{jar.artifact}:{jar.version} is not the jar that was pinned; it was removed and not used")
    beside = folder / f"{jar.name}.{os.getpid()}"
    beside.write_bytes(content)
    beside.replace(folder / jar.name)
