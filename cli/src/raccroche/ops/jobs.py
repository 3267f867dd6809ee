"""Jobs of a service's own package, started from here: in the local stack with that stack's environment, else with the caller's."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from chassis.settings import NEEDED
from raccroche.stack import SERVICES, NotUp, Stack
from raccroche.stack.programs import Plan, service_environment

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What stands behind the service's name is the job's own; its package says what there is, and what is wrong."""

LOCAL = Path("var/local")

Service = Annotated[str, typer.Argument(help="Whose: " + ", ".join(SERVICES))]
Root = Annotated[Path, typer.Option(help="The folder of the local stack; where none is up, the caller's own environment is taken.")]


def add_jobs(ops: typer.Typer) -> None:
    """The commands that start a service's jobs. Each shows more with `SERVICE --help` behind its name."""

    @ops.command("rebuild", context_settings=PASSED_ON)
    def rebuild(context: typer.Context, service: Service, root: Root = LOCAL) -> None:
        """PROJECTION [--person SUBJECT] [--plan] [--accept] [--anew] [--json]: make a projection again from its events.

        Beside the live one, compared with it row by row, and switched when equal. Exit 1 when they differ: nothing is changed then,
        unless --accept is said by somebody who has read the differences.
        """
        start("rebuild", service, context.args, root)

    @ops.command("republish", context_settings=PASSED_ON)
    def republish(context: typer.Context, service: Service, root: Root = LOCAL) -> None:
        """[--cluster ID] [--plan] [--json]: say everything again on a topic that was lost or made anew.

        Does nothing but show what is known and what is here, until the cluster that answers is named.
        """
        start("republish", service, context.args, root)

    @ops.command("parked", context_settings=PASSED_ON)
    def parked(context: typer.Context, service: Service, root: Root = LOCAL) -> None:
        """[--subject SUBJECT] [--all] [--json]: the records that are set aside, and why."""
        start("parked", service, context.args, root)

    @ops.command("redrive", context_settings=PASSED_ON)
    def redrive(context: typer.Context, service: Service, root: Root = LOCAL) -> None:
        """[--subject SUBJECT] [--dry-run] [--json]: have the effect of what is set aside, in order. Exit 1 when something stays."""
        start("redrive", service, context.args, root)

    @ops.command("discard", context_settings=PASSED_ON)
    def discard(context: typer.Context, service: Service, root: Root = LOCAL) -> None:
        """ID --because WHY [--json]: set one record aside for good; those behind it can then be redriven."""
        start("discard", service, context.args, root)


def start(job: str, service: str, more: list[str], root: Path) -> None:
    """Do it in a process of its own, whose output and exit status are ours."""
    if service not in SERVICES:
        print(f"raccroche: there is no service {service}, but {', '.join(SERVICES)}", file=sys.stderr)
        raise typer.Exit(2)
    done = subprocess.run([sys.executable, "-m", service, job, *more], env=_environment(service, root), check=False)  # noqa: S603 -- this interpreter, one of our packages
    raise typer.Exit(done.returncode)


def _environment(service: str, root: Path) -> dict[str, str]:
    """The environment of that service.

    Raises:
        NotUp: no stack is up at `root`, and the caller's own environment is not that of a service.
    """
    stack = Stack(root)
    if stack.is_up():
        return {**os.environ, **service_environment(stack.layout, Plan.load(stack.layout.plan), service)}
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        raise NotUp(f"no local stack is up in {root} (raccroche up), and {', '.join(missing)} of a {service} elsewhere are not set")
    return dict(os.environ)
