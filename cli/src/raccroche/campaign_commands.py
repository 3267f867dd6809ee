"""`raccroche intake campaign`: a national cross-match, in a process of intake's own; and the fiction of one, to try it out."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from raccroche.fiction.campaign import REFERENCE, write
from raccroche.ops.jobs import LOCAL, PASSED_ON, environment_of

campaign = typer.Typer(no_args_is_help=True, help="Two years' enrolments of a country against each other.")

Root = Annotated[Path, typer.Option(help="The folder of the local stack; where none is up, the caller's own environment is taken.")]


@campaign.command("run", context_settings=PASSED_ON)
def run(context: typer.Context, root: Root = LOCAL) -> None:
    """--previous F --current F [--diplomas F] [--followed F] --reference-date D [--sender S] [--work DIR] [--json]

    Killed and typed again, it goes on where it was; the same files again do nothing. Exit 2 when it could not be done.
    """
    command = [sys.executable, "-m", "intake.campaign", *context.args]
    done = subprocess.run(command, env=environment_of("intake", root), check=False)  # noqa: S603 -- this interpreter, one of our packages
    raise typer.Exit(done.returncode)


@campaign.command("fiction")
def fiction(
    folder: Path,
    people: Annotated[int, typer.Option(help="Of last year; by the thousand.")] = 100_000,
    seed: int = 1,
) -> None:
    """Write two invented years with diplomas and followed people as CSV; print what a campaign must find in them, as JSON."""
    try:
        files = write(folder, people=people, seed=seed)
    except ValueError as why:
        print(why, file=sys.stderr)
        raise typer.Exit(2) from None
    print(json.dumps({"reference_date": REFERENCE.isoformat(), **files.truth.document()}))
