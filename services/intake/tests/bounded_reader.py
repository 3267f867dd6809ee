"""Inspects files and validates their lines in a process of its own, within limits; tells what came of each, and what it took.

The argument is the limit of address space in MiB. Each line of its input is a format and a file; it answers with a JSON object:
outcome (a rule, or how many lines there are), grown (MiB of peak memory beyond what was there before) and seconds of processor time.
"""

import json
import re
import resource
import sys
from pathlib import Path
from time import process_time

from intake_specimens import REFERENCE, UAI

from intake.formats import ADAPTERS
from intake.formats.cells import ListRefused
from intake.formats.text import lines_of
from intake.inspection import inspect
from intake.validation import validated

MIB = 1 << 20
FORGET_THE_PEAK = "5"


def peak() -> int:
    """KiB. Not from getrusage: what that tells begins with the peak of the process which started this one."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def outcome_of(list_format: str, file: str) -> str:
    lines = 0
    with Path(file).open("rb") as body:
        try:
            inspect(body, list_format, UAI)
            for raw in lines_of(ADAPTERS[list_format], body):
                validated(raw, ADAPTERS[list_format], REFERENCE)
                lines += 1
        except ListRefused as refused:
            return refused.rule
    return f"{lines} lines"


def main(mebibytes: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (int(mebibytes) * MIB, int(mebibytes) * MIB))
    for line in sys.stdin:
        list_format, _, file = line.strip().partition(" ")
        Path("/proc/self/clear_refs").write_text(FORGET_THE_PEAK)
        before, begun = peak(), process_time()
        outcome = outcome_of(list_format, file)
        took = {"outcome": outcome, "grown": (peak() - before) // 1024, "seconds": round(process_time() - begun, 1)}
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
