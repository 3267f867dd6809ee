"""Processes or containers: chosen once per root, by whoever asks, else by `RACCROCHE_STACK`, else processes."""

import os

from raccroche.stack.containers.owned import Owned
from raccroche.stack.layout import Layout
from raccroche.stack.nodes import NotThisBroker, Shape
from raccroche.stack.processes import Processes
from raccroche.stack.source import Source

ASKED = "RACCROCHE_STACK"


def source_of(layout: Layout) -> Source:
    """As the root has it."""
    if not layout.containers.exists():
        return Processes(layout)
    from raccroche.stack.containers.source import Containers  # noqa: PLC0415 -- a third of a second that no other command should wait

    return Containers(layout)


def settled(layout: Layout, containers: bool | None) -> Source:  # noqa: FBT001 -- none: not said
    """From now on the root has it like this.

    Raises:
        NotThisBroker: it has it otherwise.
    """
    agree_on_source(layout, containers)
    if not layout.containers.exists() and not _has_processes(layout) and _is_asked(containers):
        Owned.drawn(layout)
    return source_of(layout)


def agree_on_source(layout: Layout, containers: bool | None) -> None:  # noqa: FBT001 -- none: not said
    """Is it what was asked for? What was not said is not asked for.

    Raises:
        NotThisBroker: the root has it otherwise, or `RACCROCHE_STACK` asks for what there is not.
    """
    _is_asked(containers)
    has = layout.containers.exists()
    if containers is not None and containers is not has and (has or _has_processes(layout)):
        kind = "containers" if has else "local processes"
        raise NotThisBroker(f"broker and database under {layout.root} are {kind}, which is not what was asked for: take another root")


def _has_processes(layout: Layout) -> bool:
    return (layout.postgres / "PG_VERSION").exists() or Shape.of(layout) is not None


def _is_asked(containers: bool | None) -> bool:  # noqa: FBT001 -- none: not said
    asked = os.environ.get(ASKED) or "processes"
    if asked not in {"processes", "containers"}:
        raise NotThisBroker(f"{ASKED}={asked}: broker and database are `processes` or `containers`")
    return asked == "containers" if containers is None else containers
