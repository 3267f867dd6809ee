"""What people are told by `raccroche intake` about held lists, differences, sources and a report, by a server that remembers what it was asked."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import typer
from answering import answering
from typer.testing import CliRunner

from raccroche.keeping_commands import add_to

LIST = UUID(int=5)
INTAKE = typer.Typer()
add_to(INTAKE)


@dataclass
class Server:
    """Answers with what it was told to answer, and remembers the request."""

    address: str = ""
    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes, str | None]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    it = Server()

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        it.asked.append((request.command, request.path, body, request.headers.get("Idempotency-Key")))
        return it.status, json.dumps(it.answer).encode()

    with answering(answer) as it.address:
        yield it


def run(server: Server, *arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(INTAKE, [*arguments, "--address", server.address, "--token", "t"])
    return answer.exit_code, answer.output


def test_held_lists_are_shown_with_their_reasons(server: Server) -> None:
    reasons = [{"rule": "LIST_OUT_OF_ORDER", "sentence": "…"}, {"rule": "VOLUME_ANOMALY", "sentence": "…"}]
    one = {"list_id": str(LIST), "sender": "0440074S", "format": "csv", "reference_date": "2026-01-31", "reasons": reasons}
    server.answer = {"held": [one]}
    assert run(server, "held") == (0, f"{LIST}  0440074S csv of 2026-01-31: LIST_OUT_OF_ORDER, VOLUME_ANOMALY\n")
    code, output = run(server, "held", "--json")
    assert (code, json.loads(output)) == (0, server.answer)


@pytest.mark.parametrize(("decision", "path"), [("accept", "release"), ("refuse", "refuse")])
def test_a_decision_goes_to_its_route_with_a_key(server: Server, decision: str, path: str) -> None:
    assert run(server, "decide", str(LIST), decision)[0] == 0
    ((method, asked, _, key),) = server.asked
    assert (method, asked) == ("POST", f"/lists/{LIST}/{path}") and key is not None and UUID(key)


def test_a_difference_is_only_asked_for_unless_it_is_to_be_written(server: Server) -> None:
    server.answer = {
        "applied": False, "considered": 3, "gone": 1,
        "lines": [
            {"line": 2, "was": {"verdict": "rejected", "rules": ["NAME_INVALID"]}, "would_be": {"verdict": "accepted", "findings": []},
             "applies": True},
            {"line": 9, "was": {"verdict": "accepted", "rules": []},
             "would_be": {"verdict": "rejected", "findings": [{"field": "nom", "rule": "BAD_DATE", "sentence": "…"}]}, "applies": False},
        ],
    }  # fmt: skip
    for flag in ([], ["--plan"], ["--apply"]):
        code, output = run(server, "reprocess", str(LIST), *flag)
        assert code == 0 and "line 2: rejected (NAME_INVALID) → accepted\n" in output
        assert "line 9: accepted → rejected (BAD_DATE)  (shown only" in output
    assert [(method, path) for method, path, *_ in server.asked] == [
        ("GET", f"/lists/{LIST}/reprocess"), ("GET", f"/lists/{LIST}/reprocess"), ("POST", f"/lists/{LIST}/reprocess"),
    ]  # fmt: skip


def test_a_report_is_sent_as_it_is_and_a_rejected_one_exits_with_one(server: Server, tmp_path: Path) -> None:
    file, key = tmp_path / "report.json", uuid4()
    file.write_bytes(b'{"nom": "DUVALLON"}')
    server.status, server.answer = 201, {"report_id": str(LIST), "verdict": "accepted", "findings": []}
    assert run(server, "report", str(file), "--key", str(key)) == (0, "accepted\n")
    server.status = 422
    server.answer = {
        "verdict": "rejected",
        "findings": [{"field": "nom", "rule": "MISSING_FIELD", "sentence": "Un champ obligatoire est vide."}],
    }
    code, output = run(server, "report", str(file), "--self")
    assert (code, output) == (1, "rejected\n  nom: MISSING_FIELD: Un champ obligatoire est vide.\n")
    assert [(path, body) for _, path, body, _ in server.asked] == [
        ("/reports", b'{"nom": "DUVALLON"}'), ("/self-referrals", b'{"nom": "DUVALLON"}'),
    ]  # fmt: skip
    assert server.asked[0][3] == str(key)


def test_silent_sources_are_asked_for_and_a_cadence_is_set(server: Server) -> None:
    one = {"sender": "0440074S", "format": "csv", "content": "leavers", "basis": "set", "every_days": 7, "heard_on": "2026-02-02"}
    server.answer = {"sources": [{**one, "silent_after": "2026-02-12", "silent": True}]}
    code, output = run(server, "sources", "--silent")
    assert (code, output.split()[0]) == (0, "SILENT")
    assert run(server, "cadence", "0440074S", "csv", "leavers", "7")[0] == 0
    assert [(path, body) for _, path, body, _ in server.asked] == [
        ("/sources?silent=true", b""), ("/sources/0440074S/csv/leavers/cadence", b'{"every_days":7}'),
    ]  # fmt: skip


def test_a_refusal_is_one_sentence_and_exit_two(server: Server) -> None:
    server.status, server.answer = 409, {"title": "Refused", "detail": "the list is not held"}
    assert run(server, "decide", str(LIST), "accept") == (2, "intake says 409: Refused: the list is not held\n")


def test_where_no_stack_runs_it_says_so_and_exits_with_two(tmp_path: Path) -> None:
    answer = CliRunner().invoke(INTAKE, ["held", "--root", str(tmp_path)])
    assert (answer.exit_code, "no local stack runs" in answer.output) == (2, True)


def test_figures_of_a_territory_are_asked_for_by_its_codes_and_what_is_hidden_is_said(server: Server) -> None:
    server.answer = {
        "lists": 3,
        "detections": None,
        "complete": True,
        "silent": [{"sender": "0440074S", "format": "csv", "content": "all"}],
        "missed": [{"uai": "0750654D", "sender": "0440074S", "format": "siecle", "last_told": "2026-01-15"}],
    }
    words = ["figures", "--academie", "17", "--departement", "75", "--address", server.address, "--token", "t"]
    shown = CliRunner().invoke(INTAKE, words)
    assert (shown.exit_code, [path for _, path, _, _ in server.asked]) == (0, ["/figures?academie=17&departement=75"])
    assert (
        "detections: hidden" in shown.stdout
        and "SILENT  0440074S csv all" in shown.stdout
        and "MISSED  0750654D of 0440074S" in shown.stdout
    )
    server.answer = {"lists": None, "complete": None, "silent": None, "missed": None}
    shown = CliRunner().invoke(INTAKE, words)
    assert shown.stdout.splitlines() == ["lists: hidden", "complete: hidden", "silent: hidden", "missed: hidden"]
