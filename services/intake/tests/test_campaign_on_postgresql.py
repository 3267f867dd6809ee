"""A campaign on a real PostgreSQL: the generator's truth, killed at every step, repeated, and what may not remain of everybody."""

import asyncio
import csv
import signal
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from campaign_specimens import LEAVER, STAYS, written
from intake_house import House
from intake_specimens import enrolment, enrolments_csv
from killed_campaign import campaign_of

from contracts.intake import CampaignMatched, DropoutDetected, DropoutWithdrawn, Event, ExitSeen, ListClosed
from contracts.personal import Identity
from intake.campaign.admitting import Accepted, CampaignRefused
from intake.campaign.running import LeaversUnreadable
from intake.formats.cells import ListRefused
from raccroche.fiction import campaign

pytestmark = pytest.mark.stack

PEOPLE, SEED = 12_000, 5
"""At 11 leavers per thousand: 132 lines of 120 dropouts; a batch of these tests has 200 lines, so the kills use a smaller one."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> campaign.Files:
    return campaign.write(tmp_path_factory.mktemp("campaign"), people=PEOPLE, seed=SEED)


async def said(intake: House) -> dict[str, int]:
    """How many facts of each kind, and that each is said once."""
    kinds: tuple[type[Event], ...] = (CampaignMatched, ExitSeen, DropoutDetected, ListClosed)
    found = {kind.__name__: await intake.events(kind) for kind in kinds}
    people = [event.subject for event in found["DropoutDetected"]]
    assert len(people) == len(set(people))
    return {name: len(events) for name, events in found.items()}


async def test_a_campaign_finds_the_generators_dropouts_and_nobody_else(intake: House, files: campaign.Files) -> None:
    truth = files.truth
    found = await campaign_of(intake, files.previous.parent, accepted=Accepted()).run()
    assert (found.detections, found.l313_7, found.obligation_formation) == (truth.dropouts, truth.l313_7, truth.obligation_formation)
    taken = found.verdicts["accepted"] + found.verdicts["accepted_with_remarks"]  # the generator invents communes of birth
    assert sum(found.verdicts.values()) == taken == truth.dropout_lines
    assert await said(intake) == {"CampaignMatched": 1, "ExitSeen": truth.dropout_lines, "DropoutDetected": truth.dropouts, "ListClosed": 1}
    detected = [event for event in await intake.events(DropoutDetected) if isinstance(event, DropoutDetected)]
    assert {(event.rule, event.rule_version, bool(event.facts)) for event in detected} == {("siei", 1, True)}
    assert {event.origin for event in await intake.events(ExitSeen) if isinstance(event, ExitSeen)} == {"campaign"}


async def test_those_found_are_the_very_people_of_the_generator(intake: House, files: campaign.Files) -> None:
    """By name and birth date, opened with their keys, against the files themselves: in last year's, and by name in none of this year's."""
    await campaign_of(intake, files.previous.parent).run()
    people = set()
    for event in await intake.events(DropoutDetected):
        assert isinstance(event, DropoutDetected)
        keys = (await intake.keyring.keys([event.person_id]))[event.person_id]
        identity = keys.open(event.identity, Identity)
        people.add((identity.family_name, identity.first_names[0], identity.birth_date.isoformat()))
    last_year, this_year = by_name(files.previous), by_name(files.current)
    assert len(people) == files.truth.dropouts
    assert people <= last_year.keys()
    assert all(this_year[one] for one in people & this_year.keys()), "who is in this year's files all the same has left since"


def by_name(path: Path) -> dict[tuple[str, str, str], str]:
    with path.open(encoding="utf-8") as file:
        return {(row["nom"], row["prenom"], row["date_naissance"]): row["date_sortie"] for row in csv.DictReader(file, delimiter=";")}


async def test_the_same_files_again_are_the_same_campaign(intake: House, files: campaign.Files) -> None:
    first = await campaign_of(intake, files.previous.parent).run()
    before = await said(intake)
    again = await campaign_of(intake, files.previous.parent).run()
    assert (again.resumed, again.campaign, again.detections) == (True, first.campaign, first.detections)
    assert "cross-match" not in again.seconds
    assert await said(intake) == before
    assert (await campaign_of(intake, files.previous.parent, only=("previous", "current", "diplomas")).run()).campaign != first.campaign


@pytest.mark.parametrize(
    ("point", "kept", "exits"),
    [("campaign_matched", 0, 0), ("campaign_kept", 1, 0), ("handler_before_commit", 0, 0), ("intake_mid_list", 1, 132), ("intake_mid_decisions", 1, 132)],
)  # fmt: skip
async def test_a_campaign_that_is_killed_is_run_again(intake: House, files: campaign.Files, point: str, kept: int, exits: int) -> None:
    script, folder = str(Path(__file__).parent / "killed_campaign.py"), files.previous.parent
    killed = await asyncio.create_subprocess_exec(sys.executable, script, *intake.dsns, str(folder), point)
    assert await killed.wait() == -signal.SIGKILL
    assert len(await intake.events(CampaignMatched)) == kept
    assert len(await intake.events(ExitSeen)) == exits
    found = await campaign_of(intake, folder).run()
    assert found.resumed == bool(kept)
    truth = files.truth
    assert (found.detections, found.l313_7, found.obligation_formation) == (truth.dropouts, truth.l313_7, truth.obligation_formation)
    assert await said(intake) == {"CampaignMatched": 1, "ExitSeen": truth.dropout_lines, "DropoutDetected": truth.dropouts, "ListClosed": 1}


async def test_of_everybody_else_a_manifest_remains_and_nothing_more(intake: House, files: campaign.Files) -> None:
    found = await campaign_of(intake, files.previous.parent).run()
    manifest = {one.kind: (one.lines, one.size) for one in found.matched.snapshots}
    truth = files.truth
    assert manifest == {
        "previous": (truth.previous, files.previous.stat().st_size), "current": (truth.current, files.current.stat().st_size),
        "diplomas": (truth.diplomas, files.diplomas.stat().st_size), "followed": (truth.followed_file, files.followed.stat().st_size),
    }  # fmt: skip
    rows = {
        name: await intake.pool.fetchval(f"select count(*) from {name}")
        for name in ("enrolment_snapshot", "list_part", "list_upload", "touched")
    }
    assert set(rows.values()) == {0}
    assert await intake.pool.fetchval("select count(distinct person_id) from identity_token") == truth.dropouts
    with files.previous.open(encoding="utf-8") as file:
        names = {row["nom"] for row in csv.DictReader(file, delimiter=";")}
    everything = " ".join([row["text"] for row in await intake.pool.fetch("select convert_from(body, 'utf8') as text from events")])
    assert not [name for name in names if name in everything]


async def test_somebody_followed_already_in_intake_is_not_found_a_second_time(intake: House, tmp_path: Path) -> None:
    written(tmp_path, previous=[LEAVER], current=[STAYS])
    only = ("previous", "current")
    assert (await campaign_of(intake, tmp_path, only=only).run()).detections == 1
    written(tmp_path, previous=[LEAVER], current=[STAYS, {**STAYS, "ine": "323456789AB", "nom": "Twegin"}])
    assert (await campaign_of(intake, tmp_path, only=only).run()).detections == 0


async def test_an_enrolment_that_comes_late_withdraws_what_a_campaign_found(intake: House, tmp_path: Path) -> None:
    written(tmp_path, previous=[LEAVER], current=[STAYS])
    await campaign_of(intake, tmp_path, only=("previous", "current")).run()
    late = enrolment(
        **{name: LEAVER[name] for name in ("ine", "nom", "prenom", "date_naissance", "commune_naissance")}, date_entree="2026-11-10"
    )
    await intake.send(UUID(int=7), enrolments_csv(late))
    await intake.read_all()
    assert len(await intake.events(DropoutWithdrawn)) == 1


async def test_files_that_cannot_be_a_campaign_leave_nothing(intake: House, tmp_path: Path) -> None:
    written(tmp_path, previous=[STAYS], current=[STAYS])
    with pytest.raises(CampaignRefused):
        await campaign_of(intake, tmp_path, only=("previous", "current")).run()
    assert await intake.events() == []
    assert await intake.pool.fetchval("select count(*) from list_part") == 0


@pytest.mark.parametrize(("kind", "quoted"), [("previous", {"Quelo": '"Quelo'}), ("current", {";Vork": ';"Vork', "NEXT;Quelo": '";Quelo'})])
async def test_a_quote_in_the_wrong_place_loses_nobody_silently(intake: House, tmp_path: Path, kind: str, quoted: dict[str, str]) -> None:
    """Never closed, or closed on the next line, where it makes one good line of two."""
    many = [
        {**STAYS, "ine": f"{n:09d}AB", "nom": "Vork" + "".join("abcdefghij"[int(digit)] for digit in str(n))} for n in range(1100, 3100)
    ]
    path = written(tmp_path, previous=[LEAVER, *many], current=many)[kind].path  # type: ignore[index]  # the kinds are the parameters
    lines = path.read_text(encoding="utf-8").splitlines()
    for before, after in quoted.items():
        at = 901 if before.startswith("NEXT") else 900
        lines[at] = lines[at].replace(before.removeprefix("NEXT"), after)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    with pytest.raises(CampaignRefused, match=rf"{kind}: .* lines cannot be read, or stand in a quoted cell"):
        await campaign_of(intake, tmp_path, only=("previous", "current")).run()
    assert await intake.events() == []


@pytest.mark.parametrize("cell", ["\t" * 20, "\x00" + "," * 20, "x\n" + "," * 20 + "\ny"], ids=["tabs", "commas", "commas on a line"])
async def test_a_cell_that_looks_like_a_line_of_another_separator_costs_its_own_line_at_most(
    intake: House, tmp_path: Path, cell: str
) -> None:
    gone = {**LEAVER, "ine": "923456789AB", "nom": "Zedrin", "prenom": "Zoeli"}
    written(tmp_path, previous=[{**LEAVER, "nom": f"Vork{cell}"}, gone], current=[STAYS])
    running = replace(
        campaign_of(intake, tmp_path, ("previous", "current"), Accepted(unreadable=2, any_volume=True)), reviews=tmp_path / "reviews.csv"
    )
    found = await running.run()
    assert {name: count for name, count in found.verdicts.items() if count} == {"accepted": 1, "rejected": 1}
    assert (found.detections, await intake.pool.fetchval("select count(*) from lists where closed_at is null")) == (1, 0)
    assert "rejected" in (tmp_path / "reviews.csv").read_text(encoding="utf-8")


async def test_a_campaign_whose_own_list_cannot_be_read_ends_instead_of_waiting_for_ever(
    intake: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: object) -> None:
        raise ListRefused("ENCODING")

    written(tmp_path, previous=[LEAVER], current=[STAYS])
    running = campaign_of(intake, tmp_path, only=("previous", "current"))
    with monkeypatch.context() as broken, pytest.raises(LeaversUnreadable):
        broken.setattr("intake.reader.lines_of", refusing)
        await running.run()
    intake.reader.unreadable.clear()  # as in the process that runs it again
    assert (await running.run()).detections == 1
