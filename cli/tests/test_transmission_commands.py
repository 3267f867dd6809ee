"""What an establishment is told by `raccroche transmission returns`, by a server that remembers what it was asked."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from answering import answering
from typer.testing import CliRunner

from raccroche.transmission_commands import transmission

FILE = "\ufeffliste;ligne;code;situation;depuis_le\r\n".encode()
TOLD = [
    {"period": "2026-04", "until": "2026-04-30T22:00:00Z", "lines": 3, "sealed_sha256": "ab", "current": True},
    {"period": "2026-03", "until": "2026-03-31T22:00:00Z", "lines": 2, "sealed_sha256": "cd", "current": False},
]


@dataclass
class Server:
    """Answers with what it was told to answer, and remembers the paths and tokens."""

    address: str = ""
    status: int = 200
    body: bytes = b"{}"
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    it = Server()

    def answer(request: BaseHTTPRequestHandler, _: bytes) -> tuple[int, bytes]:
        it.asked.append((request.path, request.headers.get("Authorization")))
        return it.status, it.body

    with answering(answer) as it.address:
        yield it


def run(server: Server, *arguments: str) -> tuple[int, bytes]:
    answer = CliRunner().invoke(transmission, ["returns", *arguments, "--address", server.address, "--token", "t"])
    return answer.exit_code, answer.stdout_bytes


def test_the_months_that_were_told_are_listed_and_which_file_is_replaced(server: Server) -> None:
    server.body = json.dumps({"returns": TOLD}).encode()
    assert run(server) == (0, b"2026-04  3 lines\n2026-03  2 lines  (replaced)\n")
    assert server.asked == [("/returns", "Bearer t")]


def test_json_is_one_document_and_of_one_month_where_it_is_named(server: Server) -> None:
    server.body = json.dumps({"returns": TOLD}).encode()
    code, output = run(server, "--json")
    assert (code, json.loads(output)) == (0, {"returns": TOLD})
    code, output = run(server, "--json", "--period", "2026-03")
    assert (code, json.loads(output)) == (0, {"returns": TOLD[1:]})
    assert run(server, "--json", "--period", "2026-02")[0] == 1


def test_a_file_comes_byte_for_byte(server: Server) -> None:
    server.body = FILE
    assert run(server, "--period", "2026-04") == (0, FILE)
    assert server.asked == [("/returns/2026-04.csv", "Bearer t")]


@pytest.mark.parametrize(("status", "code"), [(404, 1), (410, 1), (403, 2), (422, 2), (503, 2)])
def test_no_file_is_exit_one_and_any_other_refusal_two(server: Server, status: int, code: int) -> None:
    server.status, server.body = status, json.dumps({"title": "Not found", "detail": "No return information."}).encode()
    assert run(server, "--period", "2026-04") == (code, b"")


def test_no_stack_is_exit_two(tmp_path: Path) -> None:
    assert CliRunner().invoke(transmission, ["returns", "--root", str(tmp_path)]).exit_code == 2
