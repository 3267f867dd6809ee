"""What goes wrong on a server: each is told in a sentence that names the cause, and mended without losing anything."""

from collections.abc import Awaitable, Callable

from compose.engine import Engine

TROUBLES: dict[str, Callable[[Engine], Awaitable[list[str]]]] = {}
