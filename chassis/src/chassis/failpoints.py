"""Named points at which a test may kill the process, armed once at start; unarmed they cost one dictionary look-up."""

import os
import signal

SIGN = "ends at failpoint "

_armed: dict[str, int] = {}


def arm(specification: str | None) -> None:
    """Arm `name:nth`: the process kills itself (SIGKILL) the nth time that point is passed. Refused names none."""
    _armed.clear()
    if specification:
        name, _, nth = specification.partition(":")
        _armed[name] = int(nth or 1)


def failpoint(name: str) -> None:
    if name in _armed:
        _armed[name] -= 1
        if _armed[name] <= 0:
            os.write(2, f"{SIGN}{name}\n".encode())  # whoever counts must tell this end from one that came from outside
            os.kill(os.getpid(), signal.SIGKILL)
