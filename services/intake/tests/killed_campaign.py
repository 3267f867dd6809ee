"""A campaign in a process of its own, killed at a named point: arguments are the two DSNs, the folder of the files, and the point."""

import asyncio
import sys
from datetime import date
from pathlib import Path

from campaign_specimens import REFERENCE, SMALL
from intake_house import House, entered

from chassis.failpoints import arm
from contracts.intake import SnapshotKind
from intake.campaign.admitting import Accepted
from intake.campaign.crossing import Limits
from intake.campaign.running import Campaign
from intake.campaign.snapshots import COLUMNS, Snapshot


def campaign_of(house: House, folder: Path, only: tuple[SnapshotKind, ...] = tuple(COLUMNS), accepted: Accepted = SMALL) -> Campaign:
    """That of the files in this folder."""
    return Campaign(
        pool=house.pool, desk=house.desk, reader=house.reader, reference=REFERENCE, limits=Limits(threads=1, memory="512MB"), actor="somebody",
        delete_on=date(2026, 12, 1), accepted=accepted,
        snapshots={kind: Snapshot(kind=kind, path=folder / f"{kind}.csv") for kind in only},
    )  # fmt: skip


async def main(dsn: str, keyring_dsn: str, folder: str, point: str) -> None:
    arm(point)
    async with entered(dsn, keyring_dsn) as house:
        await campaign_of(house, Path(folder)).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
