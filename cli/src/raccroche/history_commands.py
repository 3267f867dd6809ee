"""`raccroche history`: is what was said still there, unchanged; and what is one person's story."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import asyncpg
import httpx
import orjson
import typer

from chassis.provision import dsn_of
from contracts.catalogue import TOPICS
from raccroche.copies import verify_speakers
from raccroche.house import house_at
from raccroche.stack import NotUp
from raccroche.verification import Verdict

history = typer.Typer(no_args_is_help=True, help="What was said: verified, and told person by person.")

EVERY_SPEAKER = tuple(topic.speaker for topic in TOPICS)
HISTORY = "history"

Root = Annotated[Path, typer.Option(help="The local stack's folder; not used where addresses are given.")]
AuditorDsn = Annotated[
    str | None,
    typer.Option(envvar="AUDITOR_DSN", help="A server elsewhere, as raccroche_auditor; the name of each database is filled in."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Address = Annotated[str | None, typer.Option(envvar="HISTORY_URL", help="Where history answers, if not in the local stack.")]
Token = Annotated[str | None, typer.Option(envvar="RACCROCHE_TOKEN", help="A token of role ops or analyst for that address.")]

IN_VAR = Path("var/local")


def verify_all(root: Path, auditor_dsn: str | None) -> list[Verdict]:
    """Every speaker's store and history's copy of it: on the server of `auditor_dsn`, or in the local stack.

    Raises:
        NotUp: no server is given and the local stack does not run.
        asyncpg.PostgresError, OSError: a database does not answer or does not let the auditor read.
    """

    def dsn(service: str) -> str:
        database = f"raccroche_{service}"
        return house_at(root).auditor_dsn(database) if auditor_dsn is None else dsn_of(auditor_dsn, database=database)

    if auditor_dsn is None and not house_at(root).is_up():
        raise NotUp(f"no local stack runs in {root}; start it with `raccroche up`, or name a server with --auditor-dsn")
    return asyncio.run(verify_speakers({speaker: dsn(speaker) for speaker in EVERY_SPEAKER}, dsn(HISTORY)))


def as_json(verdicts: list[Verdict]) -> bytes:
    """The verdicts as one document; each fault names source, sequence, event and what differs."""
    speakers = {
        verdict.source.removeprefix("/raccroche/"): {
            "events": verdict.events, "private": verdict.private, "waiting": verdict.waiting, "head": verdict.head,
            "verified": verdict.verified, "faults": [fault.as_json() for fault in verdict.faults],
        }
        for verdict in verdicts
    }  # fmt: skip
    return orjson.dumps({"verified": all(verdict.verified for verdict in verdicts), "speakers": speakers})


@history.command("verify")
def verify_command(root: Root = IN_VAR, auditor_dsn: AuditorDsn = None, json: Json = False) -> None:  # noqa: FBT002 -- typer's way of a flag
    """Recompute digests, leaves and chains in every store and in history's copy, and compare the two byte by byte."""
    try:
        verdicts = verify_all(root, auditor_dsn)
    except NotUp as down:
        print(down, file=sys.stderr)
        raise typer.Exit(2) from None
    except (OSError, asyncpg.PostgresError) as trouble:
        print(f"the databases cannot be read: {type(trouble).__name__}", file=sys.stderr)
        raise typer.Exit(2) from None
    if json:
        sys.stdout.buffer.write(as_json(verdicts) + b"\n")
    else:
        for verdict in verdicts:
            print(verdict)
            for fault in verdict.faults:
                print(f"  {fault}")
    if not all(verdict.verified for verdict in verdicts):
        raise typer.Exit(1)


@history.command("story")
def story_command(
    person_id: UUID,
    root: Root = IN_VAR,
    address: Address = None,
    token: Token = None,
    json: Json = False,  # noqa: FBT002 -- typer's way of a flag
) -> None:
    """Every event about one person, in the order in which we knew: who, when it happened, what caused it."""
    try:
        answer = _asked(person_id, root, address, token)
    except NotUp as down:
        print(down, file=sys.stderr)
        raise typer.Exit(2) from None
    except httpx.HTTPError as trouble:
        print(f"history does not answer: {type(trouble).__name__}", file=sys.stderr)
        raise typer.Exit(2) from None
    if answer.status_code != httpx.codes.OK:
        print(f"history says {answer.status_code}: {answer.json().get('title', '')}", file=sys.stderr)
        raise typer.Exit(2)
    if json:
        sys.stdout.buffer.write(answer.content + b"\n")
    else:
        for event in answer.json()["events"]:
            print(told(event))


def _asked(person_id: UUID, root: Path, address: str | None, token: str | None) -> httpx.Response:
    """At the address that was given with its token, else of the local stack, as an analyst.

    Raises:
        NotUp: no address is given and the local stack does not run. httpx.HTTPError: no answer.
    """
    if (address is None or token is None) and not house_at(root).is_up():
        raise NotUp(f"no local stack runs in {root}; start it with `raccroche up`, or give --address and --token")
    where = house_at(root).address(HISTORY) if address is None else address
    believed = house_at(root).issue_token("analyst") if token is None else token
    return httpx.get(f"{where}/persons/{person_id}/story", headers={"Authorization": f"Bearer {believed}"}, timeout=30)


def told(event: dict[str, object]) -> str:
    """One line of a story."""
    cause = event["cause"]
    because = f" because of {cause['type'].split('.')[-2]}" if isinstance(cause, dict) else ""
    name = str(event["type"]).split(".")[-2]
    return f"{event['recordedtime']}  {name:<26} happened {str(event['time'])[:10]}  by {event['actor']}{because}"
