"""Return information on a real PostgreSQL as time goes on: corrections, erasure, sleep, several workers, kills, another order of hearing."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from returns_house import (
    APRIL_ENDS,
    LATER,
    MARCH_ENDS,
    OTHER,
    READY,
    TENTH,
    UAI,
    Episode,
    file_of,
    offer,
    received,
    returns_said,
    said,
    told,
)
from transmission_house import FreshDatabase, House, transmission_house

from contracts.event import Event
from transmission.domain.returns import return_id_of

pytestmark = pytest.mark.stack


async def test_a_withdrawal_is_corrected_by_the_next_file_and_the_earlier_cannot_be_opened_any_more(house: House) -> None:
    one = Episode(line=1)
    await said(house, TENTH, received(), *one.found, one.opened, one.reached)
    await told(house, MARCH_ENDS + READY)
    before = await house.admin.fetchval("select sealed from return_files")
    await said(house, MARCH_ENDS + timedelta(days=2), one.withdrawn)
    assert [code for _, _, code, _ in await file_of(house, UAI, "2026-03")] == ["CONTACTE"]
    await told(house, APRIL_ENDS + READY)
    assert await file_of(house, UAI, "2026-04") == [("1", "1", "INSCRIT_AILLEURS", "03/04/2026")]
    answer = await house.ask("GET", "/returns/2026-03.csv", f"sender/{UAI}")
    assert (answer.status_code, answer.json()["rule"]) == (410, "REPLACED")
    gone, kept = return_id_of(UAI, "2026-03"), return_id_of(UAI, "2026-04")
    assert await house.keyring.erased([gone, kept]) == {gone}
    assert before != await house.admin.fetchval("select sealed from return_files")
    listed = (await house.got("/returns", f"sender/{UAI}"))["returns"]
    assert [(row["period"], row["current"]) for row in listed] == [("2026-04", True), ("2026-03", False)]
    assert (await house.figures())["returns"] == {"establishments": 1, "lines": 1}


async def test_who_was_erased_is_in_no_later_file_and_the_last_such_file_is_empty(house: House) -> None:
    one, other = Episode(line=1), Episode(line=1, uai=OTHER, list_id=LATER)
    await house.keyring.ensure([one.person, other.person])
    await said(house, TENTH, received(), received(LATER, OTHER), *one.found, *other.found)
    await told(house, MARCH_ENDS + READY)
    await house.keyring.destroy([one.person])
    await told(house, APRIL_ENDS + READY)
    assert await file_of(house, UAI, "2026-04") == []
    assert len(await file_of(house, OTHER, "2026-04")) == 1
    await told(house, datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert [event.lines for event in await returns_said(house) if event.uai == UAI] == [1, 0]


async def test_a_year_after_the_last_news_somebody_is_named_no_more(house: House) -> None:
    await said(house, TENTH, received(), *Episode(line=1).found)
    await told(house, datetime(2027, 3, 1, 12, tzinfo=UTC))
    assert len(await file_of(house, UAI, "2027-02")) == 1
    await told(house, datetime(2027, 5, 1, 12, tzinfo=UTC))
    assert await file_of(house, UAI, "2027-04") == []


async def test_a_service_that_slept_over_months_tells_the_last_one_only(house: House) -> None:
    await said(house, TENTH, received(), *Episode(line=1).found)
    await told(house, datetime(2026, 7, 14, tzinfo=UTC))
    assert [event.period for event in await returns_said(house)] == ["2026-06"]


async def test_four_workers_at_once_and_again_tell_each_establishment_once(house: House) -> None:
    episodes = [Episode(line=1, uai=f"035{number:04}A", list_id=UUID(int=number)) for number in range(1, 131)]
    await said(house, TENTH, *(event for one in episodes for event in (received(one.list_id, one.uai), *one.found)))
    house.clock.at = MARCH_ENDS + READY
    assert await house.parts.pending(house.admin) == 130
    while any(await asyncio.gather(*(house.returning.send_due() for _ in range(4)))):
        pass
    assert await house.parts.pending(house.admin) == 0
    events = await returns_said(house)
    assert sorted(event.uai for event in events) == sorted(one.uai for one in episodes)
    kept = await house.admin.fetch("select uai, encode(sha256(sealed), 'hex') as hash from return_files")
    assert {row["uai"]: row["hash"] for row in kept} == {event.uai: event.sealed_sha256 for event in events}
    await house.settle(sending=False)
    assert all([len(await file_of(house, one.uai, "2026-03")) == 1 for one in episodes[:3]])


@pytest.mark.parametrize(("point", "before_death"), [("transmission_before_return_commit", 1), ("transmission_after_return_commit", 2)])
async def test_a_worker_that_is_killed_tells_nothing_twice_and_leaves_no_earlier_file_open(
    house: House, point: str, before_death: int
) -> None:
    await said(house, TENTH, received(), *Episode(line=1).found)
    await told(house, MARCH_ENDS + READY)
    script, at = str(Path(__file__).parent / "killed_returning.py"), (APRIL_ENDS + READY).isoformat()
    killed = await asyncio.create_subprocess_exec(sys.executable, script, house.dsn, house.keys_dsn, point, at)
    assert await killed.wait() == -signal.SIGKILL
    assert len(await returns_said(house)) == before_death
    await told(house, APRIL_ENDS + READY)
    assert [event.period for event in await returns_said(house)] == ["2026-03", "2026-04"]
    assert len(await file_of(house, UAI, "2026-04")) == 1
    await told(house, datetime(2026, 6, 1, 12, tzinfo=UTC))
    earlier = {return_id_of(UAI, period) for period in ("2026-03", "2026-04")}
    assert await house.keyring.erased([*earlier, return_id_of(UAI, "2026-05")]) == earlier


async def test_heard_again_in_another_order_of_speakers_everything_is_the_same(fresh_database: FreshDatabase) -> None:
    solved, met, enrolled = (Episode(line=line) for line in range(1, 4))
    days: list[list[Event]] = [
        [offer, received(), *solved.found, *met.found, *enrolled.found],
        [solved.opened, met.opened, enrolled.opened],
        [met.reached, *solved.in_solution, enrolled.withdrawn, solved.closed("solution_entered")],
    ]
    seen = []
    for speakers in (("intake", "followup", "offers"), ("followup", "offers", "intake")):
        async with transmission_house(fresh_database) as house:
            for speaker in speakers:
                for place, events in enumerate(days):
                    await said(house, TENTH + timedelta(days=place), *(event for event in events if event.speaker == speaker))
            await told(house, MARCH_ENDS + READY)
            rows = {table: await house.admin.fetchval(DIGEST.format(table=table)) for table in TABLES}
            events = await returns_said(house)
            plain = (await house.ask("GET", "/returns/2026-03.csv", f"sender/{UAI}")).content
            seen.append((rows, [event.model_dump(exclude={"sealed_sha256"}) for event in events], plain))
    assert seen[0] == seen[1]
    assert len(seen[0][2].splitlines()) == 4


TABLES = ("origins", "destinations", "exits", "sent_lists", "offer_kinds")


DIGEST = "select md5(string_agg(r::text, '|' order by r::text)) from {table} r"
