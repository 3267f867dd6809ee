"""What is taken off the engine again: a root's containers when it goes down, and what was left behind by a run that was killed."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from docker.errors import APIError, NotFound

from raccroche.stack.children import lives
from raccroche.stack.containers.engine import Container, engine
from raccroche.stack.containers.owned import ROOT, TAG, USER, Owned, this_user
from raccroche.stack.layout import Layout, read_json

PATIENCE_SECONDS = 15
GOING = {404, 409}  # gone, or its removal is in progress


def remove(layout: Layout) -> int:
    """End the root's containers and remove their network; their volumes stay. How many containers there were."""
    ours = dict(Owned(layout).by_tag)
    with engine() as client:
        found = client.containers.list(all=True, filters=ours, ignore_removed=True)
        for container in found:
            end(container)
        for network in client.networks.list(filters=ours):
            network.remove()
    return len(found)


def forget(layout: Layout, *processes: str) -> None:
    """Remove the volumes of these processes, and with them all that they kept; their containers must be gone."""
    owned = Owned(layout)
    with engine() as client:
        for process in processes:
            with suppress(NotFound):
                client.volumes.get(owned.name(process)).remove()


def sweep() -> None:
    """Remove what this user left here without an owner: containers whose supervisor died, and volumes whose whole root is gone."""
    mine = {"label": [f"{USER}={this_user()}", ROOT]}
    with engine() as client:
        for container in client.containers.list(all=True, filters=mine, ignore_removed=True):
            if not _is_supervised(container.labels):
                end(container)
        for what in (*client.networks.list(filters=mine), *client.volumes.list(filters=mine)):
            if not _has_its_root(what.attrs["Labels"]):
                with suppress(APIError):  # another sweep was quicker
                    what.remove()


def end(container: Container) -> None:
    """Politely first. One that somebody else removes meanwhile is gone as well."""
    try:
        container.reload()
        if container.status == "paused":
            container.unpause()  # a paused one cannot hear
        container.stop(timeout=PATIENCE_SECONDS)
        container.remove(v=True, force=True)
    except APIError as refused:
        if refused.status_code not in GOING:
            raise


def _has_its_root(labels: Mapping[str, str]) -> bool:
    return read_json(Layout(Path(labels[ROOT])).containers).get("tag") == labels[TAG]


def _is_supervised(labels: Mapping[str, str]) -> bool:
    state = read_json(Layout(Path(labels[ROOT])).state)
    return _has_its_root(labels) and lives(state.get("pid"), state.get("born"))
