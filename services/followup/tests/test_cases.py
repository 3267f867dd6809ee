"""The row of a case, and where in the funnel it stands: folded from events, counted by the very query of `/figures`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.provision import Database, chassis_migrations
from chassis.testing import heard
from contracts.followup import (
    BilanCompleted,
    CaseClosed,
    CaseEvent,
    CaseOpened,
    CaseReopened,
    Channel,
    ClosingMotive,
    ContactAttempted,
    ContactOutcome,
    DeadlineMissed,
)
from contracts.intake import Flags
from followup.api import FUNNEL
from followup.projections.cases import CASES, CaseRow


def opened(case_id: UUID) -> CaseOpened:
    return CaseOpened(
        case_id=case_id, person_id=uuid4(), detection_id=uuid4(), departement="44", flags=Flags(l313_7=True, obligation_formation=True)
    )  # fmt: skip


def lived(*outcomes: ContactOutcome, motive: ClosingMotive | None = None) -> list[CaseEvent]:
    """One case: opened, called, perhaps closed."""
    first = opened(uuid4())
    ids = {"case_id": first.case_id, "person_id": first.person_id}
    channel: Channel = "phone"
    calls = [ContactAttempted(**ids, attempt_id=uuid4(), channel=channel, outcome=outcome) for outcome in outcomes]
    return [first, *calls, *([CaseClosed(**ids, motive=motive)] if motive else [])]


LIVES = {
    "withdrawn": [lived(motive="dropout_withdrawn"), lived("reached", motive="dropout_withdrawn")],
    "already_followed": [lived("not_reached", "reached", motive="already_followed")],
    "to_contact": [lived(), lived(), lived()],
    "unreachable": [lived("not_reached"), lived("wrong_coordinates", "not_reached"), lived("not_reached", motive="unreachable"),
                    lived(motive="unreachable")],
    "reached": [lived("reached"), lived("reached", "not_reached"), lived("not_reached", "reached", motive="refused"), lived("reached"),
                lived("reached", motive="solution_entered")],
}  # fmt: skip


@pytest.mark.stack
async def test_each_case_stands_in_one_place_of_the_funnel(fresh_database) -> None:
    migrations = Path(__file__).parents[1] / "migrations"
    dsns = await fresh_database(Database(name="followup", migrations=(chassis_migrations(), migrations)))
    consumer = await asyncpg.connect(dsns["consumer"])
    told = [heard(event) for lives in LIVES.values() for events in lives for event in events]
    await CASES.fold(consumer, told)
    assert dict(await consumer.fetchrow(FUNNEL)) == {place: len(lives) for place, lives in LIVES.items()}
    await consumer.close()


@pytest.mark.parametrize(
    ("outcomes", "held", "status"), [((), False, "open"), (("reached",), False, "reached"), (("reached",), True, "oriented")]
)
def test_a_reopened_case_shows_where_it_stood_and_by_which_detection(outcomes: tuple[ContactOutcome, ...], held: bool, status: str) -> None:
    events = lived(*outcomes)
    ids = {"case_id": events[0].case_id, "person_id": events[0].person_id}
    bilan = BilanCompleted(
        **ids, bilan_id=uuid4(), level=3, wishes=(), search_area=(), age=17, available_from=date(2026, 2, 9)
    )  # fmt: skip
    events += [bilan] if held else []
    before = _row(events)
    ended = [*events, CaseClosed(**ids, motive="dropout_withdrawn")]
    again = CaseReopened(**ids, detection_id=uuid4(), flags=Flags(l313_7=True, obligation_formation=False), departement="49")
    row = _row([*ended, again])
    assert (_row(ended).status, _row(ended).motive) == ("closed", "dropout_withdrawn")
    expected = replace(before, detection_id=again.detection_id, departement="49", obligation_formation=False)
    assert (row, row.status) == (expected, status)


def _row(events: Sequence[CaseEvent]) -> CaseRow:
    row = None
    for event in events:
        row = CASES.apply(row, heard(event))
    assert row is not None
    return row


def test_a_missed_deadline_reaches_nobody() -> None:
    first, *_ = events = lived("not_reached")
    assert isinstance(first, CaseOpened)
    missed = DeadlineMissed(case_id=first.case_id, person_id=first.person_id, clock="reorientation_interview", due_on=date(2026, 5, 1))
    row = _row((*events, missed))
    assert (row.contacts, row.reached, row.deadlines_missed) == (1, False, 1)
