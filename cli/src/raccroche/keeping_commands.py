"""`raccroche intake`: lists that wait for a human, kept lines decided again, silent sources, and a single report."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import httpx
import orjson
import typer

from raccroche.house import house_at
from raccroche.stack import NotUp
from raccroche.territory_options import Academies, Departements, Regions, asked_of

INTAKE = "intake"
IN_VAR = Path("var/local")
REJECTED = 422

Root = Annotated[Path, typer.Option(help="The local stack's folder; not used where an address is given.")]
Address = Annotated[str | None, typer.Option(envvar="INTAKE_URL", help="Where intake answers, if not in the local stack.")]
Token = Annotated[str | None, typer.Option(envvar="RACCROCHE_TOKEN", help="A token for that address.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Apply = Annotated[bool, typer.Option("--apply/--plan", help="Write the difference; without it, it is only shown.")]


def add_to(intake: typer.Typer) -> None:
    """These commands, in the group of the room."""
    intake.command("held")(held)
    intake.command("decide")(decide)
    intake.command("reprocess")(reprocess)
    intake.command("sources")(sources)
    intake.command("cadence")(cadence)
    intake.command("report")(report)
    intake.command("figures")(figures)


def held(root: Root = IN_VAR, address: Address = None, token: Token = None, json: Json = False) -> None:  # noqa: FBT002 -- typer's way of a flag
    """Whole lists that wait for a human, and why. Role ops."""
    answer = ask("GET", "/held", root, address, token, claims={"role": "ops"})
    lines = [
        f"{one['list_id']}  {one['sender']} {one['format']} of {one['reference_date']}: {_rules(one['reasons'])}" for one in answer["held"]
    ]
    show(answer, lines or ["no list waits"], as_json=json)


def decide(
    list_id: UUID, decision: Annotated[Literal["accept", "refuse"], typer.Argument()], root: Root = IN_VAR, address: Address = None,
    token: Token = None, json: Json = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:  # fmt: skip
    """Let a held list be read, or refuse it: then its body is gone. Role ops."""
    path = f"/lists/{list_id}/{'release' if decision == 'accept' else 'refuse'}"
    answer = ask("POST", path, root, address, token, claims={"role": "ops"})
    show(answer, [f"{list_id} is {'read next' if decision == 'accept' else 'refused'}"], as_json=json)


def reprocess(
    list_id: UUID, apply: Apply = False, root: Root = IN_VAR, address: Address = None, token: Token = None, json: Json = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:  # fmt: skip
    """Decide a list's kept lines again by today's rules: the difference first, written with --apply. Role ops."""
    answer = ask("POST" if apply else "GET", f"/lists/{list_id}/reprocess", root, address, token, claims={"role": "ops"})
    lines = [f"{answer['considered']} lines considered, {answer['gone']} are not kept any more"]
    lines += [_difference(one) for one in answer["lines"]]
    lines.append(f"{len(answer['lines'])} {'written' if apply else 'would differ; --apply writes what applies'}")
    show(answer, lines, as_json=json)


def sources(
    silent: Annotated[bool, typer.Option("--silent", help="Only the silent ones.")] = False,  # noqa: FBT002 -- typer's way of a flag
    root: Root = IN_VAR, address: Address = None, token: Token = None, json: Json = False,  # noqa: FBT002 -- as above
) -> None:  # fmt: skip
    """Sources whose next list is expected, the silent ones first. Role ops."""
    answer = ask("GET", "/sources?silent=true" if silent else "/sources", root, address, token, claims={"role": "ops"})
    lines = [
        f"{'SILENT' if one['silent'] else 'heard '}  {one['sender']} {one['format']} {one['content']}: every {one['every_days']} days"
        f" ({one['basis']}), last {one['heard_on']}, silent after {one['silent_after']}"
        for one in answer["sources"]
    ]
    show(answer, lines or ["no source is expected" if not silent else "no source is silent"], as_json=json)


def cadence(
    sender: str, list_format: str, content: Annotated[Literal["leavers", "enrolments", "all"], typer.Argument()],
    every_days: Annotated[int, typer.Argument(min=1, max=730)], root: Root = IN_VAR, address: Address = None, token: Token = None,
) -> None:  # fmt: skip
    """Say how often a source must be heard. Role ops."""
    path = f"/sources/{sender}/{list_format}/{content}/cadence"
    ask("POST", path, root, address, token, claims={"role": "ops"}, json={"every_days": every_days})
    print(f"{sender} {list_format} {content} is expected every {every_days} days")


def report(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="One JSON object with the columns of our CSV of leavers.")],
    uai: Annotated[str | None, typer.Option(help="In the local stack: as this establishment.")] = None,
    territory: Annotated[str, typer.Option(help="In the local stack: as an adviser of these départements, separated by commas.")] = "",
    oneself: Annotated[bool, typer.Option("--self", help="The young person or the family comes forward, through a platform.")] = False,  # noqa: FBT002 -- typer's way of a flag
    key: Annotated[UUID | None, typer.Option(help="Idempotency key, to send the same report again.")] = None,
    root: Root = IN_VAR, address: Address = None, token: Token = None, json: Json = False,  # noqa: FBT002 -- as above
) -> None:  # fmt: skip
    """Report one young person; the verdict is the answer. Exit 1 when the report is rejected."""
    places = tuple(part for part in territory.split(",") if part)
    claims: dict[str, Any] = {"role": "sender", "uai": uai} if uai else {"role": "adviser", "territory": places}
    path = "/self-referrals" if oneself else "/reports"
    if oneself:
        claims = {"role": "platform", "organisation": "local"}
    answer = ask("POST", path, root, address, token, claims=claims, content=file.read_bytes(), key=key)
    lines = [answer["verdict"], *(f"  {one['field']}: {one['rule']}: {one['sentence']}" for one in answer["findings"])]
    show(answer, lines, as_json=json)
    if answer["verdict"] == "rejected":
        raise typer.Exit(1)


def figures(
    academie: Academies = None, region: Regions = None, departement: Departements = None,
    root: Root = IN_VAR, address: Address = None, token: Token = None, json: Json = False,  # noqa: FBT002 -- as above
) -> None:  # fmt: skip
    """Lists, lines and detections of everything or of a territory, and whether they are complete. Role ops or analyst."""
    params = asked_of(academie, region, departement)
    answer = ask("GET", "/figures", root, address, token, claims={"role": "ops"}, params=params)
    lines = [f"{name}: {'hidden' if value is None else value}" for name, value in answer.items() if not isinstance(value, list)]
    lines += [f"SILENT  {one['sender']} {one['format']} {one['content']}" for one in answer["silent"] or ()]
    lines += [
        f"MISSED  {one['uai']} of {one['sender']}, {one['format']}, last told on {one['last_told']}" for one in answer["missed"] or ()
    ]
    show(answer, lines, as_json=json)


def ask(
    method: str, path: str, root: Path, address: str | None, token: str | None, *, claims: Mapping[str, Any], key: UUID | None = None,
    **body: Any,  # noqa: ANN401 -- what httpx takes
) -> dict[str, Any]:  # fmt: skip
    """The answer as a document, or exit 2 with one sentence that repeats nothing of what was sent."""
    try:
        where, believed = _believed(root, address, token, claims)
        headers = {"Authorization": f"Bearer {believed}", "Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = str(key or uuid4())
        answer = httpx.request(method, f"{where}{path}", headers=headers, timeout=60, **body)
    except NotUp as down:
        print(down, file=sys.stderr)
        raise typer.Exit(2) from None
    except httpx.HTTPError as trouble:
        print(f"intake does not answer: {type(trouble).__name__}", file=sys.stderr)
        raise typer.Exit(2) from None
    document = answer.json()
    if answer.is_success or (answer.status_code == REJECTED and "verdict" in document):
        return dict(document)
    print(f"intake says {answer.status_code}: {document.get('title', '')}: {document.get('detail', '')}", file=sys.stderr)
    raise typer.Exit(2)


def _believed(root: Path, address: str | None, token: str | None, claims: Mapping[str, Any]) -> tuple[str, str]:
    """Where intake answers, and a token that it believes.

    Raises:
        NotUp: no address is given and the local stack does not run.
    """
    if (address is None or token is None) and not house_at(root).is_up():
        raise NotUp(f"no local stack runs in {root}; start it with `raccroche up`, or give --address and --token")
    return address or house_at(root).address(INTAKE), token or house_at(root).issue_token(**claims)


def _rules(findings: list[dict[str, str]]) -> str:
    return ", ".join(one["rule"] for one in findings)


def _difference(one: dict[str, Any]) -> str:
    was, would = one["was"], one["would_be"]
    before = f"{was['verdict']} ({', '.join(was['rules'])})" if was["rules"] else was["verdict"]
    after = f"{would['verdict']} ({_rules(would['findings'])})" if would["findings"] else would["verdict"]
    return f"  line {one['line']}: {before} → {after}{'' if one['applies'] else '  (shown only: a fact stays)'}"


def show(document: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
    else:
        for line in lines:
            print(line)
