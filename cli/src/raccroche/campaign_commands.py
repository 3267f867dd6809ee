"""`raccroche intake campaign run`: a job of intake's own package, in its environment; the files are on the machine that runs it."""

from pathlib import Path
from typing import Annotated

import typer

from raccroche.ops.jobs import LOCAL, PASSED_ON, start

campaign = typer.Typer(no_args_is_help=True, help="A country's cross-match, once a year or twice.")

Root = Annotated[Path, typer.Option(help="The folder of the local stack; where none is up, the caller's own environment is taken.")]


@campaign.command("run", context_settings=PASSED_ON)
def run(context: typer.Context, root: Root = LOCAL) -> None:
    """--previous F --current F --reference-date D [--diplomas F] [--followed F] [--reviews F] [--delete] [--json]

    Match two years' enrolments, detect who dropped out, commit it all. Killed or cut: run it again, what is committed stays.
    """
    start("campaign", "intake", context.args, root)
