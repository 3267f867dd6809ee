"""The catalogue against its published files: schemas up to date, one example per event, each read by libraries of another make."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from contracts.catalogue import BY_TYPE, EVENTS, TOPICS, UnknownType, dataschema_of, decode, topic_of
from contracts.envelope import MalformedEnvelope, from_headers
from contracts.event import Event
from contracts.fields import CLASSIFICATION
from contracts.schemas import main, path_of, stale, write

HOME = Path(__file__).parents[1]
SCHEMAS, EXAMPLES = HOME / "schemas", HOME / "examples"
SAID = [event for event in EVENTS if not event.private]
PERSONAL = re.compile(r"(^|_)(name|names|nom|prenom|ine|birth|phone|phones|email|address|nir|nationality|health)(_|$)")
PUBLIC_NAMES = {"OfferPublished.name"}


def example(event: type[Event]) -> dict[str, Any]:
    return dict(json.loads(path_of(event, EXAMPLES).read_text(encoding="utf-8")))


def headers(document: dict[str, Any]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in document["headers"].items()]


each = pytest.mark.parametrize("event", SAID, ids=lambda event: event.__name__)


def test_the_committed_schemas_are_those_of_the_events() -> None:
    assert stale(SCHEMAS) == []


def test_a_schema_that_was_changed_forgotten_or_left_over_is_found(tmp_path: Path) -> None:
    write(tmp_path)
    changed, forgotten, left = (
        tmp_path / "intake/ListClosed.v1.json",
        tmp_path / "offers/SeatsChanged.v1.json",
        tmp_path / "offers/Gone.v1.json",
    )
    changed.write_text(changed.read_text().replace("integer", "string"))
    forgotten.unlink()
    left.write_text("{}")
    assert stale(tmp_path) == sorted([changed, forgotten, left])
    assert main([str(tmp_path), "--check"]) == 1


def test_every_event_that_is_said_has_one_example_and_nothing_else_has() -> None:
    assert {path_of(event, EXAMPLES) for event in SAID} == set(EXAMPLES.glob("*/*.json"))


@each
def test_consumers_accept_the_example_and_producers_write_it_byte_for_byte(event: type[Event]) -> None:
    document = example(event)
    envelope = from_headers(headers(document))
    body = document["value"].encode()
    decoded = decode(envelope.attributes.type, body)
    assert isinstance(decoded, event)
    assert decoded.to_bytes() == body
    assert (document["topic"], document["key"]) == (topic_of(event.speaker), decoded.subject)
    attributes = envelope.attributes
    assert (attributes.subject, attributes.streamid, attributes.dataschema) == (decoded.subject, decoded.stream, dataschema_of(event))
    assert attributes.digest == hashlib.sha256(body).hexdigest()


@each
def test_the_example_validates_against_its_committed_schema(event: type[Event]) -> None:
    schema = json.loads(path_of(event, SCHEMAS).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    value = json.loads(example(event)["value"])
    jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)
    for field in schema["required"]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: one for name, one in value.items() if name != field}, schema)


@each
def test_the_cloudevents_library_reads_the_example_as_we_do(event: type[Event]) -> None:
    document = example(event)
    message = KafkaMessage(headers=dict(headers(document)), key=document["key"].encode(), value=document["value"].encode())
    read = from_binary(message, JSONFormat(), CloudEvent)
    ours = from_headers(headers(document)).attributes
    assert (read.get_id(), read.get_source(), read.get_type(), read.get_subject()) == (str(ours.id), ours.source, ours.type, ours.subject)
    assert read.get_time() == ours.time
    assert read.get_extension("sequence") == document["headers"]["ce_sequence"]
    data = read.get_data()
    assert (json.loads(data) if isinstance(data, str | bytes) else data) == json.loads(document["value"])


SPOILT = [
    ("missing", lambda found: [one for one in found if one[0] != "ce_subject"]),
    ("twice", lambda found: [*found, ("ce_subject", b"somebody")]),
    ("twice under the other name", lambda found: [*found, ("ce_datacontenttype", b"application/json")]),
    ("null", lambda found: [(name, None if name == "ce_actor" else value) for name, value in found]),
    ("not UTF-8", lambda found: [(name, b"\xff" if name == "ce_actor" else value) for name, value in found]),
    ("no number", lambda found: [(name, b"first" if name == "ce_sequence" else value) for name, value in found]),
    ("another version", lambda found: [(name, b"0.3" if name == "ce_specversion" else value) for name, value in found]),
]


@pytest.mark.parametrize("spoil", [spoil for _, spoil in SPOILT], ids=[name for name, _ in SPOILT])
def test_malformed_headers_are_refused_by_name_and_without_values(spoil: Any) -> None:
    with pytest.raises(MalformedEnvelope) as refused:
        from_headers(spoil(headers(example(EVENTS[0]))))
    assert "ce_" in str(refused.value) or "sequence" in str(refused.value) or "header" in str(refused.value)
    assert "somebody" not in str(refused.value)


def test_an_unknown_type_is_no_event() -> None:
    with pytest.raises(UnknownType):
        decode("fr.raccroche.intake.SomethingElse.v1", b"{}")


def test_names_on_the_wire_are_unique_and_every_speaker_has_one_topic() -> None:
    assert len(BY_TYPE) == len(EVENTS)
    assert {event.speaker for event in EVENTS} == {topic.speaker for topic in TOPICS}


def forgotten(events: tuple[type[Event], ...], kind: type[Event] = Event) -> list[type[Event]]:
    """Events that a room of `contracts` defines, of which nothing else is made, and that are not among these."""
    below = [one for one in kind.__subclasses__() if one.__module__.startswith("contracts.")]
    if not below:
        return [] if kind in events else [kind]
    return [event for one in below for event in forgotten(events, one)]


def test_every_event_that_is_defined_is_in_the_catalogue() -> None:
    assert forgotten(EVENTS) == []


@each
def test_an_event_that_the_catalogue_forgot_is_found(event: type[Event]) -> None:
    assert forgotten(tuple(one for one in EVENTS if one is not event)) == [event]


def leaves(schema: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field with a value of its own, with the path at which it stands."""
    for name, field in schema.get("properties", {}).items():
        inner = _resolved(field, schema)
        if "properties" in inner:
            yield from leaves({**inner, "$defs": schema.get("$defs", {})}, f"{place}.{name}")
        else:
            yield f"{place}.{name}", field


def _resolved(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = field.get("$ref")
    return dict(schema["$defs"][reference.rpartition("/")[2]]) if reference else field


def classes_of(field: dict[str, Any]) -> set[str]:
    options = [field, *field.get("anyOf", [])]
    return {option[CLASSIFICATION] for option in options if CLASSIFICATION in option}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_every_field_has_exactly_one_classification(event: type[Event]) -> None:
    schema = {**event.model_json_schema(), "$defs": event.model_json_schema().get("$defs", {})}
    for place, field in leaves(schema, event.__name__):
        assert len(classes_of(field)) == 1, place
        assert classes_of(field) <= {"public", "pseudonymous", "sealed"}, place


def unsealed_personal(event: type[Event]) -> list[str]:
    schema = {**event.model_json_schema(), "$defs": event.model_json_schema().get("$defs", {})}
    return [
        place for place, field in leaves(schema, event.__name__)
        if PERSONAL.search(place.rpartition(".")[2]) and classes_of(field) != {"sealed"} and place not in PUBLIC_NAMES
    ]  # fmt: skip


def test_no_personal_field_travels_unsealed() -> None:
    assert [place for event in EVENTS for place in unsealed_personal(event)] == []


def test_a_personal_field_that_travelled_unsealed_would_be_found() -> None:
    class Leaky(Event):
        family_name: str
        phone: str

    assert unsealed_personal(Leaky) == ["Leaky.family_name", "Leaky.phone"]


def test_sealed_fields_in_examples_are_no_readable_text() -> None:
    tokens = [token for event in SAID for token in re.findall(r"v1\.[a-z]+\.([A-Za-z0-9_-]+)", example(event)["value"])]
    assert tokens
    for token in tokens:
        with pytest.raises(UnicodeDecodeError):
            base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
