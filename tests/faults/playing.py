"""Plays one scenario and makes a row of it."""

import random
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from faults.evidence import gathered
from faults.ground import Ground
from faults.oracles import COUNTS, Findings, judge
from faults.scenario import Scenario, Void
from raccroche.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one scenario. operations: commands with a definite answer. trouble: why it does not count, or what went wrong."""

    scenario: Scenario
    findings: Findings = field(default_factory=Findings)
    struck: dict[str, int] = field(default_factory=dict)
    came_of_it: dict[str, int] = field(default_factory=dict)
    figures: dict[str, float | int | str] = field(default_factory=dict)
    kills: int = 0
    operations: int = 0
    seconds: float = 0
    trouble: str | None = None

    @property
    def sound(self) -> bool:
        return self.trouble is None and not self.findings.broken

    def document(self, mutants: dict[str, int] | None) -> dict[str, object]:
        """For var/faults.json. mutants: caught and tried, of this guarantee."""
        return {
            "name": self.scenario.name, "value": self.findings.broken, "unit": "broken promises", "guarantee": self.scenario.guarantee,
            "also": self.scenario.also, "sound": self.sound, "trouble": self.trouble, "faults": self.struck, "came_of_it": self.came_of_it,
            "figures": self.figures, "kills": self.kills, "operations": self.operations, "events": self.findings.events,
            **{name: getattr(self.findings, name) for name in COUNTS}, "said_again": self.findings.repeats,
            "words": self.findings.words[:10], "mutants": mutants, "seconds": round(self.seconds, 1),
        }  # fmt: skip


async def play(stack: Stack, scenario: Scenario, folder: Path, *, seed: int, brief: bool) -> Row:
    """From a fresh database and topic to the verdict of the oracles; whatever goes wrong is in the row."""
    ground, findings, trouble = Ground(stack=stack, folder=folder, rng=random.Random(seed), brief=brief), Findings(), None
    began = time.monotonic()
    try:
        await ground.prepare()
        await scenario.play(ground)
        ground.figures["seconds to rest"] = round(await ground.calm(), 1)
        findings = judge(await gathered(ground))
        _enough(ground, scenario)
    except Void as void:
        trouble = f"void: {void}"
    except AssertionError as broken:
        trouble = str(broken)
    except Exception as failed:  # noqa: BLE001 -- the other scenarios are played all the same, and this row says why
        trouble = f"{type(failed).__name__}: {failed}"
        traceback.print_exc()
    finally:
        await ground.leave()
    return Row(
        scenario=scenario, findings=findings, struck=ground.struck | {f"died at {name}": n for name, n in ground.deaths.items()},
        came_of_it=dict(ground.came_of_it), figures=ground.figures, kills=ground.kills, operations=_operations(ground),
        seconds=time.monotonic() - began, trouble=trouble,
    )  # fmt: skip


def _operations(ground: Ground) -> int:
    return ground.clients.definite + ground.other_operations


def _enough(ground: Ground, scenario: Scenario) -> None:
    least = scenario.operations if not ground.brief else min(scenario.operations, BRIEFLY)
    if _operations(ground) < least:
        raise Void(f"{_operations(ground)} operations, fewer than {least}")


BRIEFLY = 100
"""Operations that the short form must have seen at least."""
