"""What a service answers when it cannot do as asked: RFC 9457 problems, that name fields and rules and never a value."""

import json
import math
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import asyncpg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.handler import KeyReused, TryAgain
from chassis.logs import get_logger, spoken

MAX_BODY_BYTES = 64 * 1024
RETRY_SECONDS = "1"
MAX_DEPTH = 32
MAX_DIGITS = 20
TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
ALIKE, NO_BRACKETS = bytes.maketrans(b"{}", b"[]"), bytes(set(range(256)) - set(b"[]{}"))

AWAY = (
    asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError, ConnectionError,
)  # fmt: skip

UNKEPT = {b"cache-control": b"no-store", b"x-content-type-options": b"nosniff"}

log = get_logger(__name__)


class Problem(Exception):
    """An answer other than the one hoped for. Title and detail are our own words; `rule` is a code that a program can match."""

    def __init__(self, status: int, title: str, detail: str, rule: str | None = None, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(title)
        self.status, self.title, self.detail, self.rule, self.headers = status, title, detail, rule, headers

    def response(self) -> Response:
        return _answer(self.status, self.title, self.detail, headers=self.headers, **({"rule": self.rule} if self.rule else {}))


def stream_upload[F: Callable[..., object]](endpoint: F) -> F:
    """Mark a route that reads its own raw body as a stream, limits its size itself, and takes no JSON."""
    endpoint.__stream_upload__ = True  # type: ignore[attr-defined]  # a mark on the function, read below
    return endpoint


def install(app: FastAPI) -> None:
    """Make every error of this app a problem, every JSON body strict and small, and no answer to be kept by a cache."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(KeyReused, _key_reused)
    app.add_exception_handler(TryAgain, _try_again)
    for away in AWAY:
        app.add_exception_handler(away, _try_again)
    app.add_middleware(Edge)


class Edge:
    """Outermost room of the app: watches bodies on their way in, headers on their way out, and exceptions that nobody answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_unkept(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*(one for one in message["headers"] if one[0].lower() not in UNKEPT), *UNKEPT.items()]
            await send(message)

        try:
            await self.app(scope, _strict(scope, receive), send_unkept)
        except Exception as unforeseen:  # noqa: BLE001 -- the last room: an unforeseen error is told by its type only
            log.error("a request failed", reason=spoken(unforeseen), route=_route_of(scope))
            if not started:
                failed = _answer(500, "Internal error", "Something failed here. Nothing of it is shown; it was logged.")
                await failed(scope, receive, send_unkept)


def _strict(scope: Scope, receive: Receive) -> Receive:
    """As `receive`, refusing a body that is too large or not strict JSON, unless the route that was chosen reads a stream."""
    body = bytearray()
    headers = dict(reversed(scope["headers"]))  # of a name that is there twice the first counts, as for the framework

    async def strict() -> Message:
        if getattr(scope.get("endpoint"), "__stream_upload__", False):
            return await receive()
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            raise HTTPException(413, TOO_LARGE)
        message = await receive()
        if message["type"] == "http.request":
            body.extend(message.get("body", b""))
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(413, TOO_LARGE)
            if body and not message.get("more_body", False):
                _refuse_unless_json(headers.get(b"content-type", b""), bytes(body))
        return message

    return strict


def _refuse_unless_json(content_type: bytes, body: bytes) -> None:
    if content_type.partition(b";")[0].strip().lower() != b"application/json":
        raise HTTPException(415, "Send the body as application/json.")
    try:
        strict_json(body)
    except NotStrictJson as wrong:
        raise Unreadable(str(wrong), wrong.rule) from None


class Unreadable(HTTPException):
    """A body that is no strict JSON; of this kind, since the framework answers for every other exception that reading a body raises."""

    def __init__(self, why: str, rule: str) -> None:
        super().__init__(400, why)
        self.rule = rule


class NotStrictJson(ValueError):
    """The bytes are not JSON that every reader understands alike; says why, without a value. `rule` is a code for programs."""

    def __init__(self, why: str, rule: str = "BAD_JSON") -> None:
        super().__init__(why)
        self.rule = rule


def strict_json(body: bytes) -> object:
    """Parse UTF-8 JSON (RFC 8259, as I-JSON narrows it).

    Raises:
        NotStrictJson: BAD_JSON, not UTF-8 or not JSON, NUL or half a surrogate pair in a text; DUPLICATE_KEY, a name that is
            there twice; BAD_NUMBER, NaN or a number out of range; TOO_DEEP.
    """
    if _too_deep(body):
        raise NotStrictJson(f"The body nests deeper than {MAX_DEPTH} levels.", "TOO_DEEP")
    try:
        parsed = json.loads(
            body.decode(), object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite, parse_int=_within_bounds
        )
        told = json.dumps(parsed, ensure_ascii=False).encode() if b"\\u" in body else b""  # only an escape makes either
    except NotStrictJson:
        raise
    except UnicodeError:
        raise NotStrictJson("The body is not valid UTF-8 text.") from None
    except ValueError:
        raise NotStrictJson("The body is not JSON.") from None
    if b"\\u0000" in told.replace(b"\\\\", b""):
        raise NotStrictJson("The body holds a NUL character.")
    return parsed


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJson("The body names a field twice.", "DUPLICATE_KEY")
    return found


def _no_constant(_: str) -> float:
    raise NotStrictJson("The body holds a number that is not finite.", "BAD_NUMBER")


def _within_bounds(text: str) -> int:
    number = int(text) if len(text) <= MAX_DIGITS else None
    if number is None or not -(1 << 63) <= number < 1 << 63:
        raise NotStrictJson("The body holds an integer beyond 64 bits.", "BAD_NUMBER")
    return number


def _too_deep(body: bytes) -> bool:
    """Do brackets nest deeper than MAX_DEPTH, outside of texts? Told before anything is parsed: innermost pairs go, level by level."""
    left = TEXTS.sub(b"", body).translate(ALIKE, NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        left = left.replace(b"[]", b"")
    return b"[]" in left or left.count(b"[") > MAX_DEPTH


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_constant(text)


TOO_LARGE = f"The body is larger than {MAX_BODY_BYTES} bytes."


async def _problem(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return problem.response()


async def _invalid(_: Request, invalid: Exception) -> Response:
    """Fields and rules. A name that we do not know came from outside, so it is not repeated."""
    assert isinstance(invalid, RequestValidationError)
    errors = [{"field": _field(error), "rule": str(error["type"])} for error in invalid.errors()]
    return _answer(422, "Invalid request", "Some fields break a rule; see errors.", rule="INVALID", errors=errors)


def _field(error: Any) -> str:  # noqa: ANN401 -- pydantic's error details, untyped in FastAPI
    known = error["loc"][:-1] if error["type"] in {"extra_forbidden", "invalid_key"} else error["loc"]
    return ".".join([*(str(part) for part in known), *(["(unknown)"] if known is not error["loc"] else [])])


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    rule = {"rule": error.rule} if isinstance(error, Unreadable) else {}
    return _answer(error.status_code, HTTPStatus(error.status_code).phrase, error.detail, headers=error.headers, **rule)


async def _key_reused(_: Request, __: Exception) -> Response:
    detail = "This Idempotency-Key was used for another request. The first answer stands; use a new key."
    return _answer(422, "Key reused", detail, rule="KEY_REUSED")


async def _try_again(_: Request, trouble: Exception) -> Response:
    log.warning("a request must come again", reason=spoken(trouble))
    detail = "Nothing was done. The same request, with the same key, may be sent again."
    return _answer(503, "Try again", detail, headers={"Retry-After": RETRY_SECONDS}, rule="TRY_AGAIN")


def _answer(status: int, title: str, detail: str, *, headers: Any = None, **more: object) -> Response:  # noqa: ANN401 -- any mapping of headers
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")


def _route_of(scope: Scope) -> str:
    """The route's template, never the path that was asked."""
    return str(getattr(scope.get("route"), "path", "unknown"))
