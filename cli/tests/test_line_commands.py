"""What people are told by `raccroche intake` about held lines, and by `raccroche privacy`, by a server that remembers what it was asked."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from uuid import UUID

import pytest
import typer
from answering import answering
from typer.testing import CliRunner

from raccroche.line_commands import add_to
from raccroche.privacy_commands import privacy

LIST, MAIA = UUID(int=5), UUID(int=6)
INTAKE = typer.Typer()
add_to(INTAKE)
WAITS = {
    "list_id": str(LIST), "line": 7, "sender": "0440074S", "reference_date": "2026-01-31", "departement": "44", "at": "2026-02-02T08:00:00Z",
    "reasons": [{"rule": "IDENTITY_CONFLICT", "sentence": "…"}], "people": [str(MAIA)], "kept_until": "2026-03-04T08:00:00Z",
}  # fmt: skip
IDENTITY = {"family_name": "DUVALLON", "first_names": ["Maïa"], "birth_date": "2008-05-14", "birth_commune": "44109", "ine": None}


class Server:
    """Answers with what it was told to answer, and remembers the requests."""

    def __init__(self) -> None:
        self.address, self.status, self.answer = "", 200, {}  # type: tuple[str, int, dict[str, object]]
        self.asked: list[tuple[str, str, dict[str, object], str | None]] = []


@pytest.fixture
def server() -> Iterator[Server]:
    it = Server()

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        it.asked.append((request.command, request.path, json.loads(body or b"{}"), request.headers.get("Idempotency-Key")))
        return it.status, json.dumps(it.answer).encode()

    with answering(answer) as it.address:
        yield it


def run(server: Server, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(INTAKE, [*arguments, "--address", server.address, "--token", "t"])
    return done.exit_code, done.output


def test_held_lines_are_shown_with_their_reasons_and_whom_they_may_mean(server: Server) -> None:
    server.answer = {"held_lines": [WAITS]}
    code, output = run(server, "held-lines")
    assert code == 0 and f"{LIST} line 7  0440074S of 2026-01-31, département 44: IDENTITY_CONFLICT; kept until 2026-03-04" in output
    assert f"  may be {MAIA}" in output
    assert json.loads(run(server, "held-lines", "--json")[1]) == server.answer
    server.answer = {"held_lines": []}
    assert run(server, "held-lines") == (0, "no line waits\n")


def test_line_and_people_are_told_to_whoever_asks(server: Server) -> None:
    people = [{"person_id": str(MAIA), "erased": False, "identity": IDENTITY}, {"person_id": str(LIST), "erased": True, "identity": None}]
    server.answer = {"list_id": str(LIST), "line": 7, "said": {"kind": "leaver", "identity": IDENTITY}, "people": people}
    told = "DUVALLON, Maïa, 2008-05-14, 44109"
    assert run(server, "consult-line", str(LIST), "7") == (0, f"the line (leaver): {told}\n{MAIA}: {told}\n{LIST}: erased\n")
    server.answer = {**server.answer, "said": {"kind": "leaver", "identity": None, "family_name": "DUVЖLLON", "first_names": ["Maïa"]}}
    assert run(server, "consult-line", str(LIST), "7")[1].startswith("the line (leaver): DUVЖLLON, Maïa\n")


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (
            ("--person", str(MAIA), "--reason", "document_seen"),
            {"decision": "known_person", "person_id": str(MAIA), "reason": "document_seen"},
        ),
        (("--new",), {"decision": "new_person", "reason": "other"}),
        (("--discard", "cannot_tell"), {"decision": "discarded", "motive": "cannot_tell"}),
    ],
)
def test_a_decision_goes_to_its_line_with_a_key(server: Server, arguments: tuple[str, ...], body: dict[str, object]) -> None:
    server.status, server.answer = 201, {"events": []}
    assert run(server, "decide-line", str(LIST), "7", *arguments) == (0, f"{LIST} line 7: {body['decision']}\n")
    ((method, path, sent, key),) = server.asked
    assert (method, path, sent) == ("POST", f"/identity/held-lines/{LIST}/7/decide", body) and key is not None and UUID(key)


@pytest.mark.parametrize("arguments", [(), ("--new", "--discard", "other"), ("--new", "--person", str(MAIA)), ("--discard", "because")])
def test_no_decision_or_two_is_bad_usage(server: Server, arguments: tuple[str, ...]) -> None:
    assert run(server, "decide-line", str(LIST), "7", *arguments)[0] == 2
    assert server.asked == []


def test_an_erasure_tells_who_was_erased(server: Server) -> None:
    def erase() -> tuple[int, str]:
        done = CliRunner().invoke(privacy, ["erase", str(MAIA), "--address", server.address, "--token", "t"])
        return done.exit_code, done.output

    server.status, server.answer = 201, {"events": [{"stream": f"person-{MAIA}"}, {"stream": f"person-{LIST}"}]}
    assert erase() == (0, f"erased: {MAIA}\nerased: {LIST}\n")
    server.answer = {"events": []}
    assert erase() == (0, "erased before\n")
    assert [(method, path) for method, path, *_ in server.asked] == [("POST", f"/persons/{MAIA}/erase")] * 2


def test_what_intake_refuses_is_told_and_is_exit_2(server: Server) -> None:
    server.status, server.answer = 409, {"title": "Refused", "detail": "the line was decided upon otherwise"}
    code, output = run(server, "decide-line", str(LIST), "7", "--new")
    assert code == 2 and "intake says 409: Refused: the line was decided upon otherwise" in output
