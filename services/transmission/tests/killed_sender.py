"""A sender in a process of its own, killed at a named point: arguments are the DSNs of transmission and keyring, and the point."""

import asyncio
import sys

import asyncpg

from chassis.clock import WallClock
from chassis.event_store import EventStore
from chassis.failpoints import arm
from chassis.handler import Handler
from chassis.keyring import Keyring
from transmission.domain.decisions import decider
from transmission.domain.recipients import RoutingRule
from transmission.sending import Sender


async def main(transmission: str, keys: str, point: str) -> None:
    arm(point)
    clock = WallClock()
    async with (
        asyncpg.create_pool(transmission, min_size=1, max_size=2) as pool,
        asyncpg.create_pool(keys, min_size=1, max_size=1) as keyring,
    ):
        store = EventStore(source="/raccroche/transmission", clock=clock)
        handler = Handler(decider=decider(RoutingRule()), store=store, pool=pool)
        master_keys = {name: {1: bytes(32)} for name in ("identity", "contact", "guardians")}
        await Sender(pool=pool, handler=handler, keyring=Keyring(keyring, master_keys), clock=clock).send_due()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
