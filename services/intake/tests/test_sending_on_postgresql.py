"""Bodies that come in pieces: cut anywhere and taken up again, sent twice, by another, over the limit; what lies encrypted meanwhile."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from intake_house import House, pieces
from intake_specimens import OTHER_UAI, REFERENCE, UAI, leaver, leavers_csv

from chassis.decider import NO_TRACE
from chassis.handler import KeyReused
from intake import parts
from intake.formats import ADAPTERS
from intake.formats.cells import ListRefused
from intake.parts import PART_BYTES, TakenOver, Upload
from intake.receiving import CutShort, OtherOffset, Sending, Span

pytestmark = pytest.mark.stack

FIRST = UUID(int=201)
PADDING = "x" * 3000
BODY = leavers_csv(*(leaver(ine=f"{n:010d}A", nom="DUVAL" + chr(65 + n // 26) + chr(65 + n % 26), adresse=PADDING) for n in range(1, 601)))
SIZE = len(BODY)
WHOLE = Sending(list_id=FIRST, sender=UAI, format="csv", reference_date=REFERENCE, actor="sender-1", trace=NO_TRACE)


class Cut(Exception):
    """The connection is gone."""


def from_byte(first: int, end: int = SIZE, total: int = SIZE) -> Sending:
    return replace(WHOLE, span=Span(first=first, end=end, total=total))


async def cut_after(body: bytes) -> AsyncIterator[bytes]:
    async for chunk in pieces(body):
        yield chunk
    raise Cut


async def where(intake: House) -> int:
    progress = await intake.reception.progress(FIRST, UAI)
    assert progress is not None and not progress.whole
    return progress.size


@pytest.mark.parametrize("cut", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, SIZE - 1, SIZE])
async def test_a_body_cut_at_any_byte_is_taken_up_and_read_whole(intake: House, cut: int) -> None:
    with pytest.raises(Cut):
        await intake.reception.receive(from_byte(0), cut_after(BODY[:cut]))
    assert await intake.pool.fetchval("select count(*) from lists") == 0
    first = await where(intake)
    assert first <= cut and cut - first < PART_BYTES
    received = await intake.reception.receive(from_byte(first), pieces(BODY[first:]))
    assert received.whole and not received.repeated
    await intake.read_all()
    assert [line for line, verdict, _ in await intake.verdicts(FIRST) if verdict == "accepted"] == list(range(2, 602))
    assert (
        await intake.pool.fetchval("select count(*) from list_part") == await intake.pool.fetchval("select count(*) from list_upload") == 0
    )


async def test_a_body_may_come_in_slices_and_is_the_same_sending_as_the_whole(intake: House) -> None:
    first = 0
    while first + PART_BYTES < SIZE:
        end = first + PART_BYTES + 7
        received = await intake.reception.receive(from_byte(first, end), pieces(BODY[first:end]))
        assert not received.whole and received.size == first + PART_BYTES
        first = received.size
    assert (await intake.reception.receive(from_byte(first), pieces(BODY[first:]))).whole
    again = await intake.reception.receive(WHOLE, pieces(BODY, 7777))
    assert again.repeated and again.whole
    with pytest.raises(KeyReused):
        await intake.reception.receive(WHOLE, pieces(BODY[:-1] + b"x"))


async def test_another_file_or_another_offset_is_not_joined_to_what_came(intake: House) -> None:
    declared = replace(from_byte(0), declared="sha-256=:one:")
    with pytest.raises(Cut):
        await intake.reception.receive(declared, cut_after(BODY[: PART_BYTES + 5]))
    others = (
        replace(from_byte(PART_BYTES), declared="sha-256=:other:"),
        replace(from_byte(PART_BYTES), declared=declared.declared, format="sifa"),
        replace(from_byte(PART_BYTES, total=SIZE + 1), declared=declared.declared),
        replace(from_byte(5), declared=declared.declared),
        replace(from_byte(2 * PART_BYTES - 1), declared=declared.declared),
    )
    for other in others:
        with pytest.raises(OtherOffset):
            await intake.reception.receive(other, pieces(BODY))
    assert await where(intake) == PART_BYTES


async def test_a_request_that_brings_less_than_it_says_makes_no_list(intake: House) -> None:
    with pytest.raises(CutShort):
        await intake.reception.receive(from_byte(0), pieces(BODY[:-1]))
    assert await intake.pool.fetchval("select count(*) from lists") == 0


async def test_an_upload_and_its_id_are_its_senders_alone(intake: House) -> None:
    with pytest.raises(Cut):
        await intake.reception.receive(from_byte(0), cut_after(BODY[: PART_BYTES + 5]))
    assert await intake.reception.progress(FIRST, OTHER_UAI) is None
    for theirs in (replace(WHOLE, sender=OTHER_UAI), replace(from_byte(PART_BYTES), sender=OTHER_UAI)):
        with pytest.raises(KeyReused):
            await intake.reception.receive(theirs, pieces(BODY))
    assert await where(intake) == PART_BYTES


async def test_of_two_requests_for_one_list_the_later_writes_and_the_earlier_stops(intake: House) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield BODY[: PART_BYTES + 1]
        begun.set()
        await go_on.wait()
        yield BODY[PART_BYTES + 1 :]

    earlier = asyncio.create_task(intake.reception.receive(WHOLE, slow()))
    await begun.wait()
    assert (await intake.reception.receive(WHOLE, pieces(BODY))).whole
    go_on.set()
    with pytest.raises(TakenOver):
        await earlier
    await intake.read_all()
    assert len(await intake.verdicts(FIRST)) == 600


async def test_no_part_is_clear_and_none_can_stand_for_another(intake: House) -> None:
    await intake.reception.receive(WHOLE, pieces(BODY))
    rows = await intake.pool.fetch("select sealed from list_part order by number")
    assert len(rows) == 2 and not any(b"DUVAL" in row["sealed"] for row in rows)
    keys = (await intake.keyring.keys([FIRST]))[FIRST]
    assert keys.open_bytes("list", "part 0", rows[0]["sealed"]) == BODY[:PART_BYTES]
    with pytest.raises(Exception, match="do not belong here"):
        keys.open_bytes("list", "part 1", rows[0]["sealed"])


async def test_the_body_reads_as_one_seekable_file(intake: House) -> None:
    await intake.reception.receive(WHOLE, pieces(BODY))
    keys = (await intake.keyring.keys([FIRST]))[FIRST]
    body = parts.opened(intake.pool, keys, FIRST, SIZE)
    for start, count in ((PART_BYTES - 3, 6), (0, 10), (SIZE - 4, 99), (SIZE + 5, 1)):
        await asyncio.to_thread(body.seek, start)
        assert await asyncio.to_thread(body.read, count) == BODY[start : start + count]


async def test_over_the_limit_and_over_the_mandate_nothing_of_the_body_remains(intake: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ListRefused, match="OUT_OF_MANDATE"):
        await intake.reception.receive(replace(WHOLE, sender=OTHER_UAI), pieces(BODY))
    monkeypatch.setitem(ADAPTERS, "csv", replace(ADAPTERS["csv"], body_limit=SIZE - 1))  # type: ignore[arg-type]  # a dict in truth
    for sending in (WHOLE, from_byte(0)):
        with pytest.raises(ListRefused, match="TOO_LARGE"):
            await intake.reception.receive(sending, pieces(BODY))
    assert (
        await intake.pool.fetchval("select count(*) from list_part") == await intake.pool.fetchval("select count(*) from list_upload") == 0
    )


async def test_an_abandoned_upload_goes_after_a_day(intake: House) -> None:
    with pytest.raises(Cut):
        await intake.reception.receive(WHOLE, cut_after(BODY[: PART_BYTES + 5]))
    await intake.read_all()
    assert await where(intake) == PART_BYTES
    intake.clock.move(timedelta(hours=25))
    await intake.read_all()
    assert await intake.reception.progress(FIRST, UAI) is None
    assert await intake.pool.fetchval("select count(*) from list_part") == 0


async def test_a_body_of_three_hundred_mebibytes_takes_no_more_memory_than_a_small_one(intake: House) -> None:
    script = str(Path(__file__).parent / "heavy_reader.py")
    heavy = await asyncio.create_subprocess_exec(sys.executable, script, *intake.dsns, "300", stdout=asyncio.subprocess.PIPE)
    told, _ = await heavy.communicate()
    small, large = map(int, told.split())
    assert large - small < 60 * 1024
    assert await intake.pool.fetchval("select sum(not_kept) from lists where closed_at is not null") > 35_000


async def test_a_request_that_begins_when_the_list_is_there_or_its_parts_are_gone_changes_nothing(intake: House) -> None:
    await intake.reception.receive(WHOLE, pieces(BODY))
    for list_id, size in ((FIRST, 0), (UUID(int=202), PART_BYTES)):
        late = Upload(
            list_id=list_id, sender=UAI, format="csv", reference_date=REFERENCE, declared=None, holder=UUID(int=1), size=size, total=None
        )
        async with intake.pool.acquire() as connection:
            with pytest.raises(TakenOver):
                await parts.begin(connection, late, at=intake.clock.now())
    await intake.read_all()
    assert len(await intake.verdicts(FIRST)) == 600
    assert await intake.pool.fetchval("select count(*) from list_upload") == 0
