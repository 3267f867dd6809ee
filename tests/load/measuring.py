"""How a row is measured: both sides in turns, the median of the ratios, so that a noisy machine troubles both alike."""

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

ROUNDS = 5

type Side = Callable[[], Awaitable[float]]
"""One round of one side; the figure that it reached."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. value: none where it could not be measured here, which the name says. ratio: value / reference_value."""

    name: str
    value: float | None
    unit: str
    reference: str | None = None
    reference_value: float | None = None
    ratio: float | None = None
    floor: str = "-"
    reached: bool = True

    def document(self) -> dict[str, object]:
        return asdict(self)


async def in_turns(
    name: str, unit: str, ours: Side, reference: str, theirs: Side, *, floor: float | None = None, rounds: int = ROUNDS
) -> Row:
    """Ours and theirs, again and again; whoever came first comes second in the next round."""
    mine, others = [], []
    for number in range(rounds):
        for side, found in ((ours, mine), (theirs, others))[:: -1 if number % 2 else 1]:
            found.append(await side())
    ratio = statistics.median(one / other for one, other in zip(mine, others, strict=True))
    return Row(
        name=name, unit=unit, value=statistics.median(mine), reference=reference, reference_value=statistics.median(others),
        ratio=round(ratio, 2), floor="-" if floor is None else f"{floor} x", reached=floor is None or ratio >= floor,
    )  # fmt: skip


def beside(name: str, unit: str, value: float | None, row: Row) -> Row:
    """One more figure for the reader, next to a row's reference."""
    ratio = None if value is None or not row.reference_value else round(value / row.reference_value, 2)
    return Row(name=name, unit=unit, value=value, reference=row.reference, reference_value=row.reference_value, ratio=ratio)
