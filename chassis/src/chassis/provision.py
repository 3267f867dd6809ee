"""Databases and roles: one database per service, its roles by suffix, plain SQL migrations in order under a lock."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

AUDITOR = "raccroche_auditor"
MIGRATION_LOCK = 0x6D_69_67_72  # "migr"
READ_BY_AUDITOR = ("events", "relay_log", "heard")

TIMEOUTS = {"statement_timeout": "60s", "lock_timeout": "30s", "idle_in_transaction_session_timeout": "20s"}
"""A member that hangs in a transaction holds its marks' rows: it loses them before its successor's watchdog grows impatient (40 s)."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """One service's database. Roles are `<name>_owner` (cannot log in) and `<name>_<suffix>` for each of `login_roles`."""

    name: str
    migrations: tuple[Path, ...]
    login_roles: tuple[str, ...] = ("app", "relay", "consumer")


class MigrationChanged(Exception):
    """A migration that was applied is not there any more: somebody renamed or removed history."""


def chassis_migrations() -> Path:
    """The folder of the event store's and the consumer's tables."""
    return Path(__file__).parent / "migrations"


def keyring_migrations() -> Path:
    """The folder of the keyring's tables."""
    return Path(__file__).parent / "keyring_migrations"


def dsn_of(admin_dsn: str, *, database: str, user: str | None = None, password: str | None = None) -> str:
    """The same server, another database, and another role when one is given."""
    parts = urlsplit(admin_dsn)
    if user is None:
        return urlunsplit(parts._replace(path=f"/{database}"))
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password or '', safe='')}@{host}", path=f"/{database}"))


async def provision(admin_dsn: str, databases: Sequence[Database], passwords: Mapping[str, str]) -> None:
    """Make what is missing, set the passwords, run the migrations that are new. Doing it twice changes nothing.

    passwords: by role name, for every role that logs in and for the auditor.

    Raises:
        KeyError: a password is missing. asyncpg.PostgresError: the server refuses. MigrationChanged: see there.
    """
    admin = await asyncpg.connect(admin_dsn, command_timeout=60)
    try:
        async with admin.transaction():
            await admin.execute("select pg_advisory_xact_lock($1)", MIGRATION_LOCK)
            await _login_role(admin, AUDITOR, passwords[AUDITOR])
            for database in databases:
                await _roles(admin, database, passwords)
        for database in databases:
            await _create(admin, database)
    finally:
        await admin.close()
    await asyncio.gather(*(_migrate(dsn_of(admin_dsn, database=database.name), database) for database in databases))


async def _roles(admin: asyncpg.Connection, database: Database, passwords: Mapping[str, str]) -> None:
    owner = f"{database.name}_owner"
    if not await admin.fetchval(ROLE_EXISTS, owner):
        await _execute(admin, "create role %I nologin", owner)
    for suffix in database.login_roles:
        role = f"{database.name}_{suffix}"
        await _login_role(admin, role, passwords[role])


async def _login_role(admin: asyncpg.Connection, role: str, password: str) -> None:
    if not await admin.fetchval(ROLE_EXISTS, role):
        await _execute(admin, "create role %I", role)
    await _execute(admin, "alter role %I login nosuperuser nocreatedb nocreaterole password %L", role, password)
    for name, value in TIMEOUTS.items():
        await _execute(admin, "alter role %I set %I = %L", role, name, value)


async def _create(admin: asyncpg.Connection, database: Database) -> None:
    if not await admin.fetchval("select exists (select 1 from pg_database where datname = $1)", database.name):
        await _execute(admin, "create database %I owner %I", database.name, f"{database.name}_owner")
    await _execute(admin, "revoke all on database %I from public", database.name)
    for role in (AUDITOR, *(f"{database.name}_{suffix}" for suffix in database.login_roles)):
        await _execute(admin, "grant connect on database %I to %I", database.name, role)


async def _migrate(dsn: str, database: Database) -> None:
    connection = await asyncpg.connect(dsn, command_timeout=60)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", MIGRATION_LOCK)
            await _execute(connection, "set local role %I", f"{database.name}_owner")
            await connection.execute(APPLIED_TABLE)
            applied = {row["version"] for row in await connection.fetch("select version from schema_migrations")}
            files = {_version(file): file for folder in database.migrations for file in sorted(folder.glob("*.sql"))}
            if gone := applied - files.keys():
                raise MigrationChanged(f"{database.name}: applied but not there any more: {', '.join(sorted(gone))}")
            for version, file in files.items():
                if version not in applied:
                    await connection.execute(file.read_text())
                    await connection.execute("insert into schema_migrations (version) values ($1)", version)
            await _let_audit(connection, READ_BY_AUDITOR)
    finally:
        await connection.close()


def _version(file: Path) -> str:
    """Which migration it is, the same wherever the project lies: its package or service, and its name."""
    return f"{file.parent.parent.name}/{file.stem}"


async def _let_audit(connection: asyncpg.Connection, tables: Iterable[str]) -> None:
    for table in tables:
        if await connection.fetchval("select to_regclass($1) is not null", f"public.{table}"):
            await _execute(connection, "grant select on %I to %I", table, AUDITOR)


async def _execute(connection: asyncpg.Connection, template: str, *names: str) -> None:
    """A statement that takes no parameters, with its names and literals quoted by the server."""
    places = ", ".join(f"${place}::text" for place in range(2, len(names) + 2))
    await connection.execute(await connection.fetchval(f"select format($1::text, {places})", template, *names))


ROLE_EXISTS = "select exists (select 1 from pg_roles where rolname = $1)"

APPLIED_TABLE = "create table if not exists schema_migrations (version text primary key, applied_at timestamptz not null default now())"
