"""A sweep in a process of its own on a given day, killed at a named point: arguments are the two DSNs, the day, and the point."""

import asyncio
import sys
from datetime import UTC, datetime

from intake_house import entered

from chassis.failpoints import arm
from chassis.testing import FixedClock
from intake.campaign.files import Sweep


async def main(dsn: str, keyring_dsn: str, day: str, point: str) -> None:
    arm(point)
    clock = FixedClock(datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC))
    async with entered(dsn, keyring_dsn) as house:
        await Sweep(pool=house.pool, digests=house.desk.digests, clock=clock).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
