"""Which sources are expected, and which are silent since when?"""

from dataclasses import dataclass, replace
from datetime import date

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import SourceExpected, SourceResumed, SourceSilent

type Concerned = SourceExpected | SourceSilent | SourceResumed


@dataclass(frozen=True, kw_only=True)
class ExpectedSource:
    """One source; `silent` from the day after `silent_after` until its next list."""

    source: str
    sender: str
    format: str
    content: str
    basis: str
    every_days: int
    heard_on: date
    silent_after: date
    silent: bool = False


def key(event: Concerned) -> str:
    return event.stream


def apply(row: ExpectedSource | None, heard: Heard[Concerned]) -> ExpectedSource | None:
    match heard.event:
        case SourceExpected() as expected:
            return ExpectedSource(
                source=expected.stream, sender=expected.sender, format=expected.format, content=expected.content, basis=expected.basis,
                every_days=expected.every_days, heard_on=expected.heard_on, silent_after=expected.silent_after,
            )  # fmt: skip
        case SourceSilent():
            return replace(row, silent=True) if row else None
        case SourceResumed():
            return replace(row, silent=False) if row else None


SOURCES: Projection[ExpectedSource] = Projection(
    table="sources", row=ExpectedSource, key_column="source", hears=(SourceExpected, SourceSilent, SourceResumed), key=key, apply=apply
)
