"""`raccroche intake detection`: undo what a version of a rule decided, its impact first; or ask what another version would find."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer

from raccroche.house import house_at
from raccroche.stack import NotUp
from raccroche.territory_options import Academies, Departements, Regions, asked_of

detection = typer.Typer(no_args_is_help=True, help="What rules decided: undone, or tried under another version.")

SECONDS = 600
IN_VAR = Path("var/local")

Root = Annotated[Path, typer.Option(help="The local stack's folder; not used where --address and --token are given.")]
Address = Annotated[str | None, typer.Option(envvar="INTAKE_URL", help="Where intake answers, if not in the local stack.")]
Token = Annotated[str | None, typer.Option(envvar="RACCROCHE_TOKEN", help="A token of role ops for that address.")]
Rule = Annotated[str, typer.Option(help="The rule's name.")]
Version = Annotated[int, typer.Option(help="The rule's version.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Plan = Annotated[bool, typer.Option("--plan", help="Show the impact and change nothing.")]


@detection.command("undo")
def undo(
    version: Version,
    rule: Rule = "siei",
    plan: Plan = False,  # noqa: FBT002 -- typer's way of a flag
    root: Root = IN_VAR,
    address: Address = None,
    token: Token = None,
    as_json: Json = False,  # noqa: FBT002 -- as above
) -> None:
    """Withdraw every detection of this version that stands. May be cut and begun again."""
    with _intake(root, address, token) as client:
        impact = _answer(client.get(f"/rules/{rule}/{version}/impact"))
        if not as_json:
            _show_impact(impact)
        undone = 0 if plan else _undo(client, f"/rules/{rule}/{version}/undo")
    if as_json:
        print(json.dumps({"impact": impact, "undone": undone}))
    elif not plan:
        print(f"undone: {undone}")


def _undo(client: httpx.Client, path: str) -> int:
    undone, after = 0, ""
    while True:
        page = _answer(client.post(path, params={"after": after}))
        undone += int(str(page["undone"]))
        if sys.stderr.isatty():
            print(f"\r\x1b[Kundone: {undone}", end="", file=sys.stderr, flush=True)
        if page["after"] is None:
            return undone
        after = str(page["after"])


def _show_impact(impact: Mapping[str, object]) -> None:
    print(f"detections that stand: {impact['detections']}, of which contested: {impact['contested']}")
    for name in ("by_flags", "by_departement"):
        counts = impact[name]
        if isinstance(counts, Mapping):
            print(f"{name}: " + (", ".join(f"{key} {count}" for key, count in sorted(counts.items())) or "none"))
    print("their cases close where they are open; what was transmitted is recalled")


@detection.command("what-if")
def what_if(
    version: Version,
    rule: Rule = "siei",
    academie: Academies = None,
    region: Regions = None,
    departement: Departements = None,
    root: Root = IN_VAR,
    address: Address = None,
    token: Token = None,
    as_json: Json = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:
    """Decide everything again by this version and keep nothing: who would be added, who removed, in counts."""
    with _intake(root, address, token) as client:
        found = _answer(client.get(f"/rules/{rule}/{version}/what-if", params=asked_of(academie, region, departement)))
    if as_json:
        print(json.dumps(found))
        return
    print(f"people looked at: {found['people']}")
    for name in ("added", "removed"):
        counts = found[name]
        if isinstance(counts, Mapping):
            places = ", ".join(f"{place} {_shown(count)}" for place, count in counts["by_departement"].items())
            print(f"{name}: {_shown(counts['total'])}" + (f" ({places})" if places else ""))


@detection.command("funnel")
def funnel(
    version: Version,
    rule: Rule = "siei",
    academie: Academies = None,
    region: Regions = None,
    departement: Departements = None,
    root: Root = IN_VAR,
    address: Address = None,
    token: Token = None,
    as_json: Json = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:
    """Of everybody listed as gone, who stands where."""
    with _intake(root, address, token) as client:
        found = _answer(client.get(f"/rules/{rule}/{version}/funnel", params=asked_of(academie, region, departement)))
    if as_json:
        print(json.dumps(found))
        return
    print(f"listed: {_shown(found['listed'])}")
    if isinstance(places := found["places"], Mapping):
        for place, count in places.items():
            print(f"  {place}: {_shown(count)}")


def _shown(count: object) -> str:
    return "hidden" if count is None else str(count)


@contextmanager
def _intake(root: Path, address: str | None, token: str | None) -> Iterator[httpx.Client]:
    """Intake at the address that was given with its token, else of the local stack, as ops; trouble ends as exit status 2."""
    if (address is None or token is None) and not house_at(root).is_up():
        raise NotUp(f"no local stack runs in {root}; start it with `raccroche up`, or give --address and --token")
    where = house_at(root).address("intake") if address is None else address
    believed = house_at(root).issue_token("ops") if token is None else token
    try:
        with httpx.Client(base_url=where, headers={"Authorization": f"Bearer {believed}"}, timeout=SECONDS) as client:
            yield client
    except httpx.HTTPError as trouble:
        print(f"intake does not answer: {type(trouble).__name__}", file=sys.stderr)
        raise typer.Exit(2) from None


def _answer(answer: httpx.Response) -> dict[str, object]:
    if answer.status_code != httpx.codes.OK:
        print(f"intake says {answer.status_code}: {answer.json().get('detail', '')}", file=sys.stderr)
        raise typer.Exit(2)
    return dict(answer.json())
