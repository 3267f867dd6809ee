"""A search for what must never be found: secrets, as substrings, in every record, row, log line and span, base64 undone too."""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer

GRAM = 7
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")
HEXADECIMAL = re.compile(rb"\\x([0-9a-f]{16,})")

type Text = tuple[str, bytes]
"""Where it stands, and what stands there."""


class Needles:
    """Secrets of at least `GRAM` characters, found as substrings, whatever the case."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._by_gram: dict[bytes, set[bytes]] = {}
        for secret in secrets:
            needle = secret.casefold().encode()
            if len(needle) >= GRAM:
                self._by_gram.setdefault(needle[:GRAM], set()).add(needle)
        if not self._by_gram:
            raise ValueError("nothing to look for: the search could not fail")

    def found_in(self, text: bytes) -> set[bytes]:
        folded = text.decode("utf-8", "replace").casefold().encode()
        grams = {folded[at : at + GRAM] for at in range(len(folded) - GRAM + 1)} & self._by_gram.keys()
        return {needle for gram in grams for needle in self._by_gram[gram] if needle in folded}


def leaks(texts: Iterable[Text], needles: Needles) -> dict[str, int]:
    """Places at which a secret can be read, with how many; empty when there is none."""
    found: dict[str, int] = {}
    for where, text in texts:
        for layer in (text, *_undone(text)):
            if hits := needles.found_in(layer):
                found[where] = found.get(where, 0) + len(hits)
    return found


def _undone(text: bytes) -> Iterator[bytes]:
    for match in BASE64.finditer(text):
        token = match[0].rstrip(b"=")
        try:
            yield base64.urlsafe_b64decode(token.replace(b"+", b"-").replace(b"/", b"_") + b"=" * (-len(token) % 4))
        except binascii.Error:
            continue
    for match in HEXADECIMAL.finditer(text):
        yield bytes.fromhex(match[1].decode()[: len(match[1]) // 2 * 2])


async def of_topics(bootstrap: str, topics: Iterable[str]) -> AsyncIterator[Text]:
    """Keys, header names and values, and values of every record."""
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        left = {place for place, end in ends.items() if end}
        while left:
            for place, records in (await consumer.getmany(timeout_ms=300)).items():
                for record in records:
                    headers = b" ".join(name.encode() + b"=" + (value or b"") for name, value in record.headers)
                    yield f"topic {record.topic}", b"\n".join([record.key or b"", headers, record.value or b""])
                if records[-1].offset + 1 >= ends[place]:
                    left.discard(place)
    finally:
        await consumer.stop()


async def of_databases(admin_dsn_of: Iterable[str]) -> AsyncIterator[Text]:
    """Every value of every row of every table, bytes as they are."""
    for dsn in admin_dsn_of:
        connection = await asyncpg.connect(dsn)
        try:
            for table in await connection.fetch("select tablename from pg_tables where schemaname = 'public'"):
                name = table["tablename"]
                for row in await connection.fetch(f'select * from "{name}"'):
                    values = [value if isinstance(value, bytes) else str(value).encode() for value in row.values()]
                    yield f"table {name}", b"\n".join(values)
        finally:
            await connection.close()


def of_files(folder: Path) -> Iterator[Text]:
    """Logs and spans, line by line."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            for line in file.read_bytes().splitlines():
                yield f"file {file.name}", line
