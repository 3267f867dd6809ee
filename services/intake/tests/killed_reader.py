"""A reader in a process of its own, killed at a named point: arguments are the DSNs of intake and keyring, and the point."""

import asyncio
import sys

from intake_house import entered

from chassis.failpoints import arm


async def main(dsn: str, keyring_dsn: str, point: str) -> None:
    arm(point)
    async with entered(dsn, keyring_dsn) as house:
        await house.read_all()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
