"""What on a Docker engine belongs to which root; and the two ways in which an engine is of no use."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex

from raccroche.stack.layout import Layout, read_json, write_json

ROOT, TAG, USER = "fr.raccroche.root", "fr.raccroche.tag", "fr.raccroche.user"


def this_user() -> str:
    """On this machine: of others' roots nothing can be told from here."""
    return f"{os.getuid()}@{socket.gethostname()}"


class NoEngine(Exception):
    """No Docker engine that could be used; says what to install or to leave out."""


class NoImage(Exception):
    """An image is not there and cannot be pulled; says which, and what to do."""


@dataclass(frozen=True)
class Owned:
    """What one root has, by name. The tag is drawn with the root: another root at the same path is another owner."""

    layout: Layout

    @property
    def tag(self) -> str:
        return str(read_json(self.layout.containers)["tag"])

    @property
    def network(self) -> str:
        return f"raccroche-{self.tag}"

    def name(self, process: str) -> str:
        """Of the container that is this process of the stack, and of the volume that keeps its data."""
        return f"raccroche-{self.tag}-{process}"

    @property
    def labels(self) -> Mapping[str, str]:
        return {ROOT: str(self.layout.root), TAG: self.tag, USER: this_user()}

    @property
    def by_tag(self) -> Mapping[str, str]:
        """The engine's filter for what this root has."""
        return {"label": f"{TAG}={self.tag}"}

    @classmethod
    def drawn(cls, layout: Layout) -> "Owned":
        """From now on this root has its broker and its database in containers."""
        if not layout.containers.exists():
            write_json(layout.containers, {"tag": token_hex(5)})
        return cls(layout)
