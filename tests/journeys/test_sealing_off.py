"""The search for leaks, with sealing switched off: it must hit, or its silence would mean nothing."""

import asyncio
from pathlib import Path

import pytest
from leaks import Needles, leaks, of_databases, of_topics

from chassis.provision import dsn_of
from raccroche.demo.journey import Journey
from raccroche.fiction import generate
from raccroche.stack import Stack

pytestmark = pytest.mark.stack

UNSEALED = {"PYTHONPATH": str(Path(__file__).parent / "unsealed")}


def test_without_sealing_the_search_hits_topics_and_tables(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "var", environment=dict.fromkeys(("intake", "followup", "transmission"), UNSEALED))
    journey = Journey(stack=stack, fiction=generate(60, seed=9), show=lambda _: None)

    async def play() -> list[tuple[str, bytes]]:
        try:
            await stack.up()
            await journey.play()
            found = [one async for one in of_topics(stack.bootstrap, ["raccroche.intake"])]
            return found + [one async for one in of_databases([dsn_of(stack.admin_dsn, database="raccroche_intake")])]
        finally:
            await stack.down()

    found = leaks(asyncio.run(play()), Needles(journey.fiction.secrets()))
    assert {"topic raccroche.intake", "table events"} <= set(found)
