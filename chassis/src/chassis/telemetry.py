"""One trace from the gate to what is shown: spans of listed attributes, told as JSON lines or by OTLP, context carried in events."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, Status, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

MAX_LINKS = 4096
EXPORT_EACH_MILLISECONDS = 500
QUEUE = 16384

LISTED = frozenset({
    "messaging.system", "messaging.operation.name", "messaging.operation.type", "messaging.destination.name",
    "messaging.destination.partition.id", "messaging.batch.message_count", "messaging.consumer.group.name",
    "messaging.kafka.offset", "messaging.message.id", "messaging.message.conversation_id",
    "http.request.method", "http.response.status_code", "http.route", "url.scheme", "network.protocol.version",
    "db.system.name", "db.operation.name", "db.response.status_code",
    "error.type", "exception.type", "service.name",
})  # fmt: skip

_carrier = TraceContextTextMapPropagator()


def configure(service: str, spans_file: Path | None, otlp_endpoint: str | None) -> None:
    """Trace from now on; without file and endpoint contexts still pass through, so that a trace is not cut here."""
    trace.set_tracer_provider(provider_of(service, spans_file, otlp_endpoint))


def provider_of(service: str, spans_file: Path | None, otlp_endpoint: str | None) -> TracerProvider:
    """A provider that exports in batches to what is given, listed attributes only."""
    provider = TracerProvider(
        resource=Resource({"service.name": service}),
        span_limits=SpanLimits(max_links=MAX_LINKS),
    )
    exporters: list[SpanExporter] = []
    if spans_file is not None:
        exporters.append(JsonLines(spans_file))
    if otlp_endpoint is not None:
        exporters.append(OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces"))
    for exporter in exporters:
        provider.add_span_processor(
            BatchSpanProcessor(ListedOnly(exporter), max_queue_size=QUEUE, schedule_delay_millis=EXPORT_EACH_MILLISECONDS)
        )
    return provider


def flush() -> None:
    """Export what is still waiting; nothing is traced afterwards."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def current_traceparent() -> tuple[str | None, str | None]:
    """W3C traceparent and tracestate of the span in hand."""
    carrier: dict[str, str] = {}
    _carrier.inject(carrier)
    return carrier.get("traceparent"), carrier.get("tracestate")


def context_from(parent: str | None, state: str | None) -> Context | None:
    """The context that was carried, to be a parent; None if there was none or it is not one."""
    if parent is None:
        return None
    context = _carrier.extract({"traceparent": parent, **({"tracestate": state} if state else {})}, Context())
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def links_from(carried: Sequence[tuple[str | None, str | None]]) -> list[Link]:
    """A link to each context that was carried, once. Links carry no trace state: the ids alone say what belongs together."""
    parents = dict.fromkeys(parent for parent, _ in carried if parent)
    return [Link(context) for parent in parents if (context := _span_context(parent)) is not None]


TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


def _span_context(parent: str) -> SpanContext | None:
    """W3C Trace Context, version 00; none if it is not one."""
    found = TRACEPARENT.fullmatch(parent)
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


class ListedOnly(SpanExporter):
    """Passes spans on with listed attributes only; an exception keeps its type and loses its words."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_scrubbed(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _scrubbed(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name, context=span.context, parent=span.parent, resource=span.resource, kind=span.kind,
        attributes=_listed(span.attributes),
        events=[Event(event.name, _listed(event.attributes), event.timestamp) for event in span.events],
        links=[Link(link.context) for link in span.links],
        status=Status(span.status.status_code),
        start_time=span.start_time, end_time=span.end_time, instrumentation_scope=span.instrumentation_scope,
    )  # fmt: skip


def _listed(attributes: Mapping[str, AttributeValue] | None) -> dict[str, AttributeValue]:
    return {name: value for name, value in (attributes or {}).items() if name in LISTED}


class JsonLines(SpanExporter):
    """One span a line, appended to a file: what the local stack shows a trace from."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            with self._path.open("ab") as file:
                file.write(b"".join(orjson.dumps(_line(span)) + b"\n" for span in spans))
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing stays open between exports."""


def _line(span: ReadableSpan) -> dict[str, object]:
    context = span.get_span_context()
    return {
        "trace_id": f"{context.trace_id:032x}" if context else None,
        "span_id": f"{context.span_id:016x}" if context else None,
        "parent_id": f"{span.parent.span_id:016x}" if span.parent else None,
        "service": span.resource.attributes.get("service.name"),
        "name": span.name,
        "kind": span.kind.name,
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.name,
        "attributes": dict(span.attributes or {}),
        "events": [{"name": event.name, "at": event.timestamp, "attributes": dict(event.attributes or {})} for event in span.events],
        "links": [{"trace_id": f"{link.context.trace_id:032x}", "span_id": f"{link.context.span_id:016x}"} for link in span.links],
    }
