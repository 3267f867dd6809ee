"""An intake in a process of its own that takes a body of so many MiB; prints its peak memory in KiB before and after.

Arguments are the DSNs of intake and keyring, and the MiB.
"""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from uuid import UUID

from intake_house import entered
from intake_specimens import REFERENCE, UAI, sifa_line

from chassis.decider import NO_TRACE
from intake.receiving import Sending

MIB = 1 << 20
LINE = (sifa_line(DATE_NAIS="01012015", ADRESSE="x" * 3990, MAIL_JEUNE="x" * 3990) + "\n").encode()


async def body_of(size: int) -> AsyncIterator[bytes]:
    """Under-16s throughout: each is read, counted, and leaves only its verdict."""
    piece = LINE * (MIB // len(LINE))
    for _ in range(size // len(piece)):
        yield piece


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def main(dsn: str, keyring_dsn: str, mebibytes: str) -> None:
    async with entered(dsn, keyring_dsn) as house:
        for list_id, size in ((UUID(int=1), 8 * MIB), (UUID(int=2), int(mebibytes) * MIB)):
            sending = Sending(list_id=list_id, sender=UAI, format="sifa", reference_date=REFERENCE, actor="sender-1", trace=NO_TRACE)
            await house.reception.receive(sending, body_of(size))
            await house.read_all()
            print(peak())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
