"""`raccroche demo`: a stack of its own, a fictitious académie, the journey, the report; exit 1 when anything differs from the truth."""

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from raccroche.copies import verify_speakers
from raccroche.demo.callers import Caller
from raccroche.demo.journey import Journey
from raccroche.demo.report import Outcome, figures_of, found, outcome
from raccroche.demo.showing import Progress, show_report
from raccroche.fiction import generate
from raccroche.house import House
from raccroche.stack import Stack

SPEAKERS = ("intake", "followup", "offers", "transmission")

type Story = list[dict[str, object]]


def demo(
    *,
    people: Annotated[int, typer.Option(help="How many leavers the fictitious académie has.", min=60, max=50_000)] = 2_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    keep: Annotated[bool, typer.Option(help="Leave everything running and say where to look.")] = False,
    root: Annotated[Path, typer.Option(help="Where this run keeps its data; emptied first.")] = Path("var/demo"),
    containers: Annotated[bool | None, typer.Option("--containers/--processes", help="Of broker and database.", show_default=False)] = None,
) -> None:
    """Play the whole job with fictitious people and compare the result with the truth."""
    result, story, addresses = asyncio.run(run(people, seed, root, keep=keep, containers=containers, show=Progress()))
    if as_json:
        print(json.dumps({**result.document, "addresses": addresses}, indent=2, default=str))
    else:
        show_report(result.document, story)
        for name, address in addresses.items():
            print(f"{name}: {address}")
        if keep:
            print(f"\nLook around; then: raccroche down --root {root}")
    for difference in result.differences:
        print(f"DIFFERS: {difference}", file=sys.stderr)
    if result.differences:
        raise typer.Exit(1)


async def run(
    people: int, seed: int, root: Path, *, keep: bool, containers: bool | None, show: Callable[[str], None]
) -> tuple[Outcome, Story, dict[str, str]]:
    """One run on a stack of its own."""
    started = time.monotonic()
    stack = Stack(root, containers=containers)
    await stack.down()
    shutil.rmtree(root, ignore_errors=True)
    show("— starting the stack")
    try:
        await stack.up()
        fiction = generate(people, seed)
        fiction.write(root / "lists")
        journey = Journey(stack=stack, fiction=fiction, show=show)
        await journey.play()
        show("— checking")
        result, story = await examine(stack, journey)
        result.document.update(
            people=people, seed=seed, broker=stack.broker_said, database=stack.database_said,
            seconds=round(time.monotonic() - started, 1),
        )  # fmt: skip
        addresses = {name: stack.address(name) for name in (*SPEAKERS, "history")} if keep else {}
        return result, story, addresses
    finally:
        if not keep:
            await stack.down()


async def examine(stack: House, journey: Journey) -> tuple[Outcome, Story]:
    """Ask every service for its figures, verify the chains, and read one story."""
    async with journey.observing() as observers:
        figures = await figures_of(observers)
        parked = {name: int(str((await caller.get("/lag"))["parked"])) for name, caller in observers.items()}
        story = await one_story(observers["history"], journey)
    stores = {speaker: stack.auditor_dsn(f"raccroche_{speaker}") for speaker in SPEAKERS}
    verdicts = await verify_speakers(stores, stack.auditor_dsn("raccroche_history"))
    conflicts = int(str(figures["history"]["conflicts"]))
    return outcome(found(figures), journey.fiction, verdicts, parked, conflicts), story


async def one_story(history: Caller, journey: Journey) -> Story:
    """The most varied way among a few young people met, those first who were referred: a story with as much in it as possible."""
    richest: Story = []
    for person_id in sorted(journey.plans, key=lambda met: (not journey.was_referred(met), met))[:25]:
        events = (await history.get(f"/persons/{person_id}/story"))["events"]
        if isinstance(events, list) and _variety(events) > _variety(richest):
            richest = events
    return richest


def _variety(story: Story) -> tuple[int, int]:
    return len({event["type"] for event in story}), len(story)
