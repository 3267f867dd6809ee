"""The table, var/faults.json, and whether the whole run counts."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from faults.oracles import COUNTS
from faults.playing import Row

GUARANTEES = tuple(f"G{number}" for number in range(1, 13))
LEAST_KILLS = 200

type Mutants = dict[str, dict[str, int]]
"""By guarantee: how many were caught, how many tried."""


def mutants_of(simulation: Path) -> Mutants:
    """What the simulation found last; nothing where it was not played."""
    if not simulation.exists():
        return {}
    found: Mutants = json.loads(simulation.read_text())["mutants"]
    return found


def kills_by_guarantee(rows: Iterable[Row]) -> dict[str, int]:
    """Kills of the sound scenarios that put a guarantee to the test: those played in its name, and those that strike it as hard."""
    found = dict.fromkeys(GUARANTEES, 0)
    for row in rows:
        if row.sound:
            for guarantee in {row.scenario.guarantee, *row.scenario.also}:
                found[guarantee] += row.kills
    return found


def bound(kills: int) -> float | None:
    """With no failure in so many independent kills, the chance of one is below this, at 95 %."""
    return min(1.0, 3 / kills) if kills else None


def shortcomings(rows: Sequence[Row], mutants: Mutants, *, whole: bool, smoke: bool) -> list[str]:
    """Why the run as a whole does not count, beyond its single rows. whole: nothing was left out by name."""
    if not rows:
        return ["nothing was played"]
    if not whole:
        return []
    played = {row.scenario.guarantee for row in rows}
    found = [f"{guarantee}: no scenario was played" for guarantee in GUARANTEES if guarantee not in played]
    found += [f"{guarantee}: no mutant was caught" for guarantee in GUARANTEES if not mutants.get(guarantee, {}).get("caught")]
    found += [f"{name}: {one['tried'] - one['caught']} mutants not caught" for name, one in mutants.items() if one["caught"] < one["tried"]]
    kills = sum(row.kills for row in rows)
    if not smoke and kills < LEAST_KILLS:
        found.append(f"{kills} kills, fewer than {LEAST_KILLS}")
    return found


def document(rows: Sequence[Row], mutants: Mutants) -> list[dict[str, object]]:
    """A row per scenario, then one per guarantee with its kills and the bound that they give."""
    kills = kills_by_guarantee(rows)
    return [
        *(row.document(mutants.get(row.scenario.guarantee)) for row in rows),
        *(
            {"name": f"{guarantee}, kills without a broken promise", "value": kills[guarantee], "unit": "kills", "guarantee": guarantee,
             "bound_95": bound(kills[guarantee]), "mutants": mutants.get(guarantee)}
            for guarantee in GUARANTEES
        ),
    ]  # fmt: skip


def show(rows: Sequence[Row], mutants: Mutants) -> None:
    console = Console(width=200)
    console.print(_scenarios(rows, mutants))
    console.print(_guarantees(rows, mutants))
    console.print(f"{sum(row.kills for row in rows)} kills, {sum(row.operations for row in rows)} operations")
    for row in rows:
        for words in ([row.trouble] if row.trouble else []) + row.findings.words[:5]:
            console.print(f"{row.scenario.name}: {words}", markup=False)


def _scenarios(rows: Sequence[Row], mutants: Mutants) -> Table:
    table = Table("", "scenario", "struck", "kills", "operations", *(name.replace("_", " ") for name in COUNTS), "said again", "mutants",
                  "what came of it, figures", "s", "sound")  # fmt: skip
    for row in rows:
        table.add_row(
            row.scenario.guarantee, row.scenario.name, str(sum(row.struck.values())), str(row.kills), str(row.operations),
            *(str(getattr(row.findings, name)) for name in COUNTS), str(row.findings.repeats), _caught(mutants, row.scenario.guarantee),
            _told(row), f"{row.seconds:.0f}", "yes" if row.sound else "NO",
        )  # fmt: skip
    return table


def _told(row: Row) -> str:
    seen = {**row.came_of_it, **row.figures}
    return "; ".join(f"{name} {value}" for name, value in seen.items() if value and name != "seconds to rest")


def _guarantees(rows: Sequence[Row], mutants: Mutants) -> Table:
    table = Table("", "scenarios", "kills", "chance of a loss per kill, 95 %", "mutants caught")
    kills = kills_by_guarantee(rows)
    for guarantee in GUARANTEES:
        played = sum(guarantee in {row.scenario.guarantee, *row.scenario.also} for row in rows)
        below = bound(kills[guarantee])
        told = "no kill strikes it" if below is None else f"< {below:.1%}"
        table.add_row(guarantee, str(played), str(kills[guarantee]), told, _caught(mutants, guarantee))
    return table


def _caught(mutants: Mutants, guarantee: str) -> str:
    found = mutants.get(guarantee)
    return f"{found['caught']}/{found['tried']}" if found else ""
