"""How the demonstration looks to a person: progress as it goes, and the report at its end."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

STORY_WIDTH = 110


@dataclass(kw_only=True)
class Progress:
    """Lines on standard error: a new one for each phase, one that renews itself on a terminal for what is under way."""

    started: float = field(default_factory=time.monotonic)
    _open: bool = False

    def __call__(self, said: str) -> None:
        seconds = time.monotonic() - self.started
        line = f"[{seconds:6.1f} s] {said}"
        if said.startswith("—") or not sys.stderr.isatty():
            self._close()
            if said.startswith("—") or said == "settled":
                print(line, file=sys.stderr, flush=True)
        else:
            print(f"\r\x1b[K{line[:STORY_WIDTH]}", end="", file=sys.stderr, flush=True)
            self._open = True

    def _close(self) -> None:
        if self._open:
            print(file=sys.stderr)
            self._open = False


def show_report(document: Mapping[str, object], story: list[dict[str, object]]) -> None:
    """The document as tables on standard output, in the order in which things happen."""
    console = Console()
    console.print(f"\n[bold]Raccroche[/bold], {document['people']} leavers, seed {document['seed']}, in {document['seconds']} s")
    console.print(f"broker: {document['broker']}    database: {document['database']}\n")
    figures = Table("what", "found", "the truth")
    truth = document["truth"] if isinstance(document["truth"], Mapping) else {}
    for name in ("lines", "accepted", "rejected", "held", "not_kept", "detections", "withdrawn", "cases", "bilans", "recalled"):
        figures.add_row(name, str(document[name]), str(truth.get(name, "")))
    console.print(figures)
    for name in ("by_flags", "referrals", "transmissions", "funnel"):
        found = document[name]
        if isinstance(found, Mapping):
            console.print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in found.items()))
    told, expected = document["heard_back"], truth.get("heard_back")
    if isinstance(told, Mapping) and isinstance(expected, Mapping):
        console.print(f"establishments that heard back: {told['establishments']} of {expected['establishments']}, on {told['lines']} lines")
    console.print("\n[bold]One young person's story[/bold]")
    for event in story:
        cause = event["cause"]
        because = f" ← {_short(cause['type'])}" if isinstance(cause, Mapping) else ""
        when = f"known {str(event['recordedtime'])[:19]}  happened {str(event['time'])[:10]}"
        console.print(f"  {when}  {event['source']}: {_short(event['type'])}{because}")
    chains = document["chain_verified"]
    if isinstance(chains, Mapping):
        console.print("\nchains: " + ", ".join(f"{source} {'verified' if good else 'BROKEN'}" for source, good in chains.items()))
    console.print(f"parked: {document['parked']}    seats: {'never held twice' if document['seats_ok'] else 'HELD TWICE'}")


def _short(wire_type: object) -> str:
    """`fr.raccroche.intake.DropoutDetected.v1` as `DropoutDetected`."""
    return str(wire_type).split(".")[-2]
