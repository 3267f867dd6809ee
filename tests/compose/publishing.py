"""Platforms that publish offers one after the other, each under its own key, and ask again until they are answered."""

import asyncio
import time
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

import asyncpg
import httpx

from compose.engine import Engine, must
from raccroche.demo.callers import Caller

ORGANISATION = "rehearsal"
CALLERS = 4


def offer_body(name: str) -> dict[str, object]:
    """An offer that suits nobody of the fiction."""
    return {
        "name": name, "organisation": ORGANISATION, "themes": [], "status": "stagiaire", "min_age": 98, "max_age": 99, "departements": ["2A"],
        "seats": 1, "answer_within_days": 7,
    }  # fmt: skip


@dataclass(kw_only=True)
class Publishers:
    """waits: how long each offer's answer took, in seconds, asking again included."""

    engine: Engine
    waits: dict[str, float] = field(default_factory=dict)

    async def publish_until(self, stopping: asyncio.Event) -> None:
        first = len(self.waits)
        async with httpx.AsyncClient(timeout=30) as client:
            await asyncio.gather(*(self._publish(client, f"{first}-{number}", stopping) for number in range(CALLERS)))

    async def _publish(self, client: httpx.AsyncClient, name: str, stopping: asyncio.Event) -> None:
        server = self.engine.server
        caller = Caller(
            address=server.address("offers"), token=server.issue_token("platform", organisation=ORGANISATION), client=client
        )  # fmt: skip
        count = 0
        while not stopping.is_set():
            count += 1
            offer = f"{ORGANISATION}--{name}-{count}"
            began = time.monotonic()
            await caller.put(f"/offers/{offer}", offer_body(offer), key=uuid5(NAMESPACE_URL, offer))
            self.waits[offer] = time.monotonic() - began
            await asyncio.sleep(0.02)

    async def each_once(self) -> None:
        """Every command that was answered is one event in the store, counted by the database itself, and there is no other.

        Raises:
            Wrong: not so.
        """
        connection = await asyncpg.connect(self.engine.server.auditor_dsn("raccroche_offers"))
        try:
            rows = await connection.fetch(PUBLISHED, f"offer-{ORGANISATION}--%")
        finally:
            await connection.close()
        found = {row["stream_id"].removeprefix("offer-"): row["events"] for row in rows}
        doubled = [name for name, count in found.items() if count > 1]
        must(
            found == dict.fromkeys(self.waits, 1), f"{len(self.waits)} offers were answered for, {len(found)} are kept, doubled: {doubled}"
        )


PUBLISHED = "select stream_id, count(*) as events from events where stream_id like $1 group by stream_id"
