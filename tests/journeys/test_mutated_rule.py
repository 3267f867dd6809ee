"""The equality with the truth can fail: intake running without one condition finds other people than it should."""

import asyncio
from pathlib import Path

import httpx
import pytest

from raccroche.demo.journey import Journey
from raccroche.demo.report import truth_of
from raccroche.demo.settling import settle
from raccroche.fiction import generate
from raccroche.stack import Stack

pytestmark = pytest.mark.stack

MUTATED = str(Path(__file__).parent / "mutated")
COMPARED = ("detections", "withdrawn", "by_flags")
CONDITIONS = ("enrolled_long_enough", "of_the_age", "enrolled_nowhere", "below_the_level", "minor")


async def found_without(condition: str, folder: Path) -> tuple[dict[str, object], dict[str, object]]:
    """What intake finds in the lists of 80 leavers, and the truth about them."""
    stack = Stack(folder / "var", services=("intake",), environment={"intake": {"PYTHONPATH": MUTATED, "RULE_WITHOUT": condition}})
    journey = Journey(stack=stack, fiction=generate(80, seed=4), show=lambda _: None)
    try:
        await stack.up()
        async with httpx.AsyncClient(timeout=60) as client:
            journey._client = client
            observers = {"intake": journey._caller("intake", "ops")}
            for phase in ("enrolments", "leavers", "late_enrolments"):
                await journey._send(phase)
                await settle(observers, lambda _: None)
            figures = await observers["intake"].get("/figures")
        truth = truth_of(journey.fiction)
        return {name: figures[name] for name in COMPARED}, {name: truth[name] for name in COMPARED}
    finally:
        await stack.down()


def test_with_every_condition_the_findings_are_the_truth(tmp_path: Path) -> None:
    found, truth = asyncio.run(found_without("nothing", tmp_path))
    assert found == truth


@pytest.mark.parametrize("condition", CONDITIONS)
def test_without_one_condition_they_are_not(condition: str, tmp_path: Path) -> None:
    found, truth = asyncio.run(found_without(condition, tmp_path))
    assert found != truth
