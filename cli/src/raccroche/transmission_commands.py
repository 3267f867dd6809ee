"""`raccroche transmission`: what an establishment learns of those who left it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer

from raccroche.house import house_at
from raccroche.stack import NotUp

transmission = typer.Typer(no_args_is_help=True, help="What establishments learn of their former pupils.")

SECONDS = 60
IN_VAR = Path("var/local")

Root = Annotated[Path, typer.Option(help="The local stack's folder; not used where --address and --token are given.")]
Address = Annotated[str | None, typer.Option(envvar="TRANSMISSION_URL", help="Where transmission answers, if not in the local stack.")]
Token = Annotated[str | None, typer.Option(envvar="RACCROCHE_TOKEN", help="A sender's token for that address.")]
UaiOption = Annotated[str | None, typer.Option(help="In the local stack: as this establishment.")]
Period = Annotated[str | None, typer.Option(help="A month, 2026-03: its file, as CSV on standard output.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output; with --period what is known of that file.")]


@transmission.callback()
def room() -> None:
    """A group of its own, although it has one command yet."""


@transmission.command("returns")
def returns(
    period: Period = None,
    uai: UaiOption = None,
    root: Root = IN_VAR,
    address: Address = None,
    token: Token = None,
    as_json: Json = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:
    """Which months were told to an establishment; with --period that month's file. Exit 1 where there is none, or none any more."""
    with _entrance(root, address, token, uai) as client:
        if period is not None and not as_json:
            sys.stdout.buffer.write(_answer(client.get(f"/returns/{period}.csv")).content)
            return
        document = _answer(client.get("/returns")).json()
    told = [one for one in document["returns"] if period in {None, one["period"]}]
    if as_json:
        print(json.dumps({"returns": told}))
    else:
        for one in told:
            print(f"{one['period']}  {one['lines']} lines{'' if one['current'] else '  (replaced)'}")
    if not told:
        print("nothing was told to this establishment yet", file=sys.stderr)
        raise typer.Exit(1)


@contextmanager
def _entrance(root: Path, address: str | None, token: str | None, uai: str | None) -> Iterator[httpx.Client]:
    """Transmission, asked as that establishment; exit 2, in one sentence, for whatever keeps the question from being answered."""
    try:
        if (address is None or token is None) and not house_at(root).is_up():
            raise NotUp(f"no local stack runs in {root}; start it with `raccroche up`, or give --address and --token")
        believed = token or house_at(root).issue_token("sender", uai=uai)
        where = address or house_at(root).address("transmission")
        with httpx.Client(base_url=where, headers={"Authorization": f"Bearer {believed}"}, timeout=SECONDS) as client:
            yield client
    except NotUp as down:
        print(down, file=sys.stderr)
        raise typer.Exit(2) from None
    except httpx.HTTPError as trouble:
        print(f"transmission does not answer: {type(trouble).__name__}", file=sys.stderr)
        raise typer.Exit(2) from None


def _answer(answer: httpx.Response) -> httpx.Response:
    """The good answer; else the problem in its own words, and exit 1 where there is no such file, 2 for anything else."""
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    said = f"{problem.get('title', '')}: {problem.get('detail', '')}"
    print(f"transmission says {answer.status_code}: {said}", file=sys.stderr)
    raise typer.Exit(1 if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE} else 2)
