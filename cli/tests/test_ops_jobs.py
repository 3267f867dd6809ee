"""`raccroche ops JOB SERVICE`: whose job it is and in whose environment, or a sentence that says what is missing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from chassis.settings import NEEDED
from raccroche.ops.commands import ops
from raccroche.stack import NotUp


def test_an_unknown_service_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    answer = CliRunner().invoke(ops, ["parked", "nobody", "--root", str(tmp_path)])
    assert (answer.exit_code, "there is no service nobody, but intake, followup" in answer.output) == (2, True)


def test_where_no_stack_is_up_and_no_environment_is_set_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("APP_DSN", "postgresql://nobody@127.0.0.1:1/nothing")
    answer = CliRunner().invoke(ops, ["rebuild", "followup", "cases", "--root", str(tmp_path)])
    assert isinstance(answer.exception, NotUp)
    assert "CONSUMER_DSN" in str(answer.exception) and "APP_DSN" not in str(answer.exception)


def test_elsewhere_the_callers_environment_is_taken_and_the_jobs_status_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in NEEDED:
        monkeypatch.setenv(name, "1")
    answer = CliRunner().invoke(ops, ["discard", "followup", "7", "--root", str(tmp_path)])
    assert answer.exit_code == 2
    assert "--because" in capfd.readouterr().err
