"""What is told to watchers: only listed keys and attributes, whatever somebody hands in; and traces that hold together."""

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace

from chassis import logs, telemetry
from chassis.decider import Refused

CANARY = "Zéphyrine-Specimen-0612345678"


class Configured:
    """Holds the logs of one test, parsed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure("specimen", "INFO")
        self._capsys = capsys

    def lines(self) -> list[dict[str, object]]:
        told = self._capsys.readouterr()
        assert CANARY not in told.out + told.err
        return [json.loads(line) for line in told.out.splitlines()]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Configured:
    return Configured(capsys)


def test_a_line_is_json_with_service_room_level_and_time(told: Configured) -> None:
    logs.get_logger("chassis.specimen").info("it is up", port=8001)
    (line,) = told.lines()
    assert {name: line[name] for name in ("event", "service", "room", "level", "port")} == {
        "event": "it is up", "service": "specimen", "room": "chassis.specimen", "level": "info", "port": 8001,
    }  # fmt: skip


def test_a_key_that_is_not_listed_is_withheld_and_named(told: Configured) -> None:
    logs.get_logger("x").warning("a line is rejected", family_name=CANARY, records=3, reason={"ine": CANARY})
    (line,) = told.lines()
    assert (line["records"], line["withheld"]) == (3, ["family_name", "reason"])


def test_a_foreign_exception_is_told_by_type_and_place_ours_in_our_words(told: Configured) -> None:
    log = logs.get_logger("x")
    for trouble in (ValueError(CANARY), Refused("no seat is free")):
        try:
            raise trouble
        except (ValueError, Refused):
            log.exception("it failed")
    foreign, ours = (str(line["reason"]) for line in told.lines())
    assert foreign.startswith("ValueError in test_a_foreign_exception")
    assert ours == "Refused: no seat is free"


def test_a_librarys_record_is_told_by_its_template(told: Configured) -> None:
    library = logging.getLogger("somebody.else")
    library.warning("cannot read %s", CANARY)
    library.warning(f"cannot read {CANARY}")
    try:
        raise ValueError(CANARY)
    except ValueError:
        library.exception("failed with %s", CANARY)
    first, second, third = told.lines()
    assert first["event"] == "cannot read %s"
    assert str(second["event"]).startswith("test_logs_and_telemetry.test_a_librarys")
    assert str(third["reason"]).startswith("ValueError")


def test_below_its_level_nothing_is_told(told: Configured) -> None:
    logs.get_logger("x").debug("not now")
    assert told.lines() == []


@given(st.dictionaries(st.text("abcdefgh_", min_size=1).filter(lambda name: name not in logs.LISTED), st.text() | st.integers()))
def test_no_unlisted_value_ever_passes(given_keys: dict[str, object]) -> None:
    kept = logs._listed_only(None, "", {"event": "said", **given_keys})
    assert set(kept) <= logs.LISTED
    assert kept["event"] == "said"


def spans_of(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_spans_reach_the_file_at_shutdown_with_listed_attributes_only(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    provider = telemetry.provider_of("specimen", file, None)
    tracer = provider.get_tracer("t")
    with pytest.raises(ValueError, match=CANARY), tracer.start_as_current_span("GET /cases/{case_id}") as span:
        span.set_attributes({"http.route": "/cases/{case_id}", "url.path": f"/cases/{CANARY}", "messaging.kafka.message.key": CANARY})
        span.add_event("opened", {"name": CANARY})
        raise ValueError(CANARY)
    provider.shutdown()
    assert CANARY not in file.read_text()
    (line,) = spans_of(file)
    assert (line["attributes"], line["status"], line["service"]) == ({"http.route": "/cases/{case_id}"}, "ERROR", "specimen")
    assert line["events"][1]["attributes"] == {"exception.type": "ValueError"}  # type: ignore[index]  # read back from JSON


def test_a_context_carried_in_an_event_is_the_parent_of_what_follows(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    provider = telemetry.provider_of("specimen", file, None)
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("said"):
        carried = telemetry.current_traceparent()
    with tracer.start_as_current_span("heard", context=telemetry.context_from(*carried)):
        pass
    with tracer.start_as_current_span("batch", links=telemetry.links_from([carried, carried, (None, None), ("rubbish", None)])):
        pass
    provider.shutdown()
    said, heard, batch = spans_of(file)
    assert str(carried[0]).startswith(f"00-{said['trace_id']}-{said['span_id']}-")
    assert (heard["trace_id"], heard["parent_id"]) == (said["trace_id"], said["span_id"])
    assert batch["links"] == [{"trace_id": said["trace_id"], "span_id": said["span_id"]}]


def test_a_batch_keeps_all_of_its_links(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    provider = telemetry.provider_of("specimen", file, None)
    contexts = [(f"00-{number:032x}-{number:016x}-01", None) for number in range(1, 501)]
    with provider.get_tracer("t").start_as_current_span("publish", links=telemetry.links_from(contexts)):
        pass
    provider.shutdown()
    assert len(spans_of(file)[0]["links"]) == 500  # type: ignore[arg-type]  # read back from JSON


def test_without_a_span_nothing_is_carried_and_nothing_is_a_parent() -> None:
    assert telemetry.current_traceparent() == (None, None)
    assert telemetry.context_from(None, None) is None
    assert telemetry.context_from("00-rubbish", "x=y") is None
    assert not trace.get_current_span().get_span_context().is_valid
