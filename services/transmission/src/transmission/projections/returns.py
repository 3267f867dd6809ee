"""Which return information was each establishment sent? One row per establishment and period."""

from dataclasses import dataclass
from datetime import datetime

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.transmission import ReturnInformationSent


@dataclass(frozen=True, kw_only=True)
class ReturnRow:
    return_id: str
    uai: str
    period: str
    until: datetime
    lines: int
    sealed_sha256: str


def key(event: ReturnInformationSent) -> str:
    return f"{event.uai} {event.period}"


def apply(row: ReturnRow | None, heard: Heard[ReturnInformationSent]) -> ReturnRow | None:  # noqa: ARG001 -- the shape of every apply
    event = heard.event
    return ReturnRow(
        return_id=key(event), uai=event.uai, period=event.period, until=event.until, lines=event.lines,
        sealed_sha256=event.sealed_sha256,
    )  # fmt: skip


RETURNS = Projection(table="returns", row=ReturnRow, key_column="return_id", hears=(ReturnInformationSent,), key=key, apply=apply)
