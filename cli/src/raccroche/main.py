"""The one command that people type. Groups are named after rooms; questions take --json; 0 done, 1 a check failed, 2 bad usage."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from raccroche import keeping_commands, line_commands
from raccroche.campaign_commands import campaign
from raccroche.demo.command import demo
from raccroche.detection_commands import detection
from raccroche.history_commands import history
from raccroche.house import house_at
from raccroche.intake_commands import intake
from raccroche.ops.commands import ops
from raccroche.privacy_commands import privacy
from raccroche.server.commands import server
from raccroche.server.files import NotOurs, NotPrepared
from raccroche.server.steps import NotDone
from raccroche.stack import NotUp, Stack
from raccroche.stack.containers.owned import NoEngine, NoImage
from raccroche.stack.drawing import SecretLost
from raccroche.stack.jars import WrongJar
from raccroche.stack.java import NoJava
from raccroche.stack.kafka import KafkaFailed
from raccroche.stack.postgres import NoPostgres
from raccroche.transmission_commands import transmission

LOCAL = Path("var/local")
CLEAR = (NotUp, NoJava, NoPostgres, WrongJar, KafkaFailed, NoEngine, NoImage, NotPrepared, NotOurs, NotDone, SecretLost)

Root = Annotated[Path, typer.Option(help="The folder of the stack.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Nodes = Annotated[int | None, typer.Option(help="The broker's nodes, 1 or 3; those that the root has, else 1.", show_default=False)]
InContainers = Annotated[
    bool | None,
    typer.Option(
        "--containers/--processes",
        help="Broker and database on the local Docker engine, or not; as the root has it, else not.",
        show_default=False,
    ),
]

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Raccroche: find, follow, refer, transmit, remember.")
app.command("demo")(demo)
app.add_typer(history, name="history")
keeping_commands.add_to(intake)
line_commands.add_to(intake)
intake.add_typer(detection, name="detection")
intake.add_typer(campaign, name="campaign")
app.add_typer(intake, name="intake")
app.add_typer(ops, name="ops")
app.add_typer(privacy, name="privacy")
app.add_typer(server, name="server")
app.add_typer(transmission, name="transmission")
clock = typer.Typer(no_args_is_help=True, help="The local stack's clock.")
app.add_typer(clock, name="clock")


@app.command()
def up(root: Root = LOCAL, nodes: Nodes = None, containers: InContainers = None) -> None:
    """Start broker, database and the five services, and wait until they are ready. A second time changes nothing."""
    stack = Stack(root, nodes=nodes, containers=containers, show=_say)
    started = asyncio.run(stack.up())
    print("up" if started else "already up", file=sys.stderr)
    for name in stack.services:
        print(f"{name}: {stack.address(name)}")


@app.command()
def down(root: Root = LOCAL) -> None:
    """Stop what `up` started, and nothing else."""
    print("down" if asyncio.run(Stack(root).down()) else "nothing was running", file=sys.stderr)


@app.command()
def status(root: Root = LOCAL, as_json: Json = False) -> None:  # noqa: FBT002 -- typer's way of a flag
    """Each process with its port, its age and how often it was started again. Exit 1 when the stack is not up."""
    stack = Stack(root)
    state = stack.status()
    missing = asyncio.run(stack.unready()) if stack.is_up() else {}
    document = {"up": stack.is_up(), "not_ready": missing, **{name: state.get(name) for name in ("phase", "said", "processes", "events")}}
    if as_json:
        print(json.dumps(document, indent=1))
    else:
        _show_status(document)
    if not stack.is_up() or missing:
        raise typer.Exit(1)


def _show_status(document: dict[str, object]) -> None:
    print(f"stack: {'up' if document['up'] else 'not up'} ({document['phase'] or 'never started'})")
    processes = document["processes"]
    missing = document["not_ready"]
    if isinstance(processes, dict) and isinstance(missing, dict):
        for name, process in processes.items():
            ready = f"NOT READY: {', '.join(missing[name])}" if name in missing else "ready"
            age = time.time() - process["since"]
            again = f"started again {process['restarts']} times"
            where = f"  container {process['container']}" if process["container"] else ""
            print(f"  {name:<13} pid {process['pid']:<8} port {process['port']:<6} {age:6.0f} s  {again}  {ready}{where}")
    said = document["said"]
    if isinstance(said, dict):
        for one in said.values():
            print(f"  {one}")


@app.command()
def token(
    role: Annotated[str, typer.Argument(help="sender, adviser, platform, recipient, ops or analyst")],
    root: Root = LOCAL,
    uai: Annotated[str | None, typer.Option(help="A sender's establishment.")] = None,
    territory: Annotated[str, typer.Option(help="An adviser's départements, separated by commas.")] = "",
    organisation: Annotated[str | None, typer.Option(help="A platform's or a recipient's.")] = None,
    sub: Annotated[str | None, typer.Option(help="The opaque id of whoever acts.")] = None,
) -> None:
    """Print a token of the local issuer, good for twelve hours."""
    places = tuple(part for part in territory.split(",") if part)
    print(house_at(root).issue_token(role, uai=uai, territory=places, organisation=organisation, sub=sub))


@clock.command("advance")
def advance(days: Annotated[int, typer.Option(min=1, help="Whole days.")], root: Root = LOCAL) -> None:
    """Move the local stack's clock forward; deadlines that fall due ring. It never goes back."""
    stack = Stack(root)
    if not stack.layout.clock_offset.exists():
        raise NotUp("there is no stack here yet: raccroche up")
    print(f"the clock is {stack.advance_clock(days)} days ahead", file=sys.stderr)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Say what went wrong in one sentence where we know what to do about it."""
    try:
        app()
    except CLEAR as trouble:
        print(f"raccroche: {trouble}", file=sys.stderr)
        raise SystemExit(2) from None
