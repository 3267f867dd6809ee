"""Held lists on a real PostgreSQL: nothing of them is a fact, their bodies stay sealed, a human decides, or time does."""

import asyncio
import hashlib
from datetime import date, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from intake_house import House
from intake_specimens import LEAVER, OTHER_UAI, UAI, enrolment, enrolments_csv, leaver, leavers_csv

from chassis.decider import NO_TRACE, Request
from chassis.timers import fire_due
from contracts.intake import DropoutDetected, ExitSeen, ListHeld, ListReceived, ListRefused, ListReleased
from intake import holding, lists
from intake.deadlines import Ringing
from intake.domain.list_commands import ReleaseList
from intake.formats.cells import ListRefused as FileRefused
from intake.holding import Repeated

pytestmark = pytest.mark.stack

FIRST, SECOND, THIRD, FOURTH = (UUID(int=n) for n in range(201, 205))
EARLIER, LATER = date(2026, 1, 30), date(2026, 2, 1)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RECTORAT = "0440001M"


def crowd(count: int, family: str = "ARBEL") -> list[dict[str, str]]:
    return [leaver(ine=f"{n:010d}A", nom=f"{family}{''.join(LETTERS[int(digit)] for digit in str(n))}") for n in range(1, count + 1)]


async def release(intake: House, list_id: UUID) -> None:
    handler = intake.reception.handler

    async def also(connection: asyncpg.pool.PoolConnectionProxy) -> None:
        await holding.released(connection, list_id, intake.clock)

    await handler.handle_with(
        Request(command=ReleaseList(list_id=list_id), command_id=uuid4(), actor="ops-1", correlation_id=list_id, trace=NO_TRACE), also
    )


async def test_an_older_list_after_a_newer_one_waits_and_nothing_of_it_is_a_fact(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()), reference_date=LATER)
    await intake.send(SECOND, leavers_csv(leaver(ine="", nom="ARBELIN")), reference_date=EARLIER)
    await intake.read_all()
    (held,) = await intake.events(ListHeld)
    assert isinstance(held, ListHeld) and (held.list_id, held.reasons, held.newer) == (SECOND, ("LIST_OUT_OF_ORDER",), FIRST)
    assert len(await intake.events(ExitSeen)) == 1
    assert await intake.verdicts(SECOND) == []
    body = await intake.pool.fetchval("select sealed from list_part where list_id = $1", SECOND)
    assert body is not None and LEAVER["prenom"].encode() not in body
    async with intake.pool.acquire() as connection:
        assert await lists.pending(connection) == 0


async def test_enrolments_and_leavers_of_one_sender_are_two_sources(intake: House) -> None:
    await intake.send(FIRST, enrolments_csv(enrolment()), reference_date=LATER)
    await intake.send(SECOND, leavers_csv(leaver()), reference_date=EARLIER)
    assert await intake.events(ListHeld) == []


async def test_a_held_list_is_no_newer_list_and_is_not_what_is_usual(intake: House) -> None:
    for n, list_id in enumerate((FIRST, SECOND)):
        await intake.send(list_id, leavers_csv(*crowd(30, family="ARBEL" + "N" * n)))
    await intake.send(THIRD, leavers_csv(*crowd(5)), reference_date=LATER)
    await intake.send(FOURTH, leavers_csv(*crowd(31)))
    held = await intake.events(ListHeld)
    assert [(one.list_id, one.reasons, one.usual) for one in held if isinstance(one, ListHeld)] == [(THIRD, ("VOLUME_ANOMALY",), 30)]


async def test_a_released_list_is_read_like_any_other_and_counts_as_usual(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()), reference_date=LATER)
    await intake.send(SECOND, leavers_csv(leaver(ine="", nom="ARBELIN")), reference_date=EARLIER)
    await release(intake, SECOND)
    await intake.read_all()
    assert len(await intake.events(ListReleased)) == 1
    assert len(await intake.events(ExitSeen)) == 2 and len(await intake.events(DropoutDetected)) == 2
    assert await intake.verdicts(SECOND) == [(2, "accepted", ())]
    assert await intake.pool.fetchval("select count(*) from lists where closed_at is null") == 0


async def test_a_list_that_nobody_decides_upon_is_refused_after_thirty_days_and_its_body_goes(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()), reference_date=LATER)
    await intake.send(SECOND, leavers_csv(leaver(ine="", nom="ARBELIN")), reference_date=EARLIER)
    ring = Ringing(lists=intake.reception.handler, sources=intake.desk.source_handler, clock=intake.clock)
    async with asyncpg.create_pool(intake.dsns[0].replace("_app:", "_consumer:"), min_size=1, max_size=2) as consumer:
        intake.clock.move(timedelta(days=30) - timedelta(seconds=1))
        assert await fire_due(consumer, intake.clock, ring) == 0
        intake.clock.move(timedelta(seconds=1))
        assert await fire_due(consumer, intake.clock, ring) == 1
        assert await fire_due(consumer, intake.clock, ring) == 0
    assert await intake.events(ListRefused) == [ListRefused(list_id=SECOND, motive="not_decided_in_time")]
    assert await intake.pool.fetchval("select count(*) from list_part where list_id = $1", SECOND) == 0
    await intake.read_all()
    assert len(await intake.events(ExitSeen)) == 1


async def test_time_that_runs_out_after_a_decision_changes_nothing(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()), reference_date=LATER)
    await intake.send(SECOND, leavers_csv(leaver(ine="", nom="ARBELIN")), reference_date=EARLIER)
    await release(intake, SECOND)
    intake.clock.move(timedelta(days=31))
    ring = Ringing(lists=intake.reception.handler, sources=intake.desk.source_handler, clock=intake.clock)
    async with asyncpg.create_pool(intake.dsns[0].replace("_app:", "_consumer:"), min_size=1, max_size=2) as consumer:
        assert await fire_due(consumer, intake.clock, ring) == 1
    await intake.read_all()
    assert await intake.events(ListRefused) == [] and len(await intake.events(ExitSeen)) == 2


async def test_a_refused_list_covers_nothing(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()), reference_date=LATER)
    await intake.send(SECOND, leavers_csv(leaver(ine="", nom="ARBELIN")), reference_date=EARLIER)
    async with intake.pool.acquire() as connection, connection.transaction():
        await holding.refused(connection, SECOND, intake.clock)
        assert await lists.coverage(connection, FIRST) == {"csv": 1}
        assert await lists.pending(connection) == 1


async def test_the_same_list_under_another_id_is_said_to_be_the_same_and_nothing_is_new(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.read_all()
    before = await intake.events()
    for _ in range(2):
        with pytest.raises(Repeated) as repeated:
            await intake.send(SECOND, leavers_csv(leaver()))
        assert repeated.value.same_as == FIRST
    await intake.read_all()
    assert await intake.events() == before
    assert await intake.pool.fetchval("select count(*) from lists") == 1


async def test_the_same_lines_of_another_day_or_in_another_order_are_another_list(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(*crowd(2)))
    await intake.send(SECOND, leavers_csv(*crowd(2)), reference_date=LATER)
    await intake.send(THIRD, leavers_csv(*reversed(crowd(2))), reference_date=LATER)
    assert len(await intake.events(ListReceived)) == 3


async def test_the_fingerprint_by_which_a_list_is_known_again_is_keyed(intake: House) -> None:
    body = leavers_csv(leaver())
    await intake.send(FIRST, body)
    kept = await intake.pool.fetchval("select fingerprint from list_source")
    assert kept not in {hashlib.sha256(body).digest(), hashlib.blake2b(body, digest_size=32).digest()}


async def test_a_sender_with_a_territory_may_speak_for_its_establishments_and_for_no_other(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver(uai=UAI)), sender=RECTORAT, territory=("44",))
    with pytest.raises(FileRefused, match="OUT_OF_MANDATE"):
        await intake.send(SECOND, leavers_csv(leaver(uai=OTHER_UAI)), sender=RECTORAT, territory=("44",))
    with pytest.raises(FileRefused, match="OUT_OF_MANDATE"):
        await intake.send(SECOND, leavers_csv(leaver(uai=UAI)), sender=RECTORAT)
    assert await intake.events(ListHeld) == []


async def test_an_establishment_that_another_sender_reports_holds_the_list_until_a_human_lets_it(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.send(SECOND, leavers_csv(leaver(ine="", nom="ARBELIN")), sender=RECTORAT, territory=("44",))
    (held,) = await intake.events(ListHeld)
    assert isinstance(held, ListHeld) and held.reasons == ("TERRITORY_OF_ANOTHER",)
    await intake.send(THIRD, leavers_csv(leaver(ine="", nom="CORBEL")))
    await release(intake, SECOND)
    await intake.send(FOURTH, leavers_csv(leaver(ine="", nom="DORVAL")), sender=RECTORAT, territory=("44",))
    assert len(await intake.events(ListHeld)) == 1


async def test_an_establishment_is_always_its_own_sender(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()), sender=RECTORAT, territory=("44",))
    await intake.send(SECOND, leavers_csv(leaver(ine="", nom="ARBELIN")))
    assert await intake.events(ListHeld) == []


async def test_the_same_list_sent_twice_at_the_same_time_is_taken_once(intake: House) -> None:
    sendings = [intake.send(UUID(int=300 + n), leavers_csv(leaver())) for n in range(6)]
    answers = await asyncio.gather(*sendings, return_exceptions=True)
    (taken,) = await intake.events(ListReceived)
    assert isinstance(taken, ListReceived)
    refused = [answer for answer in answers if isinstance(answer, Repeated)]
    assert len(refused) == 5 and {one.same_as for one in refused} == {taken.list_id}
    assert await intake.pool.fetchval("select count(*) from repeated_list") == 5
    assert await intake.pool.fetchval("select count(distinct list_id) from list_part") == 1
    assert await intake.pool.fetchval("select count(*) from list_upload") == 0
