"""Connections to the database of one service."""

from typing import Any
from urllib.parse import urlsplit

import asyncpg


class DatabaseAway(ConnectionError):
    """No connection can be opened just now; nothing was done."""


class DatabaseRefuses(Exception):
    """The server answers and does not let this role in; says which role and what to look at."""


async def open_pool(dsn: str, *, least: int = 1, most: int = 8) -> asyncpg.Pool:
    """A pool that gives a connection back without a round trip to reset its session.

    That is sound because nothing here changes a session: settings and advisory locks end with their transaction, and asyncpg
    rolls back what is still open. What needs a session (the relay's lock) opens a connection of its own.

    Raises:
        DatabaseRefuses: the password is wrong, or the database is not there yet.
        DatabaseAway, asyncpg.PostgresError: the database does not answer. Whoever takes a connection later may get these too.
    """
    try:
        return await asyncpg.create_pool(
            dsn, min_size=least, max_size=most, command_timeout=60, timeout=10, reset=_left_as_it_is, connect=_connect
        )
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise DatabaseRefuses(f"role {urlsplit(dsn).username}: its password is not the one that the migrations step has set") from None
    except asyncpg.InvalidCatalogNameError:
        raise DatabaseRefuses(f"there is no database {urlsplit(dsn).path.strip('/')}: the migrations step makes it") from None


async def _connect(*arguments: Any, **more: Any) -> asyncpg.Connection:  # noqa: ANN401 -- asyncpg's own, passed on
    """A name that cannot be looked up, a way that is not there, a port where nobody listens: all of them one thing to whoever asks."""
    try:
        return await asyncpg.connect(*arguments, **more)
    except OSError as away:  # TimeoutError too
        raise DatabaseAway(f"the database does not answer ({type(away).__name__})") from away


async def _left_as_it_is(_: asyncpg.Connection) -> None:
    return None
