"""The main job on five real services: equal to the truth, nothing personal in sight, refilled alike, every tampering named."""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import httpx
import pytest
from leaks import Needles, leaks, of_databases, of_files, of_topics

from chassis.provision import dsn_of
from contracts.catalogue import TOPICS
from raccroche.copies import verify_speakers
from raccroche.demo.command import SPEAKERS, examine
from raccroche.demo.journey import LISTENING, Journey
from raccroche.demo.report import Outcome
from raccroche.demo.settling import settle
from raccroche.fiction import generate
from raccroche.ops.snapshot import Snapshot, compare, take
from raccroche.stack import Stack
from raccroche.verification import Verdict

pytestmark = pytest.mark.stack

PEOPLE = 120
DATABASES = tuple(f"raccroche_{name}" for name in LISTENING)


@dataclass(frozen=True)
class Played:
    """A stack that is still up after a whole play, and what it came to."""

    stack: Stack
    journey: Journey
    result: Outcome
    story: list[dict[str, object]]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    stack = Stack(tmp_path_factory.mktemp("journey") / "var")
    journey = Journey(stack=stack, fiction=generate(PEOPLE, seed=3), show=lambda _: None)

    async def play() -> Played:
        await stack.up()
        await journey.play()
        return Played(stack, journey, *await examine(stack, journey))

    try:
        yield asyncio.run(play())
    finally:
        asyncio.run(stack.down())


def test_every_figure_equals_the_generators_truth(played: Played) -> None:
    assert played.result.differences == ()
    found = played.result.document
    assert found["lines"] == sum(int(str(found[name])) for name in ("accepted", "rejected", "held", "not_kept"))
    assert played.journey.strangers == 0
    assert found["detections"] != 0 and found["withdrawn"] != 0


def test_every_standing_detection_has_an_open_case_and_every_withdrawn_one_a_closed_case(played: Played) -> None:
    async def ask() -> tuple[set[UUID], set[UUID], set[UUID]]:
        intake = await asyncpg.connect(dsn_of(played.stack.admin_dsn, database="raccroche_intake"))
        followup = await asyncpg.connect(dsn_of(played.stack.admin_dsn, database="raccroche_followup"))
        try:
            detected = {UUID(row["id"]) for row in await intake.fetch(SAID, "detection_id", "%.DropoutDetected.v1")}
            withdrawn = {UUID(row["id"]) for row in await intake.fetch(SAID, "detection_id", "%.DropoutWithdrawn.v1")}
            opened = {UUID(row["id"]) for row in await followup.fetch(SAID, "detection_id", "%.CaseOpened.v1")}
            return detected, withdrawn, opened
        finally:
            await intake.close()
            await followup.close()

    detected, withdrawn, opened = asyncio.run(ask())
    assert opened == detected
    assert withdrawn < detected


SAID = "select convert_from(body, 'utf8')::json ->> $1 as id from events where type like $2"


def test_each_establishment_reads_what_became_of_those_on_its_own_lists(played: Played) -> None:
    """The codes of the files against the plans that the generator drew; no service's figure is asked."""
    read: Counter[str] = Counter()
    for file in (one for one in played.journey.fiction.files if one.phase == "leavers"):
        token = played.stack.issue_token("sender", uai=file.uai)
        with httpx.Client(base_url=played.stack.address("transmission"), headers={"Authorization": f"Bearer {token}"}) as client:
            (told,) = client.get("/returns").json()["returns"]
            body = client.get(f"/returns/{told['period']}.csv").content.decode("utf-8-sig")
        rows = list(csv.DictReader(body.splitlines(), delimiter=";"))
        assert {row["liste"] for row in rows} == {str(file.list_id)}
        read.update(row["code"] for row in rows)
    truth = played.journey.fiction.truth
    closed = truth.work.closed
    assert read.total() == truth.detections
    assert read["INSCRIT_AILLEURS"] + read["ANNULE"] == truth.withdrawn
    assert read["DEJA_SUIVI"] == closed.get("already_followed", 0)
    assert read["CLOS_NON_JOINT"] == closed.get("unreachable", 0)
    assert read["CLOS"] == closed.get("refused", 0) + closed.get("moved_away", 0)
    assert sum(count for code, count in read.items() if code.startswith("EN_SOLUTION_")) == truth.work.referrals_accepted
    assert read["EN_SOLUTION"] == 0


def test_a_story_tells_what_caused_what_from_list_to_answer(played: Played) -> None:
    types = [str(event["type"]).split(".")[-2] for event in played.story]
    assert {"ExitSeen", "DropoutDetected", "CaseOpened", "BilanCompleted", "ReferralMade"} <= set(types)
    by_id = {event["id"]: event for event in played.story}
    (opened,) = [event for event in played.story if str(event["type"]).endswith(".CaseOpened.v1")]
    cause = by_id[opened["causationid"]]
    assert str(cause["type"]).endswith(".DropoutDetected.v1")
    assert opened["correlationid"] == cause["correlationid"]


def test_one_trace_goes_from_the_list_line_through_other_services(played: Played) -> None:
    async def traces() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for speaker in SPEAKERS:
            connection = await asyncpg.connect(dsn_of(played.stack.admin_dsn, database=f"raccroche_{speaker}"))
            for row in await connection.fetch("select traceparent from events where traceparent is not null"):
                found.setdefault(row["traceparent"].split("-")[1], set()).add(speaker)
            await connection.close()
        return found

    crossing = [services for services in asyncio.run(traces()).values() if {"intake", "followup", "transmission"} <= services]
    assert crossing, "no trace was carried from intake to followup and transmission"


def test_nothing_personal_is_in_any_record_row_log_or_span(played: Played) -> None:
    async def texts() -> list[tuple[str, bytes]]:
        found = [one async for one in of_topics(played.stack.bootstrap, [topic.name for topic in TOPICS])]
        found += [
            one async for one in of_databases(dsn_of(played.stack.admin_dsn, database=name) for name in (*DATABASES, "raccroche_keyring"))
        ]
        return found

    needles = Needles(played.journey.fiction.secrets())
    searched = [*asyncio.run(texts()), *of_files(played.stack.root / "log")]
    assert len(searched) > PEOPLE
    assert leaks(searched, needles) == {}


def test_a_lost_broker_and_a_lost_history_come_back_equal(played: Played) -> None:
    async def lose_and_return() -> tuple[Snapshot, Snapshot]:
        stack = played.stack
        before = await snapshot(stack)
        await stack.down()
        stack.wipe_broker()
        await stack.wipe_database("raccroche_history")
        await stack.up()
        async with played.journey.observing() as observers:
            await settle(observers, lambda _: None)
        return before, await snapshot(stack)

    before, after = asyncio.run(lose_and_return())
    assert before.topics and all(before.topics.values()), "there was something to lose"
    assert before.repeats == after.repeats == dict.fromkeys(before.repeats, 0)
    assert compare(before, after) == []


async def snapshot(stack: Stack) -> Snapshot:
    databases = {name: dsn_of(stack.admin_dsn, database=name) for name in DATABASES}
    return await take(stack.bootstrap, [topic.name for topic in TOPICS], databases)


async def verdicts(stack: Stack) -> list[Verdict]:
    stores = {speaker: stack.auditor_dsn(f"raccroche_{speaker}") for speaker in SPEAKERS}
    return await verify_speakers(stores, stack.auditor_dsn("raccroche_history"))


@pytest.mark.parametrize(
    ("database", "forge", "named"),
    [
        (
            "raccroche_followup",
            "update events set body = convert_to(replace(convert_from(body, 'utf8'), '\"', '\" '), 'utf8') where event_id = $1",
            "body",
        ),
        ("raccroche_intake", "update events set type = 'fr.raccroche.intake.DropoutWithdrawn.v1' where event_id = $1", "type"),
        ("raccroche_offers", "update events set happened_at = happened_at + interval '1 day' where event_id = $1", "time"),
        ("raccroche_history", "update heard set body = body || ' '::bytea where event_id = $1", "body"),
    ],
    ids=["a body in a store", "a type in a store", "a time in a store", "a body in history"],
)
def test_a_superusers_edit_is_named(played: Played, database: str, forge: str, named: str) -> None:
    async def tamper() -> tuple[UUID, list[Verdict], list[Verdict]]:
        connection = await asyncpg.connect(dsn_of(played.stack.admin_dsn, database=database))
        table = "heard" if database == "raccroche_history" else "events"
        row = await connection.fetchrow(f"select * from {table} order by recorded_at, event_id limit 1")
        before = await verdicts(played.stack)
        await connection.execute(forge, row["event_id"])
        after = await verdicts(played.stack)
        for column in ("body", "type", "happened_at"):
            await connection.execute(f"update {table} set {column} = $2 where event_id = $1", row["event_id"], row[column])
        await connection.close()
        return row["event_id"], before, after

    event_id, before, after = asyncio.run(tamper())
    assert [fault for verdict in before for fault in verdict.faults] == []
    faults = [fault for verdict in after for fault in verdict.faults]
    assert any(fault.event_id == event_id and named in fault.what for fault in faults), [str(fault) for fault in faults]


def test_the_figures_of_an_altered_truth_would_differ(played: Played) -> None:
    """The comparison itself can fail."""
    from raccroche.demo.report import differences, truth_of

    truth = truth_of(played.journey.fiction)
    for name in ("detections", "withdrawn", "transmissions", "referrals"):
        wrong = {**played.result.document, name: "something else"}
        assert [one for one in differences(wrong, truth) if one.startswith(name)]
