"""How a row is measured: both sides in turns, the median of the ratios, so that a noisy machine troubles both alike."""

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

ROUNDS = 3

type Side = Callable[[], Awaitable[float]]
"""One round of one side; the figure that it reached."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. ratio: value / reference_value, or its inverse where less is better, so that more is always better."""

    name: str
    value: float
    unit: str
    reference: str | None = None
    reference_value: float | None = None
    ratio: float | None = None
    floor: str
    reached: bool

    def document(self) -> dict[str, object]:
        return asdict(self)


async def in_turns(name: str, unit: str, ours: Side, reference: str, theirs: Side, *, floor: float, rounds: int = ROUNDS) -> Row:
    """Ours and theirs, again and again."""
    pairs = [(await ours(), await theirs()) for _ in range(rounds)]
    ratio = statistics.median(mine / other for mine, other in pairs)
    return Row(
        name=name, unit=unit, value=statistics.median(mine for mine, _ in pairs), reference=reference,
        reference_value=statistics.median(other for _, other in pairs), ratio=round(ratio, 2), floor=f"{floor} x", reached=ratio >= floor,
    )  # fmt: skip


async def rate(count: int, work: Callable[[], Awaitable[object]]) -> float:
    """Things done per second."""
    began = time.perf_counter()
    await work()
    return count / (time.perf_counter() - began)
