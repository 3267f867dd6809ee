"""The event store and its handler on a real PostgreSQL: one writer wins, asking twice is asking once, nobody can rewrite."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from specimens import NOON, SEATS, STORE, HoldSeat, hold, seats

from chassis.decider import NO_TRACE
from chassis.event_store import BULK, Conflict
from chassis.handler import Handler, KeyReused
from chassis.provision import Database, chassis_migrations
from chassis.timers import Timer
from contracts.offers import SeatsChanged

pytestmark = pytest.mark.stack

type SeatHandler = Handler[HoldSeat, int, SeatsChanged]


@pytest.fixture
async def dsns(fresh_database) -> dict[str, str]:
    return await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))


@pytest.fixture
async def pool(dsns: dict[str, str]) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(dsns["app"], min_size=1, max_size=16) as pool:
        yield pool


@pytest.fixture
def handler(pool: asyncpg.Pool) -> SeatHandler:
    return Handler(decider=SEATS, store=STORE, pool=pool)


async def test_sixteen_at_once_get_sixteen_versions_without_hole_or_double(handler: SeatHandler, pool: asyncpg.Pool) -> None:
    outcomes = await asyncio.gather(*(handler.handle(hold()) for _ in range(16)))
    assert {outcome.status for outcome in outcomes} == {"done"}
    versions = await pool.fetch("select stream_version, (convert_from(body, 'utf8')::json->>'held')::int as held from events order by 1")
    assert [(row["stream_version"], row["held"]) for row in versions] == [(n, n) for n in range(1, 17)]


async def test_whoever_asks_again_at_the_moment_of_an_answer_is_answered_too(handler: SeatHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.handler.AT_ONCE", 1)

    async def client(number: int) -> None:
        for _ in range(30):
            await handler.handle(hold(f"specimen--{number}"))

    async with asyncio.timeout(30):
        await asyncio.gather(*(client(number) for number in range(4)))


async def test_asking_twice_is_asking_once_with_the_same_answer(handler: SeatHandler, pool: asyncpg.Pool) -> None:
    request = hold()
    first, second = await handler.handle(request), await handler.handle(request)
    assert second.repeated and second.answer == first.answer
    assert await pool.fetchval("select count(*) from events") == 1


async def test_the_same_key_for_another_request_is_refused(handler: SeatHandler) -> None:
    key = uuid4()
    await handler.handle(hold(command_id=key, fingerprint=b"one"))
    with pytest.raises(KeyReused):
        await handler.handle(hold(command_id=key, fingerprint=b"two"))


async def test_a_refusal_is_remembered_and_writes_no_event(handler: SeatHandler, pool: asyncpg.Pool) -> None:
    for _ in range(40):
        await handler.handle(hold())
    refused = await handler.handle(hold())
    assert (refused.status, refused.reason) == ("refused", "no seat is free")
    assert await pool.fetchval("select count(*) from events") == 40


@pytest.mark.parametrize("count", [BULK - 1, BULK + 1])
async def test_many_events_are_appended_all_or_none_without_a_transaction_too(pool: asyncpg.Pool, count: int) -> None:
    """Few go as one statement, many as three copies: the last of them finds its version taken."""
    taken = STORE.record(seats(1, "taken"), 1, hold())
    others = [STORE.record(seats(1, f"free--{number}"), 1, hold()) for number in range(count - 1)]
    async with pool.acquire() as connection:
        await STORE.append(connection, [taken], [])
        with pytest.raises(Conflict):
            await STORE.append(connection, [*others, STORE.record(seats(2, "taken"), 1, hold())], [])
        assert await connection.fetchval("select count(*) from events") == 1
        await STORE.append(connection, others, [])
        assert await connection.fetchval("select count(*) from outbox") == count


async def test_an_event_whose_timer_cannot_be_set_is_not_appended(pool: asyncpg.Pool) -> None:
    def never(_: object, __: object) -> list[Timer]:
        return [Timer(timer_id=uuid4(), due_at=NOON, kind="\0", subject="specimen--1", body=b"", trace=NO_TRACE)]

    with pytest.raises(asyncpg.CharacterNotInRepertoireError):
        await Handler(decider=SEATS, store=STORE, pool=pool, timers=never).handle(hold())
    assert await pool.fetchval("select count(*) from events") == 0


@pytest.mark.parametrize(
    "statement", ["update events set type = 'x'", "delete from events", "truncate events", "update relay_log set chain = ''"]
)
@pytest.mark.parametrize("role", ["app", "consumer", "relay"])
async def test_no_role_of_a_service_can_rewrite_the_past(dsns: dict[str, str], role: str, statement: str) -> None:
    connection = await asyncpg.connect(dsns[role])
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()
