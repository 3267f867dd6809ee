"""`make faults`: every scenario once, a table, var/faults.json; exit 0 only when nothing was lost, doubled or out of order and no run was void."""

import argparse
import asyncio
import json
import random
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from faults.ground import Ground
from faults.oracles import Findings, judge
from faults.scenarios import SCENARIOS, Scenario, Void
from raccroche.stack import Stack

COUNTS = ("lost", "phantom", "out_of_order", "double_effects", "differences")
KILLS = ("SIGKILL", "killed", "crashed", "member gone")


@dataclass(frozen=True, kw_only=True)
class Played:
    """One row."""

    scenario: Scenario
    findings: Findings
    struck: dict[str, int]
    kills: int
    operations: int
    seconds: float
    trouble: str | None

    @property
    def sound(self) -> bool:
        return self.trouble is None and self.findings.clean

    def document(self) -> dict[str, object]:
        return {
            "guarantee": self.scenario.guarantee, "scenario": self.scenario.name, "sound": self.sound, "trouble": self.trouble,
            "faults": self.struck, "kills": self.kills, "operations": self.operations, "events": self.findings.events,
            **{name: getattr(self.findings, name) for name in COUNTS}, "said_again": self.findings.duplicates,
            "words": self.findings.words[:10], "seconds": round(self.seconds, 1),
        }  # fmt: skip


async def main() -> int:
    parser = argparse.ArgumentParser(prog="faults", description="Strikes real processes and asks what was lost.")
    parser.add_argument("names", nargs="*", help="scenarios whose name contains one of these; all by default")
    parser.add_argument("--smoke", action="store_true", help="the short form, on one broker node")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("var/faults.json"))
    parser.add_argument("--root", type=Path, default=Path("var/faults"))
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    chosen = [one for one in SCENARIOS if not options.names or any(part in one.name for part in options.names)]
    chosen = [one for one in chosen if one.smoke and not one.cluster] if options.smoke else chosen
    nodes = 1 if options.smoke else 3
    stack = Stack(options.root / f"stack-{nodes}", services=(), nodes=nodes)
    played = []
    try:
        await stack.up()
        print(f"{stack.broker_said}; {stack.database_said}; {nodes} node(s)", file=sys.stderr)
        for number, scenario in enumerate(chosen):
            played.append(await _play(stack, scenario, options.root / f"{number:02}", options.seed + number, nodes))
            print(
                f"{'ok ' if played[-1].sound else 'BAD'} {scenario.guarantee} {scenario.name} {played[-1].seconds:.0f} s {played[-1].trouble or ''}",
                file=sys.stderr,
                flush=True,
            )
    finally:
        await stack.down()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps([one.document() for one in played], indent=1))
    _show(played)
    return int(not played or not all(one.sound for one in played))


async def _play(stack: Stack, scenario: Scenario, folder: Path, seed: int, nodes: int) -> Played:
    ground, findings, trouble = Ground(stack=stack, folder=folder, rng=random.Random(seed)), Findings(), None
    began = time.monotonic()
    try:
        await ground.prepare(replication=min(nodes, 3))
        await scenario.play(ground)
        ground.struck["seconds to rest"] = round(await ground.calm())
        findings = await judge(ground)
        if sum(call.status == 201 for call in ground.calls) < 50:
            raise Void("fewer than 50 commands were acknowledged")
    except Exception as failed:  # noqa: BLE001 -- the other scenarios are played all the same, and this row says why
        trouble = f"{'void: ' if isinstance(failed, Void) else ''}{type(failed).__name__}: {failed}"
        if not isinstance(failed, Void | AssertionError):
            traceback.print_exc()
    finally:
        await ground.leave()
    struck = {**ground.struck, **{f"died at {name}": count for name, count in ground.deaths.items()}}
    kills = sum(count for name, count in ground.struck.items() if name.startswith(KILLS) or name.endswith(KILLS)) + sum(
        count for name, count in ground.deaths.items() if not name.startswith("exit")
    )
    return Played(
        scenario=scenario,
        findings=findings,
        struck=struck,
        kills=kills,
        operations=len(ground.calls),
        seconds=time.monotonic() - began,
        trouble=trouble,
    )


def _show(played: list[Played]) -> None:
    mutants = json.loads(Path("var/simulation.json").read_text())["mutants"] if Path("var/simulation.json").exists() else {}
    table = Table("", "scenario", "kills", "commands", *(name.replace("_", " ") for name in COUNTS), "said again", "mutants", "s", "sound")
    for one in played:
        found = mutants.get(one.scenario.guarantee)
        table.add_row(
            one.scenario.guarantee, one.scenario.name, str(one.kills), str(one.operations), *(str(getattr(one.findings, name)) for name in COUNTS),
            str(one.findings.duplicates), f"{found['caught']}/{found['tried']}" if found else "", f"{one.seconds:.0f}", "yes" if one.sound else "NO",
        )  # fmt: skip
    console = Console(width=170)
    console.print(table)
    console.print(f"{sum(one.kills for one in played)} kills, {sum(one.operations for one in played)} commands")
    for one in played:
        for words in ([one.trouble] if one.trouble else []) + one.findings.words[:5]:
            console.print(f"{one.scenario.name}: {words}", markup=False)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
