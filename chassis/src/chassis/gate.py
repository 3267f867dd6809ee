"""The gate: one span per request, a child of the caller's; whatever the request carries, the span holds no path and no value of it."""

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, use_span
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.telemetry import context_from

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})


class Gate:
    """ASGI middleware, to be added last so that only Starlette's own error layer stands around it. No span for `unseen` paths.

    It does the part of OpenTelemetry's HTTP conventions that our exporter lets through (chassis.telemetry), at a third of the
    price of the general instrumentation. A route is named by the path of its own router: routers are not nested here.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer, unseen: frozenset[str]) -> None:
        self._app, self._tracer, self._unseen = app, tracer, unseen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._unseen:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        attributes = {"http.request.method": method, "url.scheme": scope["scheme"], "network.protocol.version": scope["http_version"]}
        span = self._tracer.start_span(method, context=_carried(scope), kind=SpanKind.SERVER, attributes=attributes)

        async def send_seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                _tell_status(span, message["status"])
            await send(message)

        with use_span(span, end_on_exit=True, record_exception=False):
            try:
                await self._app(scope, receive, send_seen)
            finally:
                if route := getattr(scope.get("route"), "path", None):
                    span.set_attribute("http.route", route)
                    span.update_name(f"{method} {route}")


def _carried(scope: Scope) -> Context | None:
    found = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"traceparent", b"tracestate")}
    return context_from(found.get(b"traceparent"), found.get(b"tracestate"))


def _tell_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", str(status))
