"""A snapshot of all that is said and shown: every record of every topic, every row of every service's tables, as digests."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord

OF_THE_MACHINE = frozenset({"marks", "relay_topic", "schema_migrations", "outbox"})
"""Tables that name offsets, clusters and installations: they differ rightly once a broker was replaced."""

WHEN_IT_REACHED_US = frozenset({"heard_at"})
"""Columns that tell when a copy was taken: the one thing a copy taken again cannot have alike."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """topics: per topic, one digest per distinct record (partition, key, headers, value, timestamp), by place.

    repeats: records said again with the same id (a relay that was killed may do so), per topic. tables: per
    `database.table`, one digest per row, sorted.
    """

    topics: dict[str, list[str]]
    repeats: dict[str, int]
    tables: dict[str, list[str]] = field(default_factory=dict)

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, file: Path) -> "Snapshot":
        return cls(**json.loads(file.read_text()))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One topic or table that is not alike in two snapshots."""

    what: str
    only_before: int
    only_after: int


def compare(before: Snapshot, after: Snapshot) -> list[Difference]:
    """What differs; empty when all that is said and shown is equal."""
    sides = ({**before.topics, **before.tables}, {**after.topics, **after.tables})
    found = []
    for what in sorted(sides[0].keys() | sides[1].keys()):
        one, other = (sorted(side.get(what, [])) for side in sides)
        if one != other:
            found.append(Difference(what=what, only_before=_beyond(one, other), only_after=_beyond(other, one)))
    return found


def _beyond(these: Sequence[str], those: Sequence[str]) -> int:
    return (Counter(these) - Counter(those)).total()


async def take(bootstrap: str, topics: Sequence[str], databases: dict[str, str]) -> Snapshot:
    """Read everything once.

    databases: name to a DSN that may read all its tables.
    """
    said, repeats = {}, {}
    for topic in topics:
        said[topic], repeats[topic] = await _records(bootstrap, topic)
    tables: dict[str, list[str]] = {}
    for name, dsn in databases.items():
        tables |= await _rows(name, dsn)
    return Snapshot(topics=said, repeats=repeats, tables=tables)


async def _records(bootstrap: str, topic: str) -> tuple[list[str], int]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        left = {place for place, end in ends.items() if end > 0}
        seen: dict[bytes, str] = {}
        repeats = 0
        while left:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    event_id = dict(record.headers).get("ce_id", b"")
                    repeats += event_id in seen
                    seen.setdefault(event_id, _digest(record))
                if records and records[-1].offset + 1 >= ends[place]:
                    left.discard(place)
        return list(seen.values()), repeats
    finally:
        await consumer.stop()


def _digest(record: ConsumerRecord) -> str:
    whole = [record.partition, record.timestamp, record.key.hex(), record.value.hex(), [[n, v.hex()] for n, v in record.headers]]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


async def _rows(name: str, dsn: str) -> dict[str, list[str]]:
    connection = await asyncpg.connect(dsn)
    try:
        found = {}
        for table in await connection.fetch(TABLES):
            if table["name"] in OF_THE_MACHINE:
                continue
            columns = ", ".join(f'"{column}"' for column in table["columns"] if column not in WHEN_IT_REACHED_US)
            rows = await connection.fetch(f'select md5(row({columns})::text) as digest from "{table["name"]}"')
            found[f"{name}.{table['name']}"] = sorted(row["digest"] for row in rows)
        return found
    finally:
        await connection.close()


TABLES = """
select table_name as name, array_agg(column_name::text order by ordinal_position) as columns
from information_schema.columns
where table_schema = 'public' and table_name in (select tablename from pg_tables where schemaname = 'public')
group by table_name order by table_name
"""
