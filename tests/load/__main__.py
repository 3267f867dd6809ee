"""`make bench`: every row with its reference, as a table and as var/bench.json; exit 1 when a row could not be measured."""

import argparse
import asyncio
import importlib
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from load.house import House
from load.measuring import Row
from raccroche.stack import Stack

ROOMS = ("commands", "bulk", "relaying", "hearing", "web", "latency", "ageing", "resting", "rebuilding", "lists", "campaigning")


async def main() -> int:
    parser = argparse.ArgumentParser(prog="load", description="Measures the chassis beside its references.")
    parser.add_argument("rooms", nargs="*", choices=[*ROOMS, []], help=f"which ({', '.join(ROOMS)}); all by default")
    parser.add_argument("--output", type=Path, default=Path("var/bench.json"))
    parser.add_argument("--root", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    stack = Stack(options.root, services=())
    failed = False
    rows: list[Row] = []
    try:
        await stack.up()
        for room in options.rooms or ROOMS:
            began = time.monotonic()
            print(f"measuring {room}", end=" ", file=sys.stderr, flush=True)
            try:
                rows += await importlib.import_module(f"load.{room}").rows(House(stack))
            except Exception:  # noqa: BLE001 -- the other rows are measured all the same, and the exit says so
                traceback.print_exc()
                failed = True
            print(f"({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
            _write(options.output, rows, stack)
    finally:
        await stack.down()
    _show(rows)
    return int(failed)


def _write(output: Path, rows: Sequence[Row], stack: Stack) -> None:
    """What was measured so far: a run that is broken off leaves it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    told = {"broker": stack.broker_said, "database": stack.database_said}
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), **told}
    output.write_text(json.dumps([{**row.document(), "machine": machine} for row in rows], indent=1))


def _show(rows: Sequence[Row]) -> None:
    table = Table("what", "value", "reference", "its value", "ratio", "asked", "reached")
    for row in rows:
        value = "-" if row.value is None else f"{row.value:,.1f} {row.unit}"
        reference = "" if row.reference_value is None else f"{row.reference_value:,.1f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        reached = "" if row.floor == "-" else "yes" if row.reached else "NO"
        table.add_row(row.name, value, row.reference or "", reference, ratio, row.floor, reached)
    Console(width=170).print(table)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
