"""What people are told by `raccroche history`: each fault by name, one line an event, and exit codes that scripts can trust."""

from pathlib import Path
from uuid import UUID

import orjson
from typer.testing import CliRunner

from raccroche.history_commands import as_json, history, told
from raccroche.verification import Fault, Verdict

FAULT = Fault(source="/raccroche/offers", copy="store", private=False, sequence=5, event_id=UUID(int=1), what="type")


def verdict(*faults: Fault) -> Verdict:
    return Verdict(source="/raccroche/offers", events=6, private=0, waiting=0, head="ab" * 32, faults=faults)


def test_a_fault_names_source_place_event_copy_and_what_differs() -> None:
    assert str(FAULT) == f"/raccroche/offers sequence 5, event {UUID(int=1)}, store: type"


def test_one_fault_makes_the_whole_document_unverified() -> None:
    document = orjson.loads(as_json([verdict(), verdict(FAULT)]))
    assert document["verified"] is False
    assert document["speakers"]["offers"]["faults"] == [
        {
            "source": "/raccroche/offers", "copy": "store", "private": False, "sequence": 5,
            "event_id": str(UUID(int=1)), "what": "type",
        }
    ]  # fmt: skip


def test_a_speaker_without_fault_is_verified() -> None:
    assert orjson.loads(as_json([verdict()]))["verified"] is True


def test_a_line_of_a_story_says_when_we_knew_what_happened_who_and_why() -> None:
    line = told(
        {
            "recordedtime": "2026-02-01T08:00:00.000000Z", "time": "2026-01-10T00:00:00.000000Z", "actor": "/raccroche/followup",
            "type": "fr.raccroche.followup.CaseOpened.v1", "cause": {"type": "fr.raccroche.intake.DropoutDetected.v1", "id": "1"},
        }
    )  # fmt: skip
    assert line.split() == [
        "2026-02-01T08:00:00.000000Z", "CaseOpened", "happened", "2026-01-10", "by", "/raccroche/followup", "because", "of", "DropoutDetected",
    ]  # fmt: skip


def test_where_no_stack_runs_verify_says_so_and_exits_with_two(tmp_path: Path) -> None:
    answer = CliRunner().invoke(history, ["verify", "--root", str(tmp_path)])
    assert (answer.exit_code, "no local stack runs" in answer.output) == (2, True)


def test_where_no_database_answers_verify_exits_with_two(tmp_path: Path) -> None:
    nowhere = "postgresql://raccroche_auditor@127.0.0.1:1/postgres"
    answer = CliRunner().invoke(history, ["verify", "--root", str(tmp_path), "--auditor-dsn", nowhere])
    assert (answer.exit_code, "cannot be read" in answer.output) == (2, True)
