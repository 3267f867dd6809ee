"""`make simulate`: thousands of seeds and every mutant; prints each failing seed with the command that replays it, and writes var/simulation.json."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import structlog

from simulation.mutants import MUTANTS
from simulation.playing import Verdict, run_seed

MUTANT_SEEDS = 400
CHUNK = 25


def main() -> int:
    options = _options()
    _silence()
    if options.seed is not None:
        return _show([run_seed(options.seed)])
    began = time.monotonic()
    with ProcessPoolExecutor(initializer=_silence) as processes:
        chunks = [
            range(start, min(start + CHUNK, options.first + options.seeds))
            for start in range(options.first, options.first + options.seeds, CHUNK)
        ]
        verdicts = [verdict for share in processes.map(_run, chunks) for verdict in share]
        caught = list(processes.map(_first_seed_that_catches, range(len(MUTANTS))))
    document = _document(verdicts, caught, time.monotonic() - began)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(document, indent=1))
    for mutant, seed in zip(MUTANTS, caught, strict=True):
        print(f"mutant {mutant.guarantee:<4}{mutant.name:<62}{'NOT CAUGHT' if seed is None else f'caught by seed {seed}'}")
    print(f"{len(verdicts)} seeds, {document['operations']} commands, {document['kills']} kills in {document['seconds']} s")
    return _show([verdict for verdict in verdicts if verdict.faults]) or int(None in caught)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulation", description="Plays the core in virtual time under faults.")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this seed alone and say what it finds")
    parser.add_argument("--output", type=Path, default=Path("var/simulation.json"))
    return parser.parse_args()


def _silence() -> None:
    """The house logs each fault that strikes it; here they are counted instead."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def _run(seeds: Sequence[int]) -> list[Verdict]:
    return [run_seed(seed) for seed in seeds]


def _first_seed_that_catches(place: int) -> int | None:
    """The first seed at which the oracles find this mutant under a guarantee that it breaks."""
    mutant = MUTANTS[place]
    with mutant.applied() as variant:
        for seed in range(MUTANT_SEEDS):
            if any(fault.guarantee in mutant.found_as for fault in run_seed(seed, variant).faults):
                return seed
    return None


def _document(verdicts: Sequence[Verdict], caught: Sequence[int | None], seconds: float) -> dict[str, object]:
    struck = sum((Counter(verdict.struck) for verdict in verdicts), Counter())
    guarantees = sorted({mutant.guarantee for mutant in MUTANTS}, key=lambda name: int(name[1:]))
    tried = {name: [seed for mutant, seed in zip(MUTANTS, caught, strict=True) if mutant.guarantee == name] for name in guarantees}
    return {
        "seeds": len(verdicts),
        "failing": [verdict.seed for verdict in verdicts if verdict.faults],
        "operations": sum(verdict.operations for verdict in verdicts),
        "kills": struck["killed"] + struck["killed from outside"],
        "struck": dict(sorted(struck.items())),
        "mutants": {name: {"caught": sum(seed is not None for seed in seeds), "tried": len(seeds)} for name, seeds in tried.items()},
        "seconds": round(seconds, 1),
    }


def _show(verdicts: Sequence[Verdict]) -> int:
    for verdict in verdicts:
        for fault in verdict.faults:
            print(f"seed {verdict.seed}: {fault.guarantee} {fault.what}: {fault.detail}")
        if verdict.faults:
            print(f"  again: make simulate ARGS='--seed {verdict.seed}'")
    return int(any(verdict.faults for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
