"""How many lists came, and what became of their lines?"""

from dataclasses import dataclass, replace
from uuid import UUID

from chassis.heard import Heard
from chassis.projection import Projection
from contracts.intake import ListClosed, ListLineReconsidered, ListReceived
from intake.cleaning import departement_of_uai

type Concerned = ListReceived | ListClosed | ListLineReconsidered


@dataclass(frozen=True, kw_only=True)
class ListTotals:
    """One list; its counts are those of its closing, its département is its sender's."""

    list_id: UUID
    departement: str | None = None
    closed: bool = False
    lines: int = 0
    accepted: int = 0
    accepted_with_remarks: int = 0
    rejected: int = 0
    held: int = 0
    not_kept: int = 0


def _moved(row: ListTotals, was: str, verdict: str) -> ListTotals:
    counts = {name: getattr(row, name) for name in {was, verdict}}
    counts[was] -= 1
    counts[verdict] += 1
    return replace(row, **counts)


def key(event: Concerned) -> UUID:
    return event.list_id


def apply(row: ListTotals | None, heard: Heard[Concerned]) -> ListTotals | None:
    match heard.event:
        case ListReceived(list_id=list_id, sender=sender):
            return row or ListTotals(list_id=list_id, departement=departement_of_uai(sender))
        case ListClosed() as closed:
            return replace(
                row or ListTotals(list_id=closed.list_id), closed=True, lines=closed.lines, accepted=closed.accepted,
                accepted_with_remarks=closed.accepted_with_remarks, rejected=closed.rejected, held=closed.held,
                not_kept=closed.not_kept,
            )  # fmt: skip
        case ListLineReconsidered(was=was, verdict=verdict):
            return _moved(row, was, verdict) if row and row.closed else row


LIST_TOTALS: Projection[ListTotals] = Projection(
    table="list_totals", row=ListTotals, key_column="list_id", hears=(ListReceived, ListClosed, ListLineReconsidered), key=key, apply=apply
)
