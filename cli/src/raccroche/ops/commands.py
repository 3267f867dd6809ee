"""`raccroche ops`: take a snapshot of all that is said and shown, compare two, and start the jobs of a service."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from chassis.provision import dsn_of
from contracts.catalogue import TOPICS
from raccroche.ops.jobs import add_jobs
from raccroche.ops.snapshot import Snapshot, compare, take
from raccroche.stack import SERVICES, NotUp, Stack

ops = typer.Typer(no_args_is_help=True, help="What ops teams do by hand.")
add_jobs(ops)

Root = Annotated[Path, typer.Option(help="The folder of the stack.")]
LOCAL = Path("var/local")


@ops.command("snapshot")
def snapshot(file: Annotated[Path, typer.Argument(help="Where to write it.")], root: Root = LOCAL) -> None:
    """Digests of every record of every topic and every row of every service's tables."""
    stack = Stack(root)
    if not stack.is_up():
        raise NotUp("the stack is not up: raccroche up")
    databases = {f"raccroche_{name}": dsn_of(stack.admin_dsn, database=f"raccroche_{name}") for name in SERVICES}
    asyncio.run(take(stack.bootstrap, [topic.name for topic in TOPICS], databases)).save(file)


@ops.command("compare")
def compare_command(
    before: Path,
    after: Path,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:
    """Say which topics and tables differ between two snapshots; exit 1 when any does."""
    found = compare(Snapshot.load(before), Snapshot.load(after))
    if as_json:
        print(json.dumps([{"what": one.what, "only_before": one.only_before, "only_after": one.only_after} for one in found]))
    else:
        for one in found:
            print(f"{one.what}: {one.only_before} only before, {one.only_after} only after")
        print("equal" if not found else f"{len(found)} differ", file=sys.stderr)
    if found:
        raise typer.Exit(1)
