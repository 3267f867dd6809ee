"""What is answered when something is wrong: a problem each time, no value that came from outside, nothing for a cache to keep."""

import json
from datetime import date

import httpx
import pytest
from edge_app import client, edge_app, parts
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chassis.handler import KeyReused, TryAgain
from chassis.http import WrittenDay
from chassis.pools import DatabaseAway
from chassis.problems import NotStrictJson, strict_json

JSON = {"Content-Type": "application/json"}


async def post(body: object, headers: dict[str, str] = JSON) -> httpx.Response:
    async with client(edge_app()) as ask:
        return await ask.post("/edge/seats", content=body, headers=headers)  # type: ignore[arg-type]  # bytes or an iterator of them


BROKEN = {
    "name twice": (b'{"name":"a","seats":1,"seats":2}', 400),
    "nan": (b'{"name":"a","seats":NaN}', 400),
    "infinite": (b'{"name":"a","seats":1e999}', 400),
    "not json": (b"{", 400),
    "not utf-8": (b'{"name":"\xe9","seats":1}', 400),
    "half a surrogate pair": (b'{"name":"\\ud800","seats":1}', 400),
    "nul": (b'{"name":"\\u0000","seats":1}', 400),
    "too deep": (b"[" * 60_000, 400),
    "integer of five thousand digits": (b'{"name":"a","seats":' + b"9" * 5000 + b"}", 400),
    "unknown field": (b'{"name":"a","seats":1,"Specimen":2}', 422),
    "missing field": (b'{"name":"a"}', 422),
    "wrong type": (b'{"name":"a","seats":"Specimen"}', 422),
    "too large": (b" " * 65_537, 413),
}


@pytest.mark.parametrize(("body", "status"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_body_is_a_problem_that_repeats_nothing_of_it(body: bytes, status: int) -> None:
    answer = await post(body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["status"] == status
    assert "Specimen" not in answer.text


@pytest.mark.parametrize(
    ("value", "rule"),
    [(b"NaN", "BAD_NUMBER"), (b"-1e999", "BAD_NUMBER"), (b"%d" % 2**63, "BAD_NUMBER"), (b"9" * 5000, "BAD_NUMBER"),
     (b"[" * 32 + b"]" * 32, "TOO_DEEP"), (b'1,"seats":2', "DUPLICATE_KEY"), (b'"\\u0000"', "BAD_JSON"), (b"+1", "BAD_JSON")],
)  # fmt: skip
async def test_json_that_is_not_strict_is_refused_with_a_rule_for_programs(value: bytes, rule: str) -> None:
    assert (await post(b'{"name":"[[","seats":%b}' % value)).json()["rule"] == rule


@pytest.mark.parametrize("value", [b"%d" % -(2**63), b"%d" % (2**63 - 1), b"[" * 31 + b"]" * 31, b'"' + b"[" * 99 + b'"', b'"\\"[[[\\\\"'])
def test_what_is_just_within_the_bounds_is_read(value: bytes) -> None:
    assert strict_json(b'{"seats":%b}' % value) == json.loads(b'{"seats":%b}' % value)


async def test_an_invalid_request_names_fields_and_rules() -> None:
    answer = await post(b'{"seats":"x","other":1}')
    assert sorted((error["field"], error["rule"]) for error in answer.json()["errors"]) == [
        ("body.(unknown)", "extra_forbidden"), ("body.name", "missing"), ("body.seats", "int_parsing"),
    ]  # fmt: skip


async def test_a_large_body_without_declared_length_is_stopped_on_its_way() -> None:
    assert (await post(parts(66))).status_code == 413


async def test_only_json_is_taken() -> None:
    assert (await post(b'{"name":"a","seats":1}', {"Content-Type": "text/plain"})).status_code == 415


async def test_a_route_marked_as_stream_takes_a_large_body_of_any_kind() -> None:
    async with client(edge_app()) as ask:
        answer = await ask.put("/edge/upload", content=parts(200))
    assert (answer.status_code, answer.json()) == (200, {"bytes": 200_000})


async def test_a_good_answer_is_not_kept_by_a_cache_either() -> None:
    answer = await post(b'{"name":"\\\\u0000 is but six letters","seats":1}')
    assert (answer.status_code, answer.json(), answer.headers["Cache-Control"]) == (200, {"seats": 1}, "no-store")


async def test_an_unforeseen_error_is_500_without_a_word_of_it_and_is_logged_by_type(capsys: pytest.CaptureFixture[str]) -> None:
    async with client(edge_app()) as ask:
        answer = await ask.get("/edge/unforeseen")
    told = capsys.readouterr()
    assert answer.status_code == 500
    assert "ValueError" in told.out
    assert "Specimen" not in answer.text + told.out + told.err


async def test_a_problem_that_a_route_raises_carries_its_rule() -> None:
    async with client(edge_app()) as ask:
        answer = await ask.get("/edge/foreseen")
    assert answer.status_code == 422
    assert answer.json() == {
        "type": "about:blank", "title": "List refused", "status": 422, "detail": "The list is empty.", "rule": "EMPTY_LIST",
    }  # fmt: skip


async def test_no_such_route_and_no_such_method_are_problems_too() -> None:
    async with client(edge_app()) as ask:
        lost, wrong = await ask.get("/Specimen"), await ask.delete("/edge/seats")
    assert (lost.status_code, wrong.status_code, wrong.headers["Allow"]) == (404, 405, "POST")
    assert "Specimen" not in lost.text


@pytest.mark.parametrize(
    ("trouble", "status"), [(KeyReused("x"), 422), (TryAgain("x"), 503), (DatabaseAway("x"), 503), (OSError("x"), 500)]
)
async def test_a_reused_key_is_422_and_a_store_that_is_away_503(trouble: Exception, status: int) -> None:
    app = edge_app()

    async def raising() -> None:
        raise trouble

    app.get("/trouble")(raising)
    async with client(app) as ask:
        assert (await ask.get("/trouble")).status_code == status


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"))
values = st.recursive(scalars | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)


@given(values)
def test_every_strict_json_value_is_read_as_it_was_written(value: object) -> None:
    assert strict_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(body: bytes) -> None:
    try:
        strict_json(body)
    except NotStrictJson as refused:
        assert str(refused).startswith("The body")


@pytest.mark.parametrize("day", [1210723200, "1210723200", 0.0, True, None, "2008-05-14T00:00:00", "2008-5-14", "2008-02-30", "٢٠٠٨-05-14"])
def test_a_day_is_never_read_out_of_a_number(day: object) -> None:
    written = TypeAdapter[date](WrittenDay)
    assert written.validate_python("2008-05-14") == date(2008, 5, 14)
    with pytest.raises(ValidationError):
        written.validate_python(day)
