"""What a line tells of contracts of apprenticeship becomes facts, and decides, on a real PostgreSQL.

The record's contracts are given to it here: which format tells them is the formats' matter.
"""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from intake_house import House
from intake_specimens import OTHER_UAI, enrolment, enrolments_csv, leaver, leavers_csv

from contracts.intake import ContractSeen, DropoutDetected, DropoutWithdrawn, EnrolmentSeen
from intake import batch
from intake.formats.cells import Adapter, RawLine
from intake.record import Contract, Line, Record
from intake.reference.establishments import Directory
from intake.validation import validated

pytestmark = pytest.mark.stack

FIRST, SECOND, THIRD = UUID(int=101), UUID(int=102), UUID(int=103)
RUNNING = Contract(start=date(2025, 12, 8), end=date(2027, 8, 31))
BROKEN = replace(RUNNING, broken_on=date(2026, 1, 10))


def telling(monkeypatch: pytest.MonkeyPatch, *contracts: Contract) -> None:
    """From here on every line tells these contracts."""

    def told(raw: RawLine, adapter: Adapter, reference_date: date, directory: Directory) -> Line:
        line = validated(raw, adapter, reference_date, directory)
        return replace(line, apprentice=True, contracts=contracts) if isinstance(line, Record) else line

    monkeypatch.setattr(batch, "validated", told)


async def test_a_leaver_with_a_contract_elsewhere_is_withdrawn_and_the_fact_is_named(
    intake: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.read_all()
    assert len(await intake.events(DropoutDetected)) == 1
    telling(monkeypatch, RUNNING)
    at_the_centre = enrolments_csv(enrolment(uai=OTHER_UAI, date_entree="2025-12-08"))
    await intake.send(SECOND, at_the_centre, sender=OTHER_UAI, reference_date=date(2026, 2, 28))
    await intake.read_all()
    (contract,), (seen,), (withdrawn,) = [await intake.events(kind) for kind in (ContractSeen, EnrolmentSeen, DropoutWithdrawn)]
    assert isinstance(contract, ContractSeen) and (contract.uai, contract.start, contract.broken_on) == (OTHER_UAI, RUNNING.start, None)
    assert isinstance(seen, EnrolmentSeen) and seen.apprentice
    assert isinstance(withdrawn, DropoutWithdrawn) and withdrawn.reason == "contract_found"
    ids = await intake.pool.fetch("select event_id from events where type like '%ContractSeen%'")
    assert {row["event_id"] for row in ids} <= set(withdrawn.facts)


@pytest.mark.parametrize(("on", "found"), [(date(2026, 7, 8), 0), (date(2026, 7, 9), 1)], ids=["day 180", "day 181"])
async def test_whose_contract_broke_is_found_when_a_list_closes_after_day_180(
    intake: House, monkeypatch: pytest.MonkeyPatch, on: date, found: int
) -> None:
    at_the_centre = enrolment(uai=OTHER_UAI, date_entree="2025-12-08")
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.read_all()
    telling(monkeypatch, RUNNING)
    await intake.send(SECOND, enrolments_csv(at_the_centre), sender=OTHER_UAI, reference_date=date(2026, 2, 1))
    await intake.read_all()
    telling(monkeypatch, BROKEN)
    await intake.send(THIRD, enrolments_csv(at_the_centre), sender=OTHER_UAI, reference_date=on)
    await intake.read_all()
    detected = [event for event in await intake.events(DropoutDetected) if isinstance(event, DropoutDetected)]
    assert sum(event.reference_date == on for event in detected) == found
