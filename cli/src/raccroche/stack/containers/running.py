"""The process that stands for one container: starts it, repeats what it says, ends it when told to, and ends as it does.

So the supervisor watches, restarts and stops a container as it does any process.
"""

import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from docker.errors import APIError, NotFound
from testcontainers.core.container import DockerContainer

from raccroche.stack import kafka, network
from raccroche.stack.containers.engine import AWAY, Container, engine
from raccroche.stack.containers.images import KafkaNode, Postgres
from raccroche.stack.containers.owned import NoEngine, Owned
from raccroche.stack.containers.sweeping import end
from raccroche.stack.drawing import ADMIN
from raccroche.stack.layout import Layout
from raccroche.stack.programs import Plan
from raccroche.stack.secrets import Secrets


def wanted(layout: Layout, plan: Plan, name: str) -> DockerContainer:
    """The container that is the process of this name."""
    owned = Owned(layout)
    if name == "postgres":
        return Postgres(owned, plan.ports["postgres"], Secrets(layout).passwords[ADMIN])
    node = next(node for node in plan.nodes if node.name == name)
    return KafkaNode(owned, node, plan.nodes, kafka.cluster_id(layout, plan.nodes))


def clear_the_way(owned: Owned, name: str) -> None:
    """End what stands here of a process that was killed; make the volume where there is none."""
    with engine() as client:
        with suppress(NotFound):
            end(client.containers.get(owned.name(name)))
        client.volumes.create(owned.name(name), labels=dict(owned.labels))


def stand_for(layout: Layout, name: str) -> int:
    """Start it and stay until it ends; its status. SIGTERM and SIGINT end it."""
    over: SimpleQueue[int] = SimpleQueue()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: over.put(0))
    plan = Plan.load(layout.plan)
    clear_the_way(Owned(layout), name)
    made = wanted(layout, plan, name)
    try:
        container = made.start().get_wrapped_container()
        _join_its_network(layout, plan, name, container)
        for work, given in ((_repeat, ()), (_wait, (over,))):
            threading.Thread(target=work, args=(container.id, *given), daemon=True).start()
        return over.get()
    finally:
        if (found := made._container) is not None:  # noqa: SLF001 -- there too when its start was refused
            end(found)


def _join_its_network(layout: Layout, plan: Plan, name: str, container: Container) -> None:
    for node in plan.nodes:
        if node.name == name and node.apart:
            container.reload()
            network.adopt(layout, node, int(container.attrs["State"]["Pid"]))


def _repeat(container: str) -> None:
    with suppress(*AWAY), engine() as client:
        for said in client.containers.get(container).logs(stream=True, follow=True):
            sys.stdout.buffer.write(said)
            sys.stdout.buffer.flush()


def _wait(container: str, over: SimpleQueue[int]) -> None:
    try:
        with engine() as client:
            over.put(int(client.api.wait(container)["StatusCode"]))
    except (*AWAY, NoEngine) as lost:
        print(f"the engine was lost: {type(lost).__name__}", flush=True)
        over.put(1)


def main() -> None:
    layout, name = Layout(Path(sys.argv[1])), sys.argv[2]
    try:
        status = stand_for(layout, name)
    except (NoEngine, APIError, network.NoNetwork) as refused:
        raise SystemExit(f"{name} cannot be started: {refused}") from None
    by_signal = status - 128  # as a shell would tell it
    if by_signal > 0:
        with suppress(OSError):  # SIGKILL has no handler to take away
            signal.signal(by_signal, signal.SIG_DFL)
        os.kill(os.getpid(), by_signal)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
