"""The simulation itself: sound seeds, every mutant caught, the same story twice whatever Python's hashes are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from simulation.mutants import MUTANTS, Mutant
from simulation.playing import run_seed

SEEDS = range(60)
TELL = """
import structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
from simulation.playing import run_seed
print(run_seed(7).story)
"""


@pytest.fixture(autouse=True)
def silence() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def test_no_seed_breaks_a_promise_and_every_kind_of_fault_has_struck() -> None:
    verdicts = [run_seed(seed) for seed in SEEDS]
    assert [(verdict.seed, verdict.faults) for verdict in verdicts if verdict.faults] == []
    struck = {name for verdict in verdicts for name, times in verdict.struck.items() if times}
    expected = {
        "killed", "killed from outside", "disconnected", "commit lost", "answer lost", "send refused", "ack lost", "leader lost",
        "lock cut", "members moved", "delivered again", "offset skipped", "went back to the mark", "relay began again", "database restarted",
        "client mute", "statement never returns", "ended by the watchdog", "follower behind", "redriven", "redrive began again",
    }  # fmt: skip
    assert expected <= struck, "a fault that never bit proves nothing"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_house_without_this_guard_is_found_out(mutant: Mutant) -> None:
    with mutant.applied() as variant:
        for seed in range(200):
            if any(fault.guarantee in mutant.found_as for fault in run_seed(seed, variant).faults):
                return
    pytest.fail("no seed found it")


def test_a_seed_tells_the_same_story_whatever_the_hashes_are() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", TELL],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(_paths())},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert told == {run_seed(7).story + "\n"}


def _paths() -> list[str]:
    tests = Path(__file__).resolve().parents[1]
    return [str(tests), str(tests.parent / "chassis" / "tests")]
