"""The files of a campaign on their day: what is deleted, what is told instead, and that a death in between costs nothing and hides nothing."""

import argparse
import asyncio
import csv
import signal
import socket
import sys
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest
from campaign_specimens import LEAVER, STAYS, written
from intake_house import House
from killed_campaign import campaign_of
from test_intake_api_on_postgresql import basics_of

from chassis.jobs import At, BadRequest
from chassis.subscription import Subscription
from chassis.testing import FixedClock
from contracts.intake import CampaignMatched, ListLineRejected
from intake.campaign.files import Sweep, all_files
from intake.campaign.job import CAMPAIGN, campaign
from intake.campaign.sweep_jobs import files, sweep

pytestmark = pytest.mark.stack

BEFORE, ON = date(2026, 11, 30), date(2026, 12, 1)
"""The day of `campaign_of`, and the one before it."""
DOUBTFUL = {**LEAVER, "ine": "323456789AB", "nom": "Twegin"}
ONLY = ("previous", "current")
ALL = ["current.csv", "previous.csv", "reviews.csv"]


async def run(intake: House, folder: Path, delete_on: date = ON) -> UUID:
    """A campaign of which somebody is for a human, so that its third file is there too."""
    written(folder, previous=[LEAVER, DOUBTFUL], current=[STAYS, {**DOUBTFUL, "date_naissance": "2009-03-15"}])
    running = replace(campaign_of(intake, folder, only=ONLY), reviews=folder / "reviews.csv", delete_on=delete_on)
    return (await running.run()).campaign


async def swept(intake: House, day: date, *, gone: Collection[UUID] = (), changed: Collection[UUID] = ()) -> list[tuple[str, str]]:
    clock = FixedClock(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    found = await Sweep(pool=intake.pool, digests=intake.desk.digests, clock=clock, gone=gone, changed=changed).run()
    return [(one.file.kind, one.state) for one in found]


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_on_its_day_and_not_before_every_file_goes_and_what_it_was_stays(intake: House, tmp_path: Path) -> None:
    name = await run(intake, tmp_path)
    sizes = {path.stem: path.stat().st_size for path in tmp_path.iterdir()}
    assert await swept(intake, BEFORE) == []
    assert there(tmp_path) == ALL
    assert await swept(intake, ON) == [("current", "deleted"), ("previous", "deleted"), ("reviews", "deleted")]
    assert there(tmp_path) == []
    assert await swept(intake, ON) == []
    async with intake.pool.acquire() as connection:
        kept = await all_files(connection)
    assert {one.kind: one.size for one in kept} == sizes
    assert {(one.campaign, one.delete_on, one.deleted_at is not None) for one in kept} == {(name, ON, True)}


async def test_other_bytes_are_told_and_stay_until_somebody_asks(intake: House, tmp_path: Path) -> None:
    name = await run(intake, tmp_path)
    with (tmp_path / "previous.csv").open("a", encoding="utf-8") as file:
        file.write(" ")
    assert await swept(intake, ON) == [("current", "deleted"), ("previous", "changed"), ("reviews", "deleted")]
    assert await swept(intake, ON, changed=[UUID(int=9)], gone=[name]) == [("previous", "changed")]
    assert there(tmp_path) == ["previous.csv"]
    assert await swept(intake, ON, changed=[name]) == [("previous", "deleted")]
    assert there(tmp_path) == []


async def test_a_link_in_the_place_of_a_file_is_other_bytes(intake: House, tmp_path: Path) -> None:
    await run(intake, tmp_path)
    (tmp_path / "previous.csv").rename(tmp_path / "moved.csv")
    (tmp_path / "previous.csv").symlink_to(tmp_path / "moved.csv")
    assert ("previous", "changed") in await swept(intake, ON)
    assert there(tmp_path) == ["moved.csv", "previous.csv"]


async def test_a_file_that_is_gone_is_told_until_somebody_says_that_it_was_not_moved(intake: House, tmp_path: Path) -> None:
    name = await run(intake, tmp_path)
    (tmp_path / "current.csv").unlink()
    assert ("current", "gone") in await swept(intake, ON)
    assert await swept(intake, ON, changed=[name]) == [("current", "gone")]
    assert await swept(intake, ON, gone=[name]) == [("current", "deleted")]
    assert await swept(intake, ON) == []


async def test_a_file_of_another_machine_is_left_to_it(intake: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = await run(intake, tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere.example")
    assert {state for _, state in await swept(intake, ON, gone=[name], changed=[name])} == {"elsewhere"}
    assert there(tmp_path) == ALL


@pytest.mark.parametrize(("point", "left"), [("campaign_file_before_unlink", 3), ("campaign_file_unlinked", 2)])
async def test_a_sweep_that_is_killed_is_done_again_and_its_own_work_is_no_riddle(
    intake: House, tmp_path: Path, point: str, left: int
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    await run(intake, folder)
    script = str(Path(__file__).parent / "killed_sweep.py")
    killed = await asyncio.create_subprocess_exec(sys.executable, script, *intake.dsns, ON.isoformat(), point)
    assert await killed.wait() == -signal.SIGKILL
    assert len(there(folder)) == left
    assert {state for _, state in await swept(intake, ON)} == {"deleted"}
    assert there(folder) == []


async def test_the_same_files_matched_again_have_the_later_day_and_those_of_two_campaigns_the_earlier(
    intake: House, tmp_path: Path
) -> None:
    await run(intake, tmp_path)
    await run(intake, tmp_path, delete_on=date(2026, 12, 24))
    assert await swept(intake, ON) == []
    other = replace(campaign_of(intake, tmp_path, only=ONLY), reference=date(2026, 11, 3))
    await other.run()
    assert await swept(intake, ON) == [("current", "deleted"), ("previous", "deleted")]
    assert there(tmp_path) == ["reviews.csv"]
    assert await swept(intake, date(2026, 12, 24)) == [("reviews", "deleted")]


async def test_a_file_that_came_again_to_a_campaign_is_to_be_deleted_again(intake: House, tmp_path: Path) -> None:
    await run(intake, tmp_path)
    await swept(intake, ON)
    await run(intake, tmp_path, delete_on=date(2026, 12, 24))
    assert len(await swept(intake, date(2026, 12, 24))) == len(ALL)
    assert there(tmp_path) == []


def at(intake: House, tmp_path: Path) -> At:
    key_file = tmp_path / "identity.key"
    key_file.write_text("A" * 43 + "=")
    basics = basics_of(intake, key_file)
    return At(
        name="intake",
        settings=basics.settings,
        basics=basics,
        subscription=Subscription(consumer="intake", actor="", speakers=()),
        speaks=True,
    )


def asked(folder: Path, **changes: object) -> argparse.Namespace:
    options: dict[str, object] = {
        "previous": folder / "previous.csv", "current": folder / "current.csv", "diplomas": None, "followed": None,
        "reviews": folder / "reviews.csv", "reference_date": date(2026, 2, 2), "delete_on": date(2026, 2, 3), "delete": False, "threads": 1,
        "memory": "512MB", "tolerate": 0, "despite_volume": True,
    }  # fmt: skip
    return argparse.Namespace(**{**options, **changes})


async def test_the_job_says_what_is_overdue_and_ends_with_one_while_it_is(intake: House, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    written(folder, previous=[LEAVER], current=[STAYS])
    here = at(intake, tmp_path)
    assert (await campaign(here, asked(folder))).good
    assert (await files(here, argparse.Namespace())).good
    intake.clock.at = datetime(2026, 2, 3, 8, tzinfo=UTC)
    late = await files(here, argparse.Namespace())
    assert not late.good and "3 files of campaigns should be deleted by now" in late.lines[-1]
    assert isinstance(late.document, dict) and late.document["overdue"] == 3
    (folder / "current.csv").write_text("other")
    some = await sweep(here, argparse.Namespace(gone=[], changed=[]))
    assert not some.good and there(folder) == ["current.csv"]
    name = await intake.pool.fetchval("select list_id from campaign_file limit 1")
    assert (await sweep(here, argparse.Namespace(gone=[], changed=[name]))).good
    assert (await files(here, argparse.Namespace())).good


async def test_delete_takes_the_snapshots_at_once_and_leaves_what_a_human_must_look_at_until_its_day(intake: House, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    written(folder, previous=[LEAVER], current=[STAYS])
    here = at(intake, tmp_path)
    done = await campaign(here, asked(folder, delete=True))
    assert done.good and there(folder) == ["reviews.csv"]
    known = await files(here, argparse.Namespace())
    assert isinstance(known.document, dict)
    assert [(one["kind"], one["deleted_at"] is None) for one in known.document["files"]] == [
        ("reviews", True), ("current", False), ("previous", False),
    ]  # fmt: skip


async def test_a_day_that_is_past_is_no_day_to_keep(intake: House, tmp_path: Path) -> None:
    written(tmp_path, previous=[LEAVER], current=[STAYS])
    with pytest.raises(BadRequest, match="lies in the past"):
        await campaign(at(intake, tmp_path), asked(tmp_path, delete_on=date(2026, 2, 1)))
    assert await intake.events() == []


async def test_a_reference_date_to_come_describes_nothing(intake: House, tmp_path: Path) -> None:
    written(tmp_path, previous=[LEAVER], current=[STAYS])
    here = at(intake, tmp_path)
    with pytest.raises(BadRequest, match="lies in the future"):
        await campaign(here, asked(tmp_path, reference_date=date(2026, 2, 3)))
    assert await intake.events() == []
    assert there(tmp_path) == ["current.csv", "identity.key", "previous.csv"]
    assert (await campaign(here, asked(tmp_path, reference_date=date(2026, 2, 2)))).good


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--reference-date", "2026-13-02"], "there is no such day"), (["--delete-on", "demain"], "there is no such day"),
        (["--tolerate", "-1"], "a number of lines"), (["--tolerate", "1%"], "a number of lines"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_of_a_command_is_told_in_words(wrong: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    CAMPAIGN.arguments(parser)
    right = ["--previous", "p", "--current", "c", "--reference-date", "2026-02-02", "--delete-on", "2026-02-02"]
    assert (parser.parse_args(right).tolerate, parser.parse_args(right).despite_volume) == (0, False)
    with pytest.raises(SystemExit):
        parser.parse_args([*right, *wrong])
    assert said in capsys.readouterr().err


async def test_a_run_tells_unreadable_lines_of_each_file_and_keeps_them_in_the_manifest(intake: House, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    written(folder, previous=[LEAVER], current=[STAYS, {**STAYS, "date_naissance": "31/02/2009"}])
    here = at(intake, tmp_path)
    with pytest.raises(BadRequest, match=r"current: 1 of 2 lines .*--tolerate"):
        await campaign(here, asked(folder))
    done = await campaign(here, asked(folder, tolerate=1))
    assert "current: 2 lines, 1 unreadable, 0 MB" in done.lines
    (said,) = await intake.events(CampaignMatched)
    assert isinstance(said, CampaignMatched)
    assert {one.kind: one.unreadable for one in said.snapshots} == {"previous": 0, "current": 1}
    assert isinstance(done.document, dict)
    assert done.document["snapshots"] == [one.model_dump() for one in said.snapshots]


@pytest.mark.parametrize("changes", [{"despite_volume": False}, {"reviews": "previous.csv"}, {"reference_date": date(2026, 2, 3)}])
async def test_a_run_that_is_refused_leaves_nothing_and_destroys_nothing(intake: House, tmp_path: Path, changes: dict[str, object]) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    written(folder, previous=[LEAVER, DOUBTFUL], current=[{**DOUBTFUL, "date_naissance": "2009-03-15"}])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    place = {"reviews": folder / str(changes["reviews"])} if "reviews" in changes else {}
    with pytest.raises(BadRequest):
        await campaign(at(intake, tmp_path), asked(folder, **{**changes, **place}))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert await intake.events() == []
    assert await intake.pool.fetchval("select count(*) from campaign_file") == 0


async def test_leavers_whose_line_is_rejected_are_told_to_a_human_by_name(intake: House, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    names = {"Twegin": {"uai": "0440074A"}, "Wurzalo": {"formation": "x" * 100_001}, "Brunda": {"date_entree": "2027-01-01"}}
    bad = [{**LEAVER, "ine": f"{n}23456789AB", "nom": name, **wrong} for n, (name, wrong) in enumerate(names.items(), 3)]
    written(folder, previous=[LEAVER, *bad], current=[STAYS])
    done = await campaign(at(intake, tmp_path), asked(folder))
    told = [event for event in await intake.events(ListLineRejected) if isinstance(event, ListLineRejected)]
    with (folder / "reviews.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert {row["nom"] for row in rows} == names.keys()
    by_event = [" ".join(["rejected", *sorted({finding.rule for finding in event.findings})]) for event in told]
    assert sorted(row["motif"] for row in rows) == sorted(by_event)
    assert any(line.startswith("3 leavers are on lines that a list's rules reject") for line in done.lines)
