"""The past is heard again from its first event: the same rows, and nothing else happens."""

import asyncio

import asyncpg

from faults.ground import Ground
from faults.scenario import OFFERS, Scenario, bitten

YEARS_3 = str(3 * 365 * 24 * 3600)
ROWS = "select md5(string_agg(t::text, '|' order by offer_id)) from {} t"
EFFECTS = (
    "select (select count(*) from events), (select count(*) from commands), (select count(*) from timers), (select count(*) from outbox)"
)


async def heard_again(ground: Ground) -> None:
    """Another consumer hears everything from the beginning, three years later by its clock and under another hash seed: identical rows."""
    await ground.serve("one", environment={"PYTHONHASHSEED": "1"})
    await ground.load(8, ground.span(12, 5), OFFERS)
    clock = ground.folder / "clock"
    clock.write_text(YEARS_3)
    again = {
        "SPECIMEN_CONSUMER": f"again-{ground.consumer}", "SPECIMEN_TABLE": "counted_again", "PYTHONHASHSEED": "2",
        "CLOCK_OFFSET_FILE": str(clock),
    }  # fmt: skip
    loading = asyncio.create_task(ground.load(8, ground.span(10, 4), OFFERS))
    service = await ground.serve("again", environment=again)
    await loading
    ground.strike("SIGKILL in the midst of it", service.kill(), kills=True)
    await service.ready()
    await ground.calm()
    async with asyncio.timeout(60), ground.admin() as admin:
        before = tuple(await admin.fetchrow(EFFECTS))
        while await _marks(admin, f"again-{ground.consumer}") < await _marks(admin, ground.consumer):
            await asyncio.sleep(0.1)
        live, anew = [await admin.fetchval(ROWS.format(table)) for table in ("counted", "counted_again")]
        ground.figures["rows"] = await admin.fetchval("select count(*) from counted_again")
        after = tuple(await admin.fetchrow(EFFECTS))
    if live != anew or not ground.figures["rows"]:
        raise AssertionError("heard again, the rows are others")
    if before != after or before[3]:
        raise AssertionError(f"hearing again had effects: {before}, then {after}")
    ground.strike("heard from the beginning")
    bitten(ground, "heard from the beginning")


async def _marks(admin: asyncpg.Connection, consumer: str) -> int:
    return await admin.fetchval("select coalesce(sum(next_offset), 0)::bigint from marks where consumer = $1", consumer)


SCENARIOS = (
    Scenario(name="heard again, three years later, another hash seed", guarantee="G10", play=heard_again, smoke=True, operations=500),
)
