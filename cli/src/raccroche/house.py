"""The system as commands and demonstration handle it, wherever it runs: as local processes, or in containers on this machine."""

from pathlib import Path
from typing import Protocol

from raccroche.server import Server
from raccroche.stack import Stack


class House(Protocol):
    """Where each service answers, whom its tokens name, and what may be read behind it."""

    @property
    def bootstrap(self) -> str: ...

    def is_up(self) -> bool: ...

    def address(self, name: str) -> str: ...

    def auditor_dsn(self, database: str) -> str: ...

    def issue_token(
        self, role: str, *, uai: str | None = None, territory: tuple[str, ...] = (), organisation: str | None = None, sub: str | None = None
    ) -> str: ...

    def advance_clock(self, days: int) -> int: ...


def house_at(root: Path) -> House:
    """What keeps its files there: a server that was prepared for compose, else a local stack, whether it is up or not."""
    server = Server(root)
    return server if server.files.variables.exists() else Stack(root)
