"""Where time comes from: a protocol to be handed around, the wall clock, and a clock that a local stack can move forward."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Protocol

REREAD_SECONDS = 1.0


class Clock(Protocol):
    """Tells the instant, always aware and in UTC."""

    def now(self) -> datetime: ...


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class OffsetClock:
    """The machine's clock moved by the whole seconds that a file holds, read again at most each second.

    A file that is missing, half written or not a number leaves the last offset that was understood (0 at first).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = timedelta()
        self._read_at: float | None = None

    def now(self) -> datetime:
        read_at = monotonic()
        if self._read_at is None or read_at - self._read_at >= REREAD_SECONDS:
            self._read_at = read_at
            self._offset = self._read()
        return datetime.now(UTC) + self._offset

    def _read(self) -> timedelta:
        try:
            return timedelta(seconds=int(self._path.read_text()))
        except (OSError, ValueError, OverflowError):
            return self._offset
