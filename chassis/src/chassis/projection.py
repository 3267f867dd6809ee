"""Projections: one question, one table; `key` and `apply` are pure, so that a rebuild is a reduce."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from operator import attrgetter
from typing import Any, Protocol

from chassis.event_store import Connection
from chassis.heard import Heard
from contracts.event import Event


class Rows(Protocol):
    """Where rows are kept; both calls work inside the caller's transaction."""

    async def load[Row](self, connection: Connection, of: "Projection[Row]", keys: Sequence[object]) -> dict[object, Row]: ...

    async def write[Row](
        self, connection: Connection, of: "Projection[Row]", kept: Mapping[object, Row], gone: Sequence[object]
    ) -> None: ...


class PostgresqlRows:
    """Rows in the table of the projection's name."""

    async def load[Row](self, connection: Connection, of: "Projection[Row]", keys: Sequence[object]) -> dict[object, Row]:
        found = await connection.fetch(f"select {', '.join(of.columns)} from {of.table} where {of.key_column} = any($1) for update", keys)
        return {row[of.key_column]: of.row(**{name: _frozen(row[name]) for name in of.columns}) for row in found}

    async def write[Row](self, connection: Connection, of: "Projection[Row]", kept: Mapping[object, Row], gone: Sequence[object]) -> None:
        if gone:
            await connection.execute(f"delete from {of.table} where {of.key_column} = any($1)", gone)
        if kept:
            values = attrgetter(*of.columns) if len(of.columns) > 1 else lambda row: (getattr(row, of.key_column),)
            await connection.executemany(_upsert(of.table, of.key_column, of.columns), [values(row) for row in kept.values()])


@dataclass(frozen=True, kw_only=True)
class Projection[Row]:
    """A table that answers one question.

    table: its name; the columns are the fields of `row`, a frozen dataclass whose field `key_column` is the primary key.
    hears: the event types that concern it. key: which row an event is about, none if it is not concerned.
    apply: the row after the event; none deletes it.
    """

    table: str
    row: type[Row]
    key_column: str
    hears: tuple[type[Event], ...]
    key: Callable[[Any], object | None]  # the event's type varies with `hears`; key and apply match on it
    apply: Callable[[Row | None, Heard[Any]], Row | None]
    rows: Rows = field(default_factory=PostgresqlRows)

    async def fold(self, connection: Connection, heard: Sequence[Heard[Event]]) -> None:
        """Fold a batch in memory, read and written with one statement each."""
        concerned = [(key, one) for one in heard if type(one.event) in self.hears and (key := self.key(one.event)) is not None]
        if not concerned:
            return
        before = await self.rows.load(connection, self, list(dict.fromkeys(key for key, _ in concerned)))
        after: dict[object, Row | None] = dict(before)
        for key, one in concerned:
            after[key] = self.apply(after.get(key), one)
        gone = [key for key, row in after.items() if row is None and key in before]
        kept = {key: row for key, row in after.items() if row is not None and row != before.get(key)}
        await self.rows.write(connection, self, kept, gone)

    @cached_property
    def columns(self) -> list[str]:
        return [field.name for field in fields(self.row)]  # type: ignore[arg-type]  # Row is a dataclass, as documented


def _upsert(table: str, key: str, columns: Sequence[str]) -> str:
    values = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
    conflict = f"do update set {updates}" if updates else "do nothing"
    return f"insert into {table} ({', '.join(columns)}) values ({values}) on conflict ({key}) {conflict}"


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
