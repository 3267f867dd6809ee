"""What an image's health check asks: ready, not ready and why, or no answer."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


@contextmanager
def answering(body: bytes) -> Iterator[int]:
    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ready" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    server = HTTPServer(("127.0.0.1", 0), Ready)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def asked(port: int) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "chassis.asking"], env={**os.environ, "HTTP_PORT": str(port)}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"ready": true, "missing": []}', 0, ""),
        (b'{"ready": false, "missing": ["the relay does not run"]}', 1, "not ready: the relay does not run"),
        (b"<html>", 1, "not ready: it does not answer (JSONDecodeError)"),
    ],
)
def test_what_is_missing_decides(body: bytes, status: int, said: str) -> None:
    with answering(body) as port:
        assert asked(port) == (status, said)


def test_no_answer_is_not_ready() -> None:
    with answering(b"") as port:
        pass
    assert asked(port) == (1, "not ready: it does not answer (ConnectionRefusedError)")
