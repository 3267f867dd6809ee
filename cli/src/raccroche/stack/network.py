"""A network of its own for each broker node, so that one can be cut off: namespaces on a bridge. Linux, root and `ip` only."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from raccroche.stack.layout import Layout
from raccroche.stack.nodes import Node

RANGES = "10.99"
INTERFACES, NAMESPACES = Path("/sys/class/net"), Path("/run/netns")
ASKS_IPTABLES = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


class NoNetwork(Exception):
    """Network namespaces cannot be had here, or one of them could not be made; says why."""


def check() -> None:
    """Raises NoNetwork: not here, not as this user."""
    if os.geteuid() != 0:
        raise NoNetwork("network namespaces need root")
    _ip_program()


def free_range(layout: Layout) -> str:
    """The first three numbers of 256 addresses that nobody here uses: looked for from a place that depends on the root.

    Raises:
        NoNetwork: all are taken.
    """
    first = int(_tag(layout), 16)
    taken = _addresses_and_routes()
    for step in range(256):
        candidate = f"{RANGES}.{(first + step) % 256}"
        if f"{candidate}." not in taken:
            return candidate
    raise NoNetwork(f"every range of {RANGES}.0.0/16 is in use")


def inside(layout: Layout, node: Node, command: list[str]) -> list[str]:
    """The same command within the node's network; `ip` becomes the command, so that its pid is the pid of what was started."""
    return [_ip_program(), "netns", "exec", _namespace(layout, node), *command] if node.apart else command


def make(layout: Layout, nodes: Sequence[Node]) -> None:
    """Bridge, and for each node that wants it a namespace joined to the bridge; nothing where none wants it.

    Raises:
        NoNetwork: refused, or somebody else uses these addresses.
    """
    apart = [node for node in nodes if node.apart]
    if not apart:
        return
    subnet = apart[0].host.rpartition(".")[0]
    if f"{subnet}." in _addresses_and_routes():
        raise NoNetwork(f"the addresses of this stack's nodes, {subnet}.0/24, are in use by something else here")
    bridge = _bridge(layout)
    _ip("link", "add", bridge, "type", "bridge")
    _ip("address", "add", f"{outside(apart[0])}/24", "dev", bridge)
    _ip("link", "set", bridge, "up")
    _let_through(bridge)
    for node in apart:
        _ip("netns", "add", _namespace(layout, node))
        _join_up(node, _namespace(layout, node), _cable(layout, node), bridge)


def adopt(layout: Layout, node: Node, pid: int) -> None:
    """A container's network takes the place of the node's namespace, and is joined to the bridge. pid: the container's."""
    namespace, cable = _namespace(layout, node), _cable(layout, node)
    if (INTERFACES / cable).exists():
        _ip("link", "delete", cable)
    if (NAMESPACES / namespace).exists():
        _ip("netns", "delete", namespace)
    _ip("netns", "attach", namespace, str(pid))
    _join_up(node, namespace, cable, _bridge(layout))


def _join_up(node: Node, namespace: str, cable: str, bridge: str) -> None:
    _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    _ip("link", "set", cable, "master", bridge, "up")
    _ip("-n", namespace, "address", "add", f"{node.host}/24", "dev", "eth0")
    _ip("-n", namespace, "link", "set", "lo", "up")
    _ip("-n", namespace, "link", "set", "eth0", "up")


def remove(layout: Layout) -> None:
    """Everything that `make` made under this root, also by a supervisor that was killed; nothing where there is nothing."""
    prefix = _prefix(layout)
    for interface in sorted(INTERFACES.glob(f"{prefix}*")):
        if interface.name == _bridge(layout):
            _no_longer_let_through(interface.name)
        _ip("link", "delete", interface.name)
    for namespace in sorted(NAMESPACES.glob(f"{prefix}-*")):
        _ip("netns", "delete", namespace.name)


def cut(layout: Layout, node: Node) -> None:
    """Nothing gets in or out any more, and nobody is told: what was sent is lost without an answer."""
    _ip("link", "set", _cable(layout, node), "down")


def mend(layout: Layout, node: Node) -> None:
    _ip("link", "set", _cable(layout, node), "up")


def silence(layout: Layout, node: Node, address: str) -> None:
    """What the node sends to this address is lost without an answer; what comes from there arrives."""
    _ip("-n", _namespace(layout, node), "route", "replace", "blackhole", f"{address}/32")


def unsilence(layout: Layout, node: Node, address: str) -> None:
    _ip("-n", _namespace(layout, node), "route", "delete", "blackhole", f"{address}/32")


def outside(node: Node) -> str:
    """Where everybody who is no node is, as the node sees it: the bridge's address."""
    return f"{node.host.rpartition('.')[0]}.1"


def _let_through(bridge: str) -> None:
    """Where a Docker engine runs, iptables is asked about what crosses a bridge, and lets pass what it knows and nothing else."""
    if _is_asked_of_iptables():
        _run(str(_found("iptables")), "-w", "-I", "FORWARD", *_within(bridge))


def _no_longer_let_through(bridge: str) -> None:
    if _is_asked_of_iptables():
        with suppress(NoNetwork):  # it was made before the engine ran
            _run(str(_found("iptables")), "-w", "-D", "FORWARD", *_within(bridge))


def _within(bridge: str) -> list[str]:
    return ["-i", bridge, "-o", bridge, "-j", "ACCEPT"]


def _is_asked_of_iptables() -> bool:
    return ASKS_IPTABLES.exists() and ASKS_IPTABLES.read_text().strip() == "1" and _found("iptables") is not None


def _found(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def _tag(layout: Layout) -> str:
    """What two stacks on one machine do not have in common."""
    return hashlib.sha256(str(layout.root).encode()).hexdigest()[:8]


def _prefix(layout: Layout) -> str:
    return f"rc{_tag(layout)}"


def _bridge(layout: Layout) -> str:
    return f"{_prefix(layout)}b"


def _namespace(layout: Layout, node: Node) -> str:
    return f"{_prefix(layout)}-{node.name}"


def _cable(layout: Layout, node: Node) -> str:
    """The end of the node's cable that is outside; Linux allows 15 letters."""
    return f"{_prefix(layout)}n{node.number}"


def _addresses_and_routes() -> str:
    return _ip("-4", "-o", "address", "show") + _ip("-4", "route", "show", "table", "all")


def _ip_program() -> str:
    found = _found("ip")
    if found is None:
        raise NoNetwork("network namespaces need Linux and its `ip` (package iproute2)")
    return found


def _ip(*words: str) -> str:
    return _run(_ip_program(), *words)


def _run(program: str, *words: str) -> str:
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)  # noqa: S603 -- the system's, no shell
    if done.returncode:
        raise NoNetwork(f"{Path(program).name} {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
