"""Whose fault is it? Trouble of the infrastructure is waited out, never blamed on a record, a timer or a request."""

import asyncpg

from chassis.event_store import Conflict

INFRASTRUCTURE = (
    asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError, asyncpg.QueryCanceledError, asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError, asyncpg.LockNotAvailableError, asyncpg.CannotConnectNowError, OSError, TimeoutError, Conflict,
)  # fmt: skip
"""The database is away, full, or somebody else wrote first: the same work again, from the start, may succeed.

InternalClientError is what asyncpg says when it is asked on a connection that broke just then.
"""
