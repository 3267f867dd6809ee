"""Projections: one question, one table; `key` and `apply` are pure, so that a rebuild is a reduce."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from chassis.event_store import Connection
from chassis.heard import Heard
from contracts.event import Event


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

    async def fold(self, connection: Connection, heard: Sequence[Heard[Event]]) -> None:
        """Fold a batch in memory, read and written with one statement each."""
        concerned = [(key, one) for one in heard if isinstance(one.event, self.hears) and (key := self.key(one.event)) is not None]
        if not concerned:
            return
        before = await self._load(connection, list({key for key, _ in concerned}))
        rows: dict[object, Row | None] = dict(before)
        for key, one in concerned:
            rows[key] = self.apply(rows.get(key), one)
        await self._write(connection, {key: row for key, row in rows.items() if row != before.get(key) or (row is None and key in before)})

    @property
    def _columns(self) -> list[str]:
        return [field.name for field in fields(self.row)]  # type: ignore[arg-type]  # Row is a dataclass, as documented

    async def _load(self, connection: Connection, keys: list[object]) -> dict[object, Row]:
        found = await connection.fetch(
            f"select {', '.join(self._columns)} from {self.table} where {self.key_column} = any($1) for update",
            keys,
        )
        return {row[self.key_column]: self.row(**{name: _frozen(row[name]) for name in self._columns}) for row in found}

    async def _write(self, connection: Connection, rows: dict[object, Row | None]) -> None:
        gone = [key for key, row in rows.items() if row is None]
        kept = [astuple(row) for row in rows.values() if row is not None]  # type: ignore[call-overload]  # Row is a dataclass
        if gone:
            await connection.execute(f"delete from {self.table} where {self.key_column} = any($1)", gone)
        if kept:
            await connection.executemany(self._upsert, kept)

    @property
    def _upsert(self) -> str:
        columns = self._columns
        others = [name for name in columns if name != self.key_column]
        values = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
        updates = ", ".join(f"{name} = excluded.{name}" for name in others)
        conflict = f"do update set {updates}" if others else "do nothing"
        return f"insert into {self.table} ({', '.join(columns)}) values ({values}) on conflict ({self.key_column}) {conflict}"


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
