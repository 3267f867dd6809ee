"""`raccroche server`: what `make up-compose` and the containers' steps call."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from raccroche.server.files import Files
from raccroche.server.files import prepare as made
from raccroche.server.steps import make_topics
from raccroche.server.steps import migrate as migrated
from raccroche.stack.installing import CHECKOUT

server = typer.Typer(no_args_is_help=True, help="One server by docker compose: secrets, and the steps before the services.")


@server.command("prepare")
def prepare(root: Annotated[Path, typer.Option(help="Where secrets and variables are kept.")] = Path("server")) -> None:
    """Draw secrets and variables that are missing; what exists stays."""
    if made(root):
        print(
            f"made secrets and variables in {Files(root.resolve()).root}: keep a copy elsewhere, without them nothing can be opened",
            file=sys.stderr,
        )


@server.command("migrate")
def migrate(
    at: Annotated[str, typer.Option(help="PostgreSQL, host:port.")],
    passwords: Annotated[Path, typer.Option(help="Passwords by role, JSON.")],
    services: Annotated[Path, typer.Option(help="The folder of the services' migrations.")] = CHECKOUT,
) -> None:
    """Make databases and roles that are missing, set the passwords, run the migrations that are new."""
    asyncio.run(migrated(at, passwords, services))
    print("databases, roles and migrations are as they should be", file=sys.stderr)


@server.command("topics")
def topics(bootstrap: Annotated[str, typer.Option(help="Kafka, host:port.")]) -> None:
    """Make the topics that are missing."""
    asyncio.run(make_topics(bootstrap))
    print("the topics are there", file=sys.stderr)
