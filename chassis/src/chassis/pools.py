"""Connections to the database of one service."""

from urllib.parse import urlsplit

import asyncpg


class DatabaseRefuses(Exception):
    """The server answers and does not let this role in; says which role and what to look at."""


async def open_pool(dsn: str, *, least: int = 1, most: int = 8) -> asyncpg.Pool:
    """A pool that gives a connection back without a round trip to reset its session.

    That is sound because nothing here changes a session: settings and advisory locks end with their transaction, and asyncpg
    rolls back what is still open. What needs a session (the relay's lock) opens a connection of its own.

    Raises:
        DatabaseRefuses: the password is wrong, or the database is not there yet.
        OSError, asyncpg.PostgresError: the database does not answer.
    """
    try:
        return await asyncpg.create_pool(dsn, min_size=least, max_size=most, command_timeout=60, timeout=10, reset=_left_as_it_is)
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise DatabaseRefuses(f"role {urlsplit(dsn).username}: its password is not the one that the migrations step has set") from None
    except asyncpg.InvalidCatalogNameError:
        raise DatabaseRefuses(f"there is no database {urlsplit(dsn).path.strip('/')}: the migrations step makes it") from None


async def _left_as_it_is(_: asyncpg.Connection) -> None:
    return None
