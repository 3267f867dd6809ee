"""`make faults`: every scenario once, a table, var/faults.json; exit 0 only when no promise was broken and no run was void."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from faults.houses import House, NotHere, housed
from faults.playing import Row, play
from faults.report import document, mutants_of, shortcomings, show
from faults.scenario import Scenario
from faults.scenarios import SCENARIOS

NEEDS = {"namespaces": "networks", "tmpfs": "small disk"}


def options_from(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description="Strikes real processes and asks what was lost.")
    parser.add_argument("names", nargs="*", help="scenarios whose name contains one of these; all by default")
    parser.add_argument("--smoke", action="store_true", help="the short form, on one broker node")
    parser.add_argument("--without", choices=NEEDS, action="append", default=[], help="leave out what this machine cannot have")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="name the scenarios and play none")
    parser.add_argument("--output", type=Path, default=Path("var/faults.json"))
    parser.add_argument("--simulation", type=Path, default=Path("var/simulation.json"), help="where the mutants' fate was written")
    parser.add_argument("--root", type=Path, default=Path("var/faults"))
    return parser.parse_args(words)


async def main() -> int:
    options = options_from(sys.argv[1:])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    chosen = [one for one in SCENARIOS if not options.names or any(part in one.name for part in options.names)]
    chosen = [one for one in chosen if one.smoke] if options.smoke else chosen
    if options.list:
        print("\n".join(f"{one.guarantee:<4}{one.name}" for one in chosen))
        return 0
    without = frozenset(NEEDS[name] for name in options.without)
    for scenario in chosen:
        if scenario.needs in without:
            print(f"left out, because --without was said: {scenario.guarantee} {scenario.name}")
    rows: list[Row] = []
    for house, scenarios in housed(chosen, smoke=options.smoke, without=without):
        rows += await _visit(house, scenarios, options)
    mutants = mutants_of(options.simulation)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(document(rows, mutants), indent=1))
    show(rows, mutants)
    missing = shortcomings(rows, mutants, whole=not options.names, smoke=options.smoke)
    for words in missing:
        print(words)
    return int(bool(missing) or not all(row.sound for row in rows))


async def _visit(house: House, scenarios: Sequence[Scenario], options: argparse.Namespace) -> list[Row]:
    """All scenarios of one house; a house that cannot be had makes a row of each that says so."""
    rows: list[Row] = []
    try:
        house.check()
        async with house.open(options.root) as stack:
            print(f"{stack.broker_said}; {stack.database_said}; {house.nodes} node(s)", flush=True)
            for scenario in scenarios:
                number = SCENARIOS.index(scenario)
                row = await play(stack, scenario, options.root / f"{number:02}", seed=options.seed + number, brief=options.smoke)
                rows.append(row)
                said = f"{'ok ' if row.sound else 'BAD'} {scenario.guarantee} {scenario.name} {row.seconds:.0f} s {row.trouble or ''}"
                print(said, *row.findings.words[:5], sep="\n    ", flush=True)
    except NotHere as why:
        rows += [Row(scenario=one, trouble=f"cannot be played here: {why}") for one in scenarios[len(rows) :]]
    return rows


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
