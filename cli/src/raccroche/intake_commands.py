"""`raccroche intake`: send a list, taken up again where it was cut, and ask for the verdict of each of its lines."""

import json
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest
from hmac import digest as hmac
from pathlib import Path
from typing import Annotated, BinaryIO, Literal
from uuid import UUID, uuid5

import httpx
import typer
from rich.console import Console
from rich.progress import Progress

from raccroche.house import house_at
from raccroche.stack import NotUp

intake = typer.Typer(no_args_is_help=True, help="Lists: sent, and the verdicts of their lines.")

LISTS = UUID("6f1f7f2e-6c55-5d0f-9a1e-9b7f4f1c2a10")
IN_VAR = Path("var/local")
KEY_FILE = Path(typer.get_app_dir("raccroche")) / "sending.key"
CHUNK = 1 << 18
PAGE = 1000
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.5
TEXTS = ("csv", "sifa")
"""Formats whose files do not say themselves in which encoding they are."""
AGAIN = {409, 503}
"""Another request of ours may still be writing, or the service is starting again."""

Root = Annotated[Path, typer.Option(help="The local stack's folder; not used where --address and --token are given.")]
Address = Annotated[str | None, typer.Option(envvar="INTAKE_URL", help="Where intake answers, if not in the local stack.")]
Token = Annotated[str | None, typer.Option(envvar="RACCROCHE_TOKEN", help="A sender's token for that address.")]
UaiOption = Annotated[str | None, typer.Option(help="The establishment that sends, in the local stack.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Csv = Annotated[bool, typer.Option("--csv", help="The CSV to send back: UTF-8, `;`.")]
Format = Annotated[str, typer.Option("--format", help="siecle, sifa, csv…")]
Charset = Annotated[
    Literal["utf-8", "utf-16", "iso-8859-1", "iso-8859-15", "windows-1252"] | None,
    typer.Option(help="Of a csv or sifa that is not UTF-8; what Excel saves in France is mostly windows-1252.", case_sensitive=False),
]
Wait = Annotated[bool, typer.Option("--wait", help="Until the last line has its verdict.")]


class NotTaken(Exception):
    """Intake said no, or nothing for too long; says which, in words of its own."""


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """Intake, and the token with which it is asked."""

    client: httpx.Client

    def asked(self, method: str, path: str, **rest: object) -> httpx.Response:
        """Raises NotTaken: any answer but a good one."""
        answer = self.client.request(method, path, **rest)  # type: ignore[arg-type]  # httpx's own keywords
        if answer.status_code >= 300:
            raise NotTaken(_said(answer))
        return answer


@intake.command("submit")
def submit(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    list_format: Format,
    reference_date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day that the list describes.")],
    list_id: Annotated[UUID | None, typer.Option(help="By default from the content, so that the same file is the same list.")] = None,
    charset: Charset = None,
    root: Root = IN_VAR,
    address: Address = None,
    token: Token = None,
    uai: UaiOption = None,
    wait: Wait = False,  # noqa: FBT002 -- typer's way of a flag
    as_json: Json = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:
    """Send a list. What was cut is taken up where it stopped. With --wait exit 1 where a line was rejected; 2 where the file is refused."""
    said = {"format": list_format, "reference_date": reference_date.date().isoformat()}
    declared = _declared(charset, list_format)
    with _told_apart(), _entrance(root, address, token, uai) as entrance, file.open("rb") as body:
        content = file_digest(body, "sha256").digest()
        name = list_id or _id_of(content, {**said, **declared})
        known = {"Sending-Key": hmac(_key(), content, "sha256").hex(), **declared}
        _send(entrance, f"/lists/{name}", body, file.stat().st_size, said, known)
        document = _waited(entrance, name) if wait else entrance.asked("GET", f"/lists/{name}").json()
    _show(document, as_json=as_json)
    if wait and (document["rejected"] or document["status"] != "closed"):
        raise typer.Exit(1)


@intake.command("verdicts")
def verdicts(
    list_id: UUID,
    root: Root = IN_VAR,
    address: Address = None,
    token: Token = None,
    uai: UaiOption = None,
    as_csv: Csv = False,  # noqa: FBT002 -- typer's way of a flag
    as_json: Json = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:
    """What became of each line: as a table of figures, as one JSON document, or as the CSV that its sender gets."""
    with _told_apart(), _entrance(root, address, token, uai) as entrance:
        if as_csv:
            sys.stdout.buffer.write(entrance.asked("GET", f"/lists/{list_id}/verdicts.csv").content)
            return
        document = entrance.asked("GET", f"/lists/{list_id}").json()
        if as_json:
            document["findings"] = list(_lines(entrance, list_id))
    _show(document, as_json=as_json)


def _lines(entrance: Entrance, list_id: UUID) -> Iterator[object]:
    after = 0
    while lines := entrance.asked("GET", f"/lists/{list_id}/lines", params={"after": after, "limit": PAGE}).json()["lines"]:
        yield from lines
        after = lines[-1]["line"]


def _declared(charset: str | None, list_format: str) -> dict[str, str]:
    """The header that names an encoding; none for UTF-8, in which every text is of which nothing is said.

    Raises:
        BadParameter: the files of this format say it themselves.
    """
    if charset is None or charset == "utf-8":
        return {}
    if list_format not in TEXTS:
        raise typer.BadParameter(
            f"only {' and '.join(TEXTS)} have one to be told; a file of {list_format} says it itself", param_hint="--charset"
        )
    return {"Content-Type": f"text/plain; charset={charset}"}


def _send(entrance: Entrance, path: str, body: BinaryIO, size: int, said: dict[str, str], known: dict[str, str]) -> None:
    """All of it, from where intake stands; again after each cut, until PATIENCE_SECONDS bring no byte more.

    Raises:
        NotTaken: the file is refused, or intake stayed away.
    """
    until, before = time.monotonic() + PATIENCE_SECONDS, 0
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("sending", total=size)
        while time.monotonic() < until:
            try:
                first, whole = _standing(entrance, path)
                if whole and first != size:
                    raise NotTaken("this list id is that of another content")
                if whole:
                    return
                if first > before:
                    until, before = time.monotonic() + PATIENCE_SECONDS, first
                headers = {**known, "Content-Length": str(size - first)}
                if size:
                    headers["Content-Range"] = f"bytes {first}-{size - 1}/{size}"
                answer = entrance.client.put(path, params=said, headers=headers, content=_from(body, first, progress, task))
            except httpx.TransportError:
                time.sleep(POLL_SECONDS)
                continue
            if answer.status_code not in AGAIN and answer.status_code >= 300:
                raise NotTaken(_said(answer))
            if answer.status_code < 300 and answer.json()["status"] != "receiving":
                return
            time.sleep(POLL_SECONDS)
    raise NotTaken("intake does not answer")


def _standing(entrance: Entrance, path: str) -> tuple[int, bool]:
    """From which byte to go on, and whether the whole is there."""
    answer = entrance.client.get(f"{path}/upload")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return 0, False
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        raise httpx.ReadError("not ready")
    if answer.status_code >= 300:
        raise NotTaken(_said(answer))
    return answer.json()["received"], answer.json()["whole"]


def _from(body: BinaryIO, first: int, progress: Progress, task: object) -> Iterator[bytes]:
    body.seek(first)
    while chunk := body.read(CHUNK):
        yield chunk
        progress.update(task, completed=body.tell())  # type: ignore[arg-type]  # rich's TaskID


def _waited(entrance: Entrance, list_id: UUID) -> dict[str, object]:
    with Console(stderr=True).status("reading") as status:
        while True:
            document: dict[str, object] = entrance.asked("GET", f"/lists/{list_id}").json()
            if document["status"] in {"closed", "held", "refused"}:  # a held list waits for a human, perhaps for days
                return document
            status.update(f"reading: {document['lines']} lines have their verdict")
            time.sleep(POLL_SECONDS)


def _id_of(content: bytes, said: dict[str, str]) -> UUID:
    """From the content, the format and the date, under a key of this machine: an id stands in addresses, and says nothing of a person."""
    return uuid5(LISTS, hmac(_key(), content + json.dumps(said, sort_keys=True).encode(), "sha256").hex())


def _key() -> bytes:
    """This machine's own, made at its first sending."""
    if not KEY_FILE.exists():
        KEY_FILE.parent.mkdir(parents=True, exist_ok=True)
        KEY_FILE.touch(mode=0o600)
        KEY_FILE.write_text(secrets.token_hex(32))
    return bytes.fromhex(KEY_FILE.read_text())


@contextmanager
def _entrance(root: Path, address: str | None, token: str | None, uai: str | None) -> Iterator[Entrance]:
    """At the address that was given with its token, else of the local stack, as that establishment, or as ops where none is named.

    Raises:
        NotUp: no address is given and the local stack does not run.
    """
    if (address is None or token is None) and not house_at(root).is_up():
        raise NotUp(f"no local stack runs in {root}; start it with `raccroche up`, or give --address and --token")
    where = house_at(root).address("intake") if address is None else address
    believed = token or house_at(root).issue_token("sender" if uai else "ops", uai=uai)
    with httpx.Client(base_url=where, headers={"Authorization": f"Bearer {believed}"}, timeout=600) as client:
        yield Entrance(client=client)


@contextmanager
def _told_apart() -> Iterator[None]:
    """Exit 2, in one sentence, for whatever keeps the question from being answered."""
    try:
        yield
    except (NotUp, NotTaken) as why:
        print(why, file=sys.stderr)
        raise typer.Exit(2) from None
    except httpx.HTTPError as trouble:
        print(f"intake does not answer: {type(trouble).__name__}", file=sys.stderr)
        raise typer.Exit(2) from None


def _said(answer: httpx.Response) -> str:
    """A problem in its own words: rule and sentence."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    return f"intake says {answer.status_code}: {problem.get('rule') or problem.get('title', '')} {problem.get('detail', '')}".strip()


def _show(document: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    for name, value in document.items():
        print(f"{name}: {value}")
