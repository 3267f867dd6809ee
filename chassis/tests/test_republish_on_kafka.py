"""Saying everything again on a topic that was lost: the same records, never while somebody else speaks, and only what is strange."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from specimens import STORE, hold, seats
from test_relay_on_kafka import content, emptied, read_all

from chassis.outbox import Outbox
from chassis.provision import Database, chassis_migrations
from chassis.relay import Relay
from chassis.republish import StillSpeaking, say_again, strangeness
from chassis.topics import BrokerIdentity, ensure_topics, identity_of
from contracts.catalogue import Topic

pytestmark = pytest.mark.stack

EVENTS = 40


async def test_everything_is_said_again_with_its_places_but_not_while_a_relay_holds_the_lock(stack, fresh_database) -> None:
    dsns = await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))
    app = await asyncpg.connect(dsns["app"])
    for n in range(EVENTS):
        await STORE.append(app, [STORE.record(seats(n // 5 + 1, f"specimen--{n % 5}"), n // 5 + 1, hold())], [])
    first, second = await fresh_topic(stack.bootstrap), await fresh_topic(stack.bootstrap)
    before = await relayed(stack.bootstrap, dsns, first)
    here = await identity_of(stack.bootstrap, [second])
    speaking = await asyncpg.connect(dsns["relay"])
    assert await Outbox(connection=speaking).lock()
    with pytest.raises(StillSpeaking):
        await say_again(dsns["relay"], second, stack.bootstrap, here, lambda *_: None, EVENTS)
    assert await app.fetchval("select count(*) from relay_topic where topic = $1", second) == 0
    await speaking.close()
    told: list[tuple[int, int]] = []
    assert await say_again(dsns["relay"], second, stack.bootstrap, here, lambda *so_far: told.append(so_far), EVENTS) == EVENTS
    assert told[-1] == (EVENTS, EVENTS)
    assert content(await read_all(second, stack.bootstrap, EVENTS)) == content(before)
    assert await app.fetchval("select topic_id from relay_topic where topic = $1", second) == here.topic_ids[second]
    await app.close()


async def test_strange_is_what_belongs_to_another_cluster_or_another_topic_of_that_name(fresh_database) -> None:
    dsns = await fresh_database(Database(name="specimen", migrations=(chassis_migrations(),)))
    admin = await asyncpg.connect(dsns["admin"])
    await admin.execute("insert into relay_topic values ('said', 'c1', 't1')")
    await admin.execute("insert into marks values ('reader', 'heard', 0, 'c1', 't2', 7), ('reader', 'heard', 1, 'c1', 't2', 7)")
    consumer = await asyncpg.connect(dsns["consumer"])

    async def strange(cluster: str, said: str, heard: str, own: str | None = "said") -> tuple[bool, bool | None, list[bool]]:
        broker = BrokerIdentity(cluster_id=cluster, topic_ids={"said": said, "heard": heard})
        found = await strangeness(consumer, own, "reader", broker)
        return found.nothing, None if found.said is None else found.said.here, [known.here for known in found.heard]

    assert await strange("c1", "t1", "t2") == (True, True, [True])
    assert await strange("c1", "anew", "t2") == (False, False, [True])
    assert await strange("c1", "t1", "anew") == (False, True, [False])
    assert await strange("c2", "t1", "t2") == (False, False, [False])
    assert await strange("c1", "anew", "t2", own=None) == (True, None, [True])
    await admin.close()
    await consumer.close()


async def fresh_topic(bootstrap: str) -> str:
    topic = f"specimen.{uuid4().hex}"
    await ensure_topics(bootstrap, [Topic(name=topic, speaker="offers", partitions=3)])
    return topic


async def relayed(bootstrap: str, dsns: dict[str, str], topic: str) -> list:

    relay = Relay(dsn=dsns["relay"], topic=topic, bootstrap=bootstrap, refill=False, broker=await identity_of(bootstrap, [topic]))
    running = asyncio.create_task(relay.run())
    await emptied(dsns)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return await read_all(topic, bootstrap, EVENTS)
