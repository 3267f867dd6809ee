"""The commands against an intake that answers by the book: pages walked to their end, the plan changes nothing, refusals are exit 2."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from raccroche import detection_commands
from raccroche.main import app

IMPACT = {"detections": 5, "contested": 1, "by_flags": {"both": 5}, "by_departement": {"44": 5}}
NEXT = {"": {"undone": 3, "after": "person-3"}, "person-3": {"undone": 2, "after": "person-5"}, "person-5": {"undone": 0, "after": None}}
FOUND = {"people": 9, "added": {"total": 6, "by_departement": {"44": 6}}, "removed": {"total": None, "by_departement": {"49": None}}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(
            f"{request.method} {request.url.path}"
            + (f"?{request.url.query.decode()}" if request.method == "GET" and request.url.query else "")
        )
        if "/9/" in request.url.path:
            return httpx.Response(404, json={"detail": "There is no such version of a rule."})
        if request.method == "POST":
            return httpx.Response(200, json=NEXT[request.url.params["after"]])
        return httpx.Response(200, json=IMPACT if request.url.path.endswith("impact") else FOUND)

    @contextmanager
    def intake(*_: object) -> Iterator[httpx.Client]:
        with httpx.Client(base_url="http://intake", transport=httpx.MockTransport(answer)) as client:
            yield client

    monkeypatch.setattr(detection_commands, "_intake", intake)
    return seen


def test_undoing_shows_the_impact_then_walks_to_the_end(asked: list[str]) -> None:
    done = CliRunner().invoke(app, ["intake", "detection", "undo", "--version", "1", "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"impact": IMPACT, "undone": 5})
    assert asked == ["GET /rules/siei/1/impact", *["POST /rules/siei/1/undo"] * 3]


def test_the_plan_asks_for_nothing_but_the_impact(asked: list[str]) -> None:
    done = CliRunner().invoke(app, ["intake", "detection", "undo", "--version", "1", "--plan"])
    assert done.exit_code == 0 and "detections that stand: 5" in done.stdout and "undone" not in done.stdout
    assert asked == ["GET /rules/siei/1/impact"]


def test_a_what_if_says_what_is_hidden(asked: list[str]) -> None:
    done = CliRunner().invoke(app, ["intake", "detection", "what-if", "--version", "2"])
    assert done.exit_code == 0 and "added: 6 (44 6)" in done.stdout and "removed: hidden (49 hidden)" in done.stdout
    assert asked == ["GET /rules/siei/2/what-if"]


def test_a_territory_is_asked_for_by_its_codes(asked: list[str]) -> None:
    where = ["--academie", "17", "--academie", "14", "--region", "11", "--departement", "2A"]
    for command in ("what-if", "funnel"):
        assert CliRunner().invoke(app, ["intake", "detection", command, "--version", "1", *where, "--json"]).exit_code == 0
    query = "academie=17&academie=14&region=11&departement=2A"
    assert asked == [f"GET /rules/siei/1/{command}?{query}" for command in ("what-if", "funnel")]


def test_an_unknown_version_is_bad_usage(asked: list[str]) -> None:
    done = CliRunner().invoke(app, ["intake", "detection", "undo", "--version", "9"])
    assert (done.exit_code, asked) == (2, ["GET /rules/siei/9/impact"])


def test_without_a_stack_it_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["intake", "detection", "what-if", "--version", "2", "--root", str(tmp_path)])
    assert done.exception is not None and "no local stack runs" in str(done.exception)
