"""The HTTP server of a service: uvicorn, whose signals are left to the service's own orderly stop."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """Answers until `should_exit`; SIGTERM is the service's affair, since relay and consumer stop in an order of their own."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(app, host=host, port=port, access_log=False, log_config=None, timeout_graceful_shutdown=5, lifespan="off")
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
