"""What a service says to whoever watches it: JSON lines of listed keys, exceptions by their type, never a value from outside."""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO, cast
from uuid import UUID

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, FilteringBoundLogger

LISTED = frozenset({
    "timestamp", "level", "service", "room", "event", "trace_id", "span_id", "reason", "attempt", "attempts",
    "topic", "partition", "offset", "records", "events", "consumer", "port", "route", "status", "count", "seconds",
    "withheld", "list_id", "command_id", "event_id", "case_id", "person_id", "referral_id", "transmission_id",
})  # fmt: skip
LONGEST = 300

_ours = {"chassis", "contracts"}


def configure(service: str, level: str, to: TextIO | None = None) -> None:
    """Write to standard output, or `to`, from now on, our own logs and those of libraries, by the same rules."""
    number = logging.getLevelNamesMapping()[level.upper()]
    _ours.add(service)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _named(service),
            _traced,
            _exception_by_type,
            _listed_only,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(to),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_Libraries()], force=True)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger; it may be made at import, as it looks at the configuration only when it is used."""
    return cast("FilteringBoundLogger", structlog.get_logger(room=name))  # structlog types its lazy proxy as Any


def spoken(trouble: BaseException) -> str:
    """What may be said of an exception: its message if the class is ours, as we write no value into those; else type and place."""
    kind = type(trouble)
    if kind.__module__.partition(".")[0] in _ours:
        return f"{kind.__name__}: {trouble}"
    frames = traceback.extract_tb(trouble.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{kind.__name__}{place}"


class _Libraries(logging.Handler):
    """A library's log record by its template, as the arguments may hold anything."""

    def emit(self, record: logging.LogRecord) -> None:
        log = get_logger(record.name)
        trouble = record.exc_info[1] if record.exc_info else None
        reason = {"reason": spoken(trouble)} if trouble else {}
        log.log(record.levelno, _template(record), **reason)


def _template(record: logging.LogRecord) -> str:
    """The unfilled template; a text without arguments was perhaps filled by its writer, so it is told by its place only."""
    return str(record.msg) if record.args else f"{record.module}.{record.funcName}, line {record.lineno}"


def _named(service: str) -> structlog.typing.Processor:
    def add(_: object, __: str, event: EventDict) -> EventDict:
        return {**event, "service": service}

    return add


def _traced(_: object, __: str, event: EventDict) -> EventDict:
    here = trace.get_current_span().get_span_context()
    if here.is_valid:
        event["trace_id"], event["span_id"] = f"{here.trace_id:032x}", f"{here.span_id:016x}"
    return event


def _exception_by_type(_: object, __: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    trouble = given if isinstance(given, BaseException) else sys.exception() if given else None
    if trouble is not None:
        event.setdefault("reason", spoken(trouble))
    return event


def _listed_only(_: object, __: str, event: EventDict) -> Mapping[str, Any]:
    """Keep the listed keys whose values are plain; tell which others there were, by name."""
    kept: MutableMapping[str, Any] = {name: _plain(value) for name, value in event.items() if name in LISTED and _is_plain(value)}
    if withheld := sorted(event.keys() - kept.keys()):
        kept["withheld"] = withheld
    return kept


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool, UUID))


def _plain(value: object) -> object:
    return str(value)[:LONGEST] if isinstance(value, (str, UUID)) else value
