"""What a service says of itself: its lag as a figure, and plainly that it cannot be told while the broker is not there for it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from edge_app import client, edge_app, token
from fastapi import FastAPI
from faststream.kafka import KafkaBroker
from specimens import CLOCK

from chassis.consumer import Consumer
from chassis.event_store import Connection
from chassis.health import Health, health_routes
from chassis.pools import open_pool
from chassis.provision import Database, chassis_migrations
from chassis.subscription import Subscription
from chassis.topics import identity_of

pytestmark = pytest.mark.stack


@dataclass
class House:
    app: FastAPI
    consumer: Consumer
    bootstrap: str

    async def lag(self) -> tuple[int, dict[str, object]]:
        async with client(self.app) as ask:
            answer = await ask.get("/lag", headers={"Authorization": f"Bearer {token(role='ops')}"})
        return answer.status_code, answer.json()

    async def told(self) -> dict[str, object]:
        """The figures, once they are told."""
        async with asyncio.timeout(30):
            while (said := await self.lag())[0] != 200:
                await asyncio.sleep(0.1)
        return said[1]


async def nothing_pending(_: Connection) -> int:
    return 0


@pytest.fixture
async def house(fresh_database, stack) -> AsyncIterator[House]:
    dsns = await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))
    heard = Subscription(consumer=f"specimen-{uuid4().hex[:8]}", actor="/raccroche/specimen", speakers=("offers",))
    async with await open_pool(dsns["app"]) as app_pool, await open_pool(dsns["consumer"]) as pool:
        consumer = Consumer(
            subscription=heard, pool=pool, clock=CLOCK, refill=False,
            broker_identity=await identity_of(stack.bootstrap, ["raccroche.offers"]), committed=lambda: None,
        )  # fmt: skip
        app = edge_app()
        app.include_router(health_routes(Health(app_pool, consumer, None, nothing_pending, CLOCK)))
        yield House(app, consumer, stack.bootstrap)


async def test_before_the_group_let_it_in_the_lag_cannot_be_told(house: House) -> None:
    assert (await house.lag())[0] == 503
    idle = AIOKafkaConsumer(bootstrap_servers=house.bootstrap)  # made, as it is for a moment in every start, and not started
    house.consumer.client = lambda: idle
    status, problem = await house.lag()
    assert (status, problem["rule"]) == (503, "NOT_CONNECTED")


async def test_once_let_in_the_lag_is_a_figure_but_not_while_the_broker_is_silent(house: House, stack) -> None:
    broker = KafkaBroker(house.bootstrap, logger=None)
    house.consumer.subscribe(broker)
    await broker.start()
    try:
        assert await house.told() == {"outbox": 0, "waiting": 0, "parked": 0, "timers_due": 0, "lag": 0, "pending": 0}
        await stack.pause("kafka")
        try:
            status, problem = await house.lag()
            assert (status, problem["rule"]) == (503, "NOT_CONNECTED")
        finally:
            await stack.resume("kafka")
        assert (await house.told())["lag"] == 0
    finally:
        await broker.stop()
