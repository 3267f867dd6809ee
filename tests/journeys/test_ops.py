"""What ops teams type, as they type it: a rebuild, a damaged row, a parked record, a topic that was lost where nobody refills by itself."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import AdminClient
from test_whole_journey import snapshot

from chassis.provision import dsn_of
from chassis.topics import ensure_topics
from contracts.catalogue import TOPICS
from raccroche.demo.journey import Journey
from raccroche.demo.settling import settle
from raccroche.fiction import generate
from raccroche.ops.snapshot import compare
from raccroche.stack import SERVICES, Stack
from raccroche.stack.programs import Plan, service_environment

pytestmark = pytest.mark.stack

PROJECTIONS = {
    "intake": ("dropouts", "list_totals"),
    "followup": ("cases", "coordinates"),
    "offers": ("cases", "offers", "referrals"),
    "transmission": ("designations", "coordinates", "transmissions", "unroutable"),
}
LOST = "raccroche.followup"
HEARS_IT = ("followup", "offers", "transmission", "history")


@dataclass(frozen=True)
class House:
    """A stack that refills nothing by itself, as anywhere but on a developer's machine, after a small journey."""

    stack: Stack
    journey: Journey

    def ops(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        return self._done([str(Path(sys.executable).with_name("raccroche")), "ops", *words, "--root", str(self.stack.root)], {})

    def job(self, service: str, *words: str, failpoint: str = "") -> tuple[int, str, str]:
        """As `raccroche ops` starts it, in the service's own environment."""
        environment = service_environment(self.stack.layout, Plan.load(self.stack.layout.plan), service)
        return self._done([sys.executable, "-m", service, *words], {**environment, "FAILPOINT": failpoint})

    async def jobs_at_once(self, *jobs: tuple[str, ...]) -> list[tuple[int, str, str]]:
        return await asyncio.gather(*(asyncio.to_thread(self.job, *words) for words in jobs))

    @staticmethod
    def _done(command: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment})
        return done.returncode, done.stdout, done.stderr

    async def ask(self, service: str, statement: str, *values: object) -> Any:
        connection = await asyncpg.connect(dsn_of(self.stack.admin_dsn, database=f"raccroche_{service}"))
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    alone = {"REFILL": "", "CLOCK_OFFSET_FILE": ""}
    stack = Stack(tmp_path_factory.mktemp("ops") / "var", environment=dict.fromkeys(SERVICES, alone))
    journey = Journey(stack=stack, fiction=generate(60, seed=4), show=lambda _: None)

    async def play() -> None:
        await stack.up()
        await journey.play()

    try:
        asyncio.run(play())
        yield House(stack, journey)
    finally:
        asyncio.run(stack.down())


def test_every_projection_of_every_service_is_rebuilt_equal_while_the_services_run(house: House) -> None:
    wanted = [(service, name) for service, names in PROJECTIONS.items() for name in names]
    answers = asyncio.run(house.jobs_at_once(*((service, "rebuild", name, "--json") for service, name in wanted)))
    documents = {name: json.loads(output) for name, (_, output, _) in zip(wanted, answers, strict=True)}
    assert {name: (one["switched"], one["comparison"]["named"]) for name, one in documents.items()} == dict.fromkeys(documents, (True, []))
    assert [status for status, _, _ in answers] == [0] * len(wanted)
    assert sum(one["comparison"]["equal"] for one in documents.values()) > 100
    for service, names in PROJECTIONS.items():
        assert asyncio.run(house.ask(service, "select count(*) from marks where consumer like '%~%'")) == 0, names
    assert asyncio.run(house.stack.unready()) == {}


def test_a_rebuild_that_was_killed_goes_on_where_it_was(house: House) -> None:
    killed, _, _ = house.job("followup", "rebuild", "cases", failpoint="consumer_before_commit:3")
    assert killed == -signal.SIGKILL
    heard = asyncio.run(house.ask("followup", "select sum(next_offset) from marks where consumer = 'followup~cases'"))
    status, output, _ = house.job("followup", "rebuild", "cases", "--json")
    document = json.loads(output)
    assert (status, document["resumed"], document["switched"]) == (0, True, True)
    assert document["records"] == asyncio.run(house.ask("followup", HEARD_LIVE)) - heard
    assert heard > 0


HEARD_LIVE = "select sum(next_offset) from marks where consumer = 'followup' and topic = 'raccroche.followup'"


def test_what_cannot_be_rebuilt_is_said_in_a_sentence(house: House) -> None:
    answers = asyncio.run(house.jobs_at_once(("history", "rebuild", "heard"), ("followup", "rebuild", "dropouts")))
    assert [status for status, _, _ in answers] == [2, 2]
    assert "history verify" in answers[0][2]
    assert "there is no projection dropouts, but cases, coordinates" in answers[1][2]
    assert answers[0][1] == answers[1][1] == ""


def test_a_damaged_row_is_named_and_repaired_when_somebody_says_so(house: House) -> None:
    case, person = asyncio.run(house.ask("followup", "select array[case_id::text, person_id::text] from cases order by case_id limit 1"))
    asyncio.run(house.ask("followup", "update cases set contacts = contacts + 7 where case_id = $1::uuid", case))
    whole = house.ops("rebuild", "followup", "cases", "--json")
    plan, one = asyncio.run(
        house.jobs_at_once(
            ("followup", "rebuild", "cases", "--plan", "--json"), ("followup", "rebuild", "cases", "--person", person, "--json")
        )
    )
    assert (plan[0], list(json.loads(plan[1])["records"])) == (0, [LOST])
    assert (whole[0], json.loads(whole[1])["comparison"]["named"], json.loads(whole[1])["switched"]) == (1, [[case, "different"]], False)
    assert (one[0], json.loads(one[1])["comparison"]["named"]) == (1, [[case, "different"]])
    assert house.job("followup", "rebuild", "cases", "--person", person, "--accept")[0] == 0
    assert house.job("followup", "rebuild", "cases")[0] == 0


def test_a_lost_topic_is_said_again_only_when_its_cluster_is_named_and_nothing_counts_twice(house: House) -> None:
    async def lose() -> None:
        admin = AdminClient({"bootstrap.servers": house.stack.bootstrap})
        await asyncio.to_thread(admin.delete_topics([LOST])[LOST].result, 20)
        while LOST in (await asyncio.to_thread(admin.list_topics, timeout=20)).topics:
            await asyncio.sleep(0.1)
        await ensure_topics(house.stack.bootstrap, TOPICS)
        async with asyncio.timeout(60):
            while not all("StrangeTopic" in (house.stack.root / "log" / f"{name}.log").read_text() for name in HEARS_IT):
                await asyncio.sleep(0.2)

    before = asyncio.run(snapshot(house.stack))
    asyncio.run(lose())
    assert "ops republish followup --plan" in (house.stack.root / "log" / "followup.log").read_text()
    plan = house.ops("republish", "followup", "--plan", "--json")
    unnamed, misnamed = asyncio.run(house.jobs_at_once(("followup", "republish"), ("followup", "republish", "--cluster", "another")))
    assert (plan[0], unnamed[0], misnamed[0]) == (0, 2, 2)
    cluster = json.loads(plan[1])["cluster"]
    assert f"--cluster {cluster}" in unnamed[2]
    answers = asyncio.run(house.jobs_at_once(*((name, "republish", "--cluster", cluster, "--json") for name in HEARS_IT)))
    assert [status for status, _, _ in answers] == [0] * len(HEARS_IT)
    assert [json.loads(output)["heard_anew"] for _, output, _ in answers] == [[LOST]] * len(HEARS_IT)
    assert json.loads(answers[0][1])["said"] > 0

    async def return_() -> None:
        async with asyncio.timeout(90):
            while await house.stack.unready():
                await asyncio.sleep(0.2)
        async with house.journey.observing() as observers:
            await settle(observers, lambda _: None)

    asyncio.run(return_())
    after = asyncio.run(snapshot(house.stack))
    assert before.topics[LOST]
    assert compare(before, after) == []


def test_a_parked_record_is_listed_stays_until_it_is_discarded_and_lets_the_others_pass(house: House) -> None:
    person = str(uuid4())

    async def disturb() -> None:
        async with AIOKafkaProducer(bootstrap_servers=house.stack.bootstrap) as producer:
            await producer.send_and_wait(LOST, value=b"not of this house", key=person.encode())
        async with asyncio.timeout(30):
            while not await house.ask("offers", "select count(*) from parked where subject = $1", person):
                await asyncio.sleep(0.1)

    asyncio.run(disturb())
    status, output, _ = house.ops("parked", "offers", "--json")
    (listed,) = json.loads(output)
    assert (status, listed["subject"], listed["topic"], listed["resolved_at"]) == (0, person, LOST, None)
    assert "not of this house" not in output
    dry, wet = (house.job("offers", "redrive", *more, "--json") for more in (["--dry-run"], []))
    assert [(answer[0], json.loads(answer[1])["stay"]) for answer in (dry, wet)] == [(1, 1), (1, 1)]
    assert house.job("offers", "discard", str(listed["id"]))[0] == 2, "nobody said why"
    assert house.ops("discard", "offers", str(listed["id"]), "--because", "it is none of ours")[0] == 0
    answers = asyncio.run(house.jobs_at_once(("offers", "redrive"), ("offers", "parked", "--all", "--json")))
    assert answers[0][:2] == (0, "nothing is set aside\n")
    assert [one["because"] for one in json.loads(answers[1][1])] == ["it is none of ours"]
