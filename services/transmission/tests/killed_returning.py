"""The worker of return information in a process of its own, killed at a named point.

Arguments are the DSNs of transmission and keyring, the point, and the instant that its clock shows.
"""

import asyncio
import sys
from datetime import datetime

import asyncpg

from chassis.event_store import EventStore
from chassis.failpoints import arm
from chassis.handler import Handler
from chassis.keyring import Keyring
from chassis.testing import FixedClock
from transmission.domain.returns import RETURNS, ReturnRule
from transmission.returning import Returning


async def main(transmission: str, keys: str, point: str, at: str) -> None:
    arm(point)
    clock = FixedClock(datetime.fromisoformat(at))
    async with (
        asyncpg.create_pool(transmission, min_size=1, max_size=2) as pool,
        asyncpg.create_pool(keys, min_size=1, max_size=1) as keyring,
    ):
        handler = Handler(decider=RETURNS, store=EventStore(source="/raccroche/transmission", clock=clock), pool=pool)
        master_keys = {"identity": {1: bytes(32)}}
        returning = Returning(pool=pool, handler=handler, keyring=Keyring(keyring, master_keys), clock=clock, rule=ReturnRule())
        await returning.send_due()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
