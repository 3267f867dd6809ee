"""`raccroche history`: is what was said still there, unchanged; and what is one person's story."""

import asyncio
import sys
from typing import Annotated
from uuid import UUID

import asyncpg
import httpx
import orjson
import typer

from chassis.provision import dsn_of
from contracts.catalogue import TOPICS
from raccroche.copies import verify_speakers
from raccroche.verification import Verdict

history = typer.Typer(no_args_is_help=True, help="What was said: verified, and told person by person.")

EVERY_SPEAKER = tuple(topic.speaker for topic in TOPICS)

AuditorDsn = Annotated[str, typer.Option(envvar="AUDITOR_DSN", help="The server, as raccroche_auditor; the database's name is filled in.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Address = Annotated[str, typer.Option(envvar="HISTORY_URL", help="Where history answers, e.g. http://127.0.0.1:8105.")]
Token = Annotated[str, typer.Option(envvar="RACCROCHE_TOKEN", help="A token of role ops or analyst.")]


def verify_all(auditor_dsn: str) -> list[Verdict]:
    """Every speaker's store and history's copy of it, on the server of `auditor_dsn`."""
    stores = {speaker: dsn_of(auditor_dsn, database=f"raccroche_{speaker}") for speaker in EVERY_SPEAKER}
    return asyncio.run(verify_speakers(stores, dsn_of(auditor_dsn, database="raccroche_history")))


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
def verify_command(auditor_dsn: AuditorDsn, json: Json = False) -> None:  # noqa: FBT002 -- typer's way of a flag
    """Recompute digests, leaves and chains in every store and in history's copy, and compare the two byte by byte."""
    try:
        verdicts = verify_all(auditor_dsn)
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
def story_command(person_id: UUID, address: Address, token: Token, json: Json = False) -> None:  # noqa: FBT002 -- typer's way of a flag
    """Every event about one person, in the order in which we knew: who, when it happened, what caused it."""
    try:
        answer = httpx.get(f"{address}/persons/{person_id}/story", headers={"Authorization": f"Bearer {token}"}, timeout=30)
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


def told(event: dict[str, object]) -> str:
    """One line of a story."""
    cause = event["cause"]
    because = f" because of {cause['type'].split('.')[-2]}" if isinstance(cause, dict) else ""
    name = str(event["type"]).split(".")[-2]
    return f"{event['recordedtime']}  {name:<26} happened {str(event['time'])[:10]}  by {event['actor']}{because}"
