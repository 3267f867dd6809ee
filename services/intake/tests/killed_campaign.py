"""A campaign in a process of its own, killed at a named point: arguments are the DSNs of intake and keyring, the point, files, work."""

import asyncio
import sys
from pathlib import Path

from campaign_house import KINDS, campaign_of
from intake_house import entered

from chassis.failpoints import arm
from raccroche.fiction.campaign import Files, truth_of


async def main(dsn: str, keyring_dsn: str, point: str, folder: str, people: str) -> None:
    arm(point)
    files = Files(**{kind: Path(folder) / f"{kind}.csv" for kind in KINDS}, truth=truth_of(int(people)))
    async with entered(dsn, keyring_dsn) as house:
        await campaign_of(house, files, Path(folder) / "work", at_once=10).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
