"""A sent file of dossiers apprenant V3 leads to what the rule of apprenticeship decides, on a real PostgreSQL."""

from datetime import date
from uuid import UUID

import pytest
from dossier_specimens import BROKEN, dossier, dossiers_json
from intake_house import House
from intake_specimens import OTHER_UAI, leaver, leavers_csv

from contracts.intake import ContractSeen, DropoutDetected, DropoutWithdrawn, EnrolmentSeen, ExitSeen

pytestmark = pytest.mark.stack

FIRST, SECOND, THIRD = UUID(int=101), UUID(int=102), UUID(int=103)
AT_THE_CENTRE = {
    "etablissement_responsable_uai": OTHER_UAI,
    "date_entree_formation": "2025-12-08",
    "date_inscription_formation": "2025-12-01",
}
RUNNING = {"contrat_date_debut": "2025-12-08", "contrat_date_fin": "2027-08-31"}


async def send(intake: House, list_id: UUID, on: date, **changes: object) -> None:
    body = dossiers_json(dossier(**changes))
    sender = str(changes.get("etablissement_responsable_uai", dossier()["etablissement_responsable_uai"]))
    await intake.send(list_id, body, list_format="dossier_v3", sender=sender, reference_date=on)
    await intake.read_all()


@pytest.mark.parametrize(("on", "found"), [(date(2026, 5, 8), 0), (date(2026, 5, 9), 1)], ids=["day 180", "day 181"])
async def test_a_ruptured_apprentice_is_found_by_the_file_alone_after_day_180(intake: House, on: date, found: int) -> None:
    await send(intake, FIRST, date(2025, 12, 1), **BROKEN)
    await send(intake, SECOND, on, **BROKEN)
    detected = await intake.events(DropoutDetected)
    assert len(detected) == found
    exits, contracts = await intake.events(ExitSeen), await intake.events(ContractSeen)
    assert len(exits) == found
    if found:
        assert isinstance(exits[0], ExitSeen) and isinstance(contracts[-1], ContractSeen) and isinstance(detected[0], DropoutDetected)
        assert (exits[0].exit_date, contracts[-1].broken_on) == (on, date(2025, 11, 10))
        assert (detected[0].exit_date, detected[0].last_formation) == (on, "50022141")


async def test_a_contract_withdraws_the_dropout_that_a_lycee_reported(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.read_all()
    assert len(await intake.events(DropoutDetected)) == 1
    await send(intake, SECOND, date(2026, 2, 28), **AT_THE_CENTRE, **RUNNING)
    (contract,), (seen,), (withdrawn,) = [await intake.events(kind) for kind in (ContractSeen, EnrolmentSeen, DropoutWithdrawn)]
    assert isinstance(contract, ContractSeen) and (contract.uai, contract.end) == (OTHER_UAI, date(2027, 8, 31))
    assert isinstance(seen, EnrolmentSeen) and seen.apprentice
    assert isinstance(withdrawn, DropoutWithdrawn) and withdrawn.reason == "contract_found"


@pytest.mark.parametrize(("rupture", "found"), [("2026-01-20", 0), (None, 0), ("2025-12-10", 1)], ids=["ruptured", "running", "abandoned"])
async def test_contracts_of_an_apprentice_nobody_looked_for_are_remembered(intake: House, rupture: str | None, found: int) -> None:
    """The training centre's file comes first, when nobody has left; the lycée's list of leavers comes months after."""
    await send(intake, FIRST, date(2026, 1, 31), **AT_THE_CENTRE, **RUNNING, contrat_date_rupture=rupture)
    assert await intake.events(ContractSeen) == []
    await intake.send(SECOND, leavers_csv(leaver()), reference_date=date(2026, 6, 30))
    await intake.read_all()
    (contract,), (seen,) = await intake.events(ContractSeen), await intake.events(EnrolmentSeen)
    assert isinstance(contract, ContractSeen) and contract.broken_on == (date.fromisoformat(rupture) if rupture else None)
    assert isinstance(seen, EnrolmentSeen) and seen.apprentice
    assert len(await intake.events(DropoutDetected)) == found


async def test_who_waits_for_a_first_contract_is_protected_for_90_days(intake: House) -> None:
    await send(intake, FIRST, date(2026, 1, 31), **AT_THE_CENTRE)
    await intake.send(SECOND, leavers_csv(leaver()), reference_date=date(2026, 2, 28))
    await intake.read_all()
    assert await intake.events(DropoutDetected) == []
    await send(intake, THIRD, date(2026, 3, 31), **AT_THE_CENTRE)
    assert len(await intake.events(DropoutDetected)) == 1
