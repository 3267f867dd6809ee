"""Connections to the database of one service."""

import asyncpg


async def open_pool(dsn: str, *, least: int = 1, most: int = 8) -> asyncpg.Pool:
    """A pool that gives a connection back without a round trip to reset its session.

    That is sound because nothing here changes a session: settings and advisory locks end with their transaction, and asyncpg
    rolls back what is still open. What needs a session (the relay's lock) opens a connection of its own.

    Raises:
        OSError, asyncpg.PostgresError: the database does not answer.
    """
    return await asyncpg.create_pool(dsn, min_size=least, max_size=most, command_timeout=60, timeout=10, reset=_left_as_it_is)


async def _left_as_it_is(_: asyncpg.Connection) -> None:
    return None
