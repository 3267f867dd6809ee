"""Each service killed (SIGKILL) in the middle of the journey, while it has work left: the same net figures."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from raccroche.demo.callers import Caller
from raccroche.demo.command import examine
from raccroche.demo.journey import LISTENING, Journey
from raccroche.demo.report import Outcome
from raccroche.fiction import generate
from raccroche.stack import Stack

pytestmark = pytest.mark.stack

PEOPLE = 400


IN_A_LIST = "intake in a list"


@dataclass
class Disturber:
    """Kills each service once, at a moment at which it has something left to hear; intake also in the middle of a list.

    Each is watched by itself: one that is slow to answer hides no moment of another.
    """

    stack: Stack
    killed: dict[str, int] = field(default_factory=dict)

    async def disturb(self) -> None:
        async with httpx.AsyncClient(timeout=5) as client, asyncio.TaskGroup() as watches:
            watches.create_task(self._watch("intake", "pending", IN_A_LIST, client))
            for service in LISTENING:
                watches.create_task(self._watch(service, "lag", service, client))

    async def _watch(self, service: str, measure: str, name: str, client: httpx.AsyncClient) -> None:
        token = self.stack.issue_token("ops")
        caller = Caller(address=self.stack.address(service), token=token, client=client)
        while name not in self.killed:
            try:
                answer = await client.get(f"{caller.address}/lag", headers={"Authorization": f"Bearer {token}"})
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200 and answer.json()[measure]:
                self.killed[name] = answer.json()[measure]
                await self.stack.kill(service)
            await asyncio.sleep(0.002)


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Outcome, Disturber]]:
    stack = Stack(tmp_path_factory.mktemp("killed") / "var")
    journey = Journey(stack=stack, fiction=generate(PEOPLE, seed=5), show=lambda _: None)
    disturber = Disturber(stack)

    async def play() -> Outcome:
        await stack.up()
        disturbing = asyncio.create_task(disturber.disturb())
        await journey.play()
        disturbing.cancel()
        return (await examine(stack, journey))[0]

    try:
        yield asyncio.run(play()), disturber
    finally:
        asyncio.run(stack.down())


def test_every_service_was_killed_with_work_left(disturbed: tuple[Outcome, Disturber]) -> None:
    assert set(disturbed[1].killed) == {*LISTENING, IN_A_LIST}
    assert all(left > 0 for left in disturbed[1].killed.values())


def test_the_net_figures_are_the_truth_all_the_same(disturbed: tuple[Outcome, Disturber]) -> None:
    assert disturbed[0].differences == ()
