"""Silence on a real PostgreSQL and the test's clock: heard lists set timers, timers find silence, figures never read it as zero."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from intake_house import FreshDatabase
from intake_specimens import OTHER_UAI, UAI, leaver, leavers_csv
from test_intake_api_on_postgresql import OPS, SENDER, Entrance, opened_entrance, token

from chassis.testing import heard
from chassis.timers import fire_due
from contracts.catalogue import decode
from contracts.event import Event
from contracts.intake import DropoutDetected, SourceExpected, SourceResumed, SourceSilent
from intake.reader import Reader

pytestmark = pytest.mark.stack

START = datetime(2026, 2, 2, 8, tzinfo=UTC)
PARISIAN = token("sender", uai=OTHER_UAI)


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    async with opened_entrance(fresh_database, tmp_path) as opened:
        yield opened


async def send_on(door: Entrance, day: int, *, headers: dict[str, str] = SENDER, uai: str = UAI) -> None:
    """One leaver's list, so many days after the start, read to its end."""
    door.house.clock.at = START + timedelta(days=day)
    params = {"format": "csv", "reference_date": str(door.house.clock.at.date())}
    body = leavers_csv(leaver(uai=uai, ine="", nom="ARBEL" + "ABCDEFGHIJ"[day % 10] + "KLMNOPQRST"[day // 10 % 10]))
    assert (await door.client.put(f"/lists/{uuid4()}", params=params, content=body, headers=headers)).json()["status"] == "received"
    reader = door.parts.workers[0].__self__  # type: ignore[attr-defined]  # the object whose `run` the worker is
    assert isinstance(reader, Reader)
    while await reader.read_next():
        pass


async def ring_on(door: Entrance, at: datetime) -> int:
    """What the consumer's role rings at that instant."""
    door.house.clock.at = at
    assert door.parts.ring is not None
    async with asyncpg.create_pool(door.house.dsns[0].replace("_app:", "_consumer:"), min_size=1, max_size=2) as consumer:
        return await fire_due(consumer, door.house.clock, door.parts.ring)


async def show(door: Entrance) -> None:
    """Fold what was said into the projections that the figures read, as the consumer does."""
    rows = await door.house.pool.fetch("select type, body from events order by recorded_at, event_id")
    await _fold(door, [decode(row["type"], row["body"]) for row in rows])


async def figures(door: Entrance, **params: object) -> dict[str, object]:
    await show(door)
    answer = await door.client.get("/figures", params=params, headers=OPS)  # type: ignore[arg-type]  # as given
    assert answer.status_code == 200
    return dict(answer.json())


async def test_three_lists_teach_a_cadence_and_nothing_in_time_is_silence(door: Entrance) -> None:
    for day in (0, 30, 60):
        await send_on(door, day)
    (expected,) = await door.house.events(SourceExpected)
    assert isinstance(expected, SourceExpected)
    assert (expected.every_days, expected.heard_on, expected.silent_after) == (30, date(2026, 4, 3), date(2026, 5, 18))
    midnight_in_paris = datetime(2026, 5, 18, 22, tzinfo=UTC)
    assert await ring_on(door, midnight_in_paris - timedelta(seconds=1)) == 0
    assert await ring_on(door, midnight_in_paris) == 1
    assert await door.house.events(SourceSilent) == [
        SourceSilent(sender=UAI, format="csv", content="leavers", heard_on=date(2026, 4, 3), silent_after=date(2026, 5, 18))
    ]


async def test_a_list_in_time_keeps_the_timer_from_finding_silence_and_a_late_one_ends_it(door: Entrance) -> None:
    for day in (0, 30, 60, 90):
        await send_on(door, day)
    assert await ring_on(door, datetime(2026, 5, 18, 22, tzinfo=UTC)) == 1
    assert await door.house.events(SourceSilent) == []
    await ring_on(door, datetime(2026, 7, 1, tzinfo=UTC))
    assert len(await door.house.events(SourceSilent)) == 1
    await send_on(door, 160)
    (resumed,) = await door.house.events(SourceResumed)
    assert isinstance(resumed, SourceResumed) and resumed.heard_on == date(2026, 7, 12)


async def test_a_held_list_ends_no_silence_before_it_is_read(door: Entrance) -> None:
    for day in (0, 30, 60):
        await send_on(door, day)
    await ring_on(door, datetime(2026, 6, 1, tzinfo=UTC))
    held = await door.client.put(
        f"/lists/{uuid4()}", params={"format": "csv", "reference_date": "2026-01-01"}, content=leavers_csv(leaver()), headers=SENDER
    )
    assert held.json()["status"] == "held"
    assert await door.house.events(SourceResumed) == []


async def test_a_held_list_teaches_no_cadence(door: Entrance) -> None:
    for day in (0, 30):
        await send_on(door, day)
    door.house.clock.at = START + timedelta(days=60)
    held = await door.client.put(
        f"/lists/{uuid4()}", params={"format": "csv", "reference_date": "2026-01-01"}, content=leavers_csv(leaver()), headers=SENDER
    )
    assert held.json()["status"] == "held"
    await send_on(door, 90)
    (expected,) = await door.house.events(SourceExpected)
    assert isinstance(expected, SourceExpected) and expected.every_days == 60


async def test_figures_of_a_silent_territory_say_that_they_are_incomplete_and_why(door: Entrance) -> None:
    for day in (0, 30, 60):
        await send_on(door, day)
        await send_on(door, day, headers=PARISIAN, uai=OTHER_UAI)
    whole = await figures(door)
    assert (whole["complete"], whole["sources"], whole["silent"], whole["lists"]) == (True, 2, [], 6)
    await ring_on(door, datetime(2026, 4, 10, tzinfo=UTC))
    await send_on(door, 100, headers=PARISIAN, uai=OTHER_UAI)
    await ring_on(door, datetime(2026, 5, 19, tzinfo=UTC))
    silent = {"sender": UAI, "format": "csv", "content": "leavers", "heard_on": "2026-04-03", "silent_after": "2026-05-18"}
    for params in ({}, {"departement": "44"}, {"departement": ["44", "75"]}):
        found = await figures(door, **params)
        assert (found["complete"], found["silent"]) == (False, [silent])
    paris = await figures(door, departement="75")
    assert (paris["complete"], paris["silent"], paris["lists"], paris["sources"]) == (True, [], 4, 1)


async def test_figures_of_a_departement_count_its_own(door: Entrance) -> None:
    await send_on(door, 0)
    await send_on(door, 1, headers=PARISIAN, uai=OTHER_UAI)
    detected = [one for one in await door.house.events(DropoutDetected) if isinstance(one, DropoutDetected)]
    for place in ("44", "75"):
        found = await figures(door, departement=place)
        assert (found["lists"], found["detections"]) == (1, sum(one.departement == place for one in detected))
    assert (await figures(door))["detections"] == 2


async def test_figures_of_an_academie_and_of_a_region_are_those_of_its_departements(door: Entrance) -> None:
    await send_on(door, 0)
    await send_on(door, 1, headers=PARISIAN, uai=OTHER_UAI)
    of_nantes, of_paris = await figures(door, departement="44"), await figures(door, departement="75")
    for asked in ({"academie": "17"}, {"region": "52"}, {"academie": ["17", "14"], "departement": "53"}):
        assert await figures(door, **asked) == of_nantes
    assert await figures(door, academie="01") == await figures(door, academie="01", departement="75") == of_paris
    assert await figures(door, academie="17", region="11") == await figures(door)
    for asked in ({"academie": "21"}, {"academie": "70"}, {"academie": "05"}):  # Rouen and Caen are Normandie today
        assert (await figures(door, **asked))["lists"] == 0
    for unknown in ({"academie": "99"}, {"academie": "26"}, {"region": "99"}, {"academie": "nantes"}, {"departement": "96"}):
        assert (await door.client.get("/figures", params=unknown, headers=OPS)).status_code == 422


async def test_an_analyst_learns_of_a_territory_nothing_that_is_small_and_ops_all_of_it(door: Entrance) -> None:
    await send_on(door, 0)
    assert (await figures(door, academie="17"))["detections"] == 1
    analyst = (await door.client.get("/figures", params={"academie": "17"}, headers=token("analyst"))).json()
    assert {analyst[name] for name in ("detections", "withdrawn", "lines", "accepted")} == {None}
    assert set(analyst["by_flags"].values()) == {None}


async def test_neither_lists_nor_sources_nor_the_sum_of_everything_say_whose_a_small_count_is(door: Entrance) -> None:
    await send_on(door, 0)
    assert (await figures(door, departement="44"))["lines"] == 1
    asked: tuple[dict[str, str], ...] = ({}, {"academie": "17"}, *({"departement": place} for place in ("44", "49", "53", "72", "85")))
    for params in asked:
        told = (await door.client.get("/figures", params=params, headers=token("analyst"))).json()
        flags = told.pop("by_flags")
        assert {*told.values(), *flags.values()} == {None}, params
    elsewhere = (await door.client.get("/figures", params={"departement": "75"}, headers=token("analyst"))).json()
    assert (elsewhere["lists"], elsewhere["lines"], elsewhere["sources"], elsewhere["silent"]) == (0, 0, 0, [])


async def test_where_nobody_was_ever_heard_there_are_not_zero_dropouts(door: Entrance) -> None:
    await send_on(door, 0)
    found = await figures(door, departement="2A")
    assert (found["detections"], found["complete"], found["sources"]) == (0, False, 0)


async def test_a_list_that_waits_for_a_human_leaves_the_figures_incomplete(door: Entrance) -> None:
    await send_on(door, 30)
    await door.client.put(
        f"/lists/{uuid4()}", params={"format": "csv", "reference_date": "2026-01-01"}, content=leavers_csv(leaver()), headers=SENDER
    )
    found = await figures(door, departement="44")
    assert (found["complete"], found["held_lists"], found["sources"]) == (False, 1, 1)


async def test_ops_sets_a_cadence_for_a_source_that_was_heard_and_for_one_that_was_not(door: Entrance) -> None:
    await send_on(door, 0)
    door.house.clock.at = START + timedelta(days=5)
    for uai in (UAI, OTHER_UAI):
        answer = await set_cadence(door, uai, {"every_days": 10})
        assert answer.status_code == 201
    expected = [one for one in await door.house.events(SourceExpected) if isinstance(one, SourceExpected)]
    assert [(one.sender, one.basis, one.heard_on, one.silent_after) for one in expected] == [
        (UAI, "set", date(2026, 2, 2), date(2026, 2, 17)), (OTHER_UAI, "set", date(2026, 2, 7), date(2026, 2, 22)),
    ]  # fmt: skip
    assert await ring_on(door, datetime(2026, 2, 18, tzinfo=UTC)) == 1
    await show(door)
    shown = (await door.client.get("/sources", params={"silent": True}, headers=OPS)).json()["sources"]
    assert [(one["sender"], one["every_days"], one["silent"]) for one in shown] == [(UAI, 10, True)]


async def test_only_ops_sees_and_sets_cadences_and_only_sensible_ones(door: Entrance) -> None:
    for headers in (SENDER, token("analyst"), token("adviser", territory=["44"]), token("platform")):
        assert (await set_cadence(door, UAI, {"every_days": 10}, headers=headers)).status_code == 403
        assert (await door.client.get("/sources", headers=headers)).status_code == 403
    for body in ({"every_days": 0}, {"every_days": 731}, {"every_days": "10"}, {}, {"every_days": 10, "more": 1}):
        assert (await set_cadence(door, UAI, body)).status_code == 422
    assert (await set_cadence(door, "0440074X", {"every_days": 10})).status_code == 201
    assert (await set_cadence(door, "nothing", {"every_days": 10})).status_code == 422


async def set_cadence(door: Entrance, uai: str, body: object, *, headers: dict[str, str] = OPS, key: UUID | None = None) -> httpx.Response:
    path = f"/sources/{uai}/csv/leavers/cadence"
    return await door.client.post(path, json=body, headers={**headers, "Idempotency-Key": str(key or uuid4())})


async def _fold(door: Entrance, events: Sequence[Event]) -> None:
    """Every projection of intake, row by row, with the consumer's role."""
    dsn = door.house.dsns[0].replace("_app:", "_consumer:")
    async with (
        asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool,
        pool.acquire() as connection,
        connection.transaction(),
    ):
        for projection in door.parts.subscription.projections:
            await connection.execute(f"delete from {projection.table}")
            await projection.fold(connection, [heard(event) for event in events])
