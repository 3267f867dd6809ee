"""`python -m chassis.asking`: is the service on this machine's port ready? Exit 0, or 1 and what it misses: an image's health check."""

import http.client
import json
import os
import sys

PATIENCE_SECONDS = 4


def missing(port: int) -> str:
    """What the service on this port of this machine says it misses; empty when it is ready."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        connection.request("GET", "/ready")
        return ", ".join(json.load(connection.getresponse())["missing"])
    except (OSError, http.client.HTTPException, ValueError, KeyError) as trouble:
        return f"it does not answer ({type(trouble).__name__})"


if __name__ == "__main__":
    if said := missing(int(os.environ["HTTP_PORT"])):
        sys.exit(f"not ready: {said}")
