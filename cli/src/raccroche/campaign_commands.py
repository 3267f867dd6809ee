"""`raccroche intake campaign run`, `status`, `sweep`: jobs of intake's own package; the files are on the machine that runs it."""

from pathlib import Path
from typing import Annotated

import typer

from raccroche.ops.jobs import LOCAL, PASSED_ON, start

campaign = typer.Typer(no_args_is_help=True, help="A country's cross-match, once a year or twice.")

Root = Annotated[Path, typer.Option(help="The folder of the local stack; where none is up, the caller's own environment is taken.")]


@campaign.command("run", context_settings=PASSED_ON)
def run(context: typer.Context, root: Root = LOCAL) -> None:
    """--previous F --current F --reference-date D --delete-on D [--diplomas F] [--followed F] [--reviews F] [--delete] [--json]

    Match two years' enrolments, detect who dropped out, commit it all. Killed or cut: run it again, what is committed stays.
    Refused where a line is lost or a file looks cut: [--tolerate N] lines of each file, [--despite-volume].
    """
    start("campaign", "intake", context.args, root)


@campaign.command("status", context_settings=PASSED_ON)
def status(context: typer.Context, root: Root = LOCAL) -> None:
    """[--json]: which files of campaigns lie where and until when. Exit 1 when one should be deleted by now."""
    start("campaign-files", "intake", context.args, root)


@campaign.command("sweep", context_settings=PASSED_ON)
def sweep(context: typer.Context, root: Root = LOCAL) -> None:
    """[--gone CAMPAIGN] [--changed CAMPAIGN] [--json]: delete the files whose day has come, on the machine where they lie.

    A file that is gone already, or whose bytes are others, is told and left alone until an option answers. Exit 1 when one stays.
    """
    start("campaign-sweep", "intake", context.args, root)
