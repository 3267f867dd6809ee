"""What the gate tells of a request, and what it does not."""

from collections.abc import Sequence

import pytest
from edge_app import client, edge_app, token
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.gate import Gate

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def spans_of(method: str, path: str, **headers: str) -> Sequence[ReadableSpan]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = edge_app()
    app.add_middleware(Gate, tracer=provider.get_tracer("specimen"), unseen=frozenset({"/health"}))
    async with client(app) as ask:
        await ask.request(method, path, headers=headers)
    return exporter.get_finished_spans()


async def test_a_request_is_a_span_with_its_route_and_status() -> None:
    (span,) = await spans_of("GET", "/edge/me", Authorization=f"Bearer {token()}")
    assert (span.name, span.kind.name, span.status.status_code.name) == ("GET /edge/me", "SERVER", "UNSET")
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET", "url.scheme": "http", "network.protocol.version": "1.1",
        "http.response.status_code": 200, "http.route": "/edge/me",
    }  # fmt: skip


async def test_the_span_is_a_child_of_the_callers() -> None:
    (span,) = await spans_of("GET", "/edge/me", traceparent=PARENT)
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (PARENT[3:35], PARENT[36:52])


async def test_a_context_that_is_none_begins_a_trace() -> None:
    (span,) = await spans_of("GET", "/edge/me", traceparent="00-specimen")
    assert span.parent is None


async def test_an_error_of_ours_is_an_error_a_refusal_is_not() -> None:
    (failed,) = await spans_of("GET", "/edge/unforeseen")
    (refused,) = await spans_of("GET", "/edge/foreseen")
    assert (failed.status.status_code.name, (failed.attributes or {})["error.type"]) == ("ERROR", "500")
    assert (refused.status.status_code.name, "error.type" in (refused.attributes or {})) == ("UNSET", False)


@pytest.mark.parametrize(("method", "path"), [("GET", "/specimen/2008-02-29"), ("SPECIMEN", "/edge/me?born=2008-02-29")])
async def test_nothing_that_the_caller_made_up_is_told(method: str, path: str) -> None:
    (span,) = await spans_of(method, path)
    assert "2008" not in span.to_json()
    assert "SPECIMEN" not in span.to_json()


async def test_what_nobody_wants_to_see_makes_no_span() -> None:
    assert await spans_of("GET", "/health") == ()
