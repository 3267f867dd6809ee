"""Reads the copies of what was said, as the auditor: each speaker's own store, and what history heard of it."""

import asyncio
from collections.abc import Mapping

import asyncpg

from raccroche.verification import Kept, Verdict, verify

PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.5


async def verify_speakers(stores: Mapping[str, str], history: str, *, patience: float = PATIENCE_SECONDS) -> list[Verdict]:
    """Check every speaker. stores: by speaker, the auditor's DSN of its database; history: that of history's.

    What was said a moment ago may still be on its way to history: where nothing but its tail is missing, history is read
    again for `patience` seconds.

    Raises:
        asyncpg.PostgresError, OSError: a database does not answer or does not let the auditor read.
    """
    heard = await asyncpg.connect(history, command_timeout=60)
    try:
        return [await _verify_one(f"/raccroche/{speaker}", dsn, heard, patience) for speaker, dsn in stores.items()]
    finally:
        await heard.close()


async def _verify_one(source: str, dsn: str, heard: asyncpg.Connection, patience: float) -> Verdict:
    """History is read before the store: what it holds beyond the store was never said."""
    kept = await _read(heard, HISTORY, source)
    store = await asyncpg.connect(dsn, command_timeout=60)
    try:
        said = await _read(store, STORE, source)
    finally:
        await store.close()
    horizon = max((one.sequence or 0 for one in [*said, *kept]), default=0)
    for _ in range(int(patience / PAUSE_SECONDS)):
        verdict = verify(source, store=said, history=kept)
        if not _only_the_tail_is_missing(verdict, kept):
            return verdict
        await asyncio.sleep(PAUSE_SECONDS)
        kept = [one for one in await _read(heard, HISTORY, source) if (one.sequence or 0) <= horizon]
    return verify(source, store=said, history=kept)


async def _read(connection: asyncpg.Connection, query: str, source: str) -> list[Kept]:
    return [Kept(**dict(row)) for row in await connection.fetch(query, source)]


def _only_the_tail_is_missing(verdict: Verdict, kept: list[Kept]) -> bool:
    heard_to = max((one.sequence or 0 for one in kept), default=0)
    return bool(verdict.faults) and all(fault.what == "not in history" and (fault.sequence or 0) > heard_to for fault in verdict.faults)


STORE = """
select $1::text as source, coalesce(r.private, e.private) as private, r.sequence, e.event_id, e.type, e.subject, e.stream_id,
  e.stream_version, e.happened_at, e.recorded_at, e.actor, e.correlation_id, e.causation_id, e.attributes, e.body,
  r.chain, e.leaf
from events e left join relay_log r using (event_id)
"""

HISTORY = """
select source, private, sequence, event_id, type, subject, stream_id, stream_version, happened_at, recorded_at, actor,
  correlation_id, causation_id, attributes, body, chain, digest
from heard where source = $1
"""
