"""A campaign on a real PostgreSQL: every dropout of two years' files and only they, once, whenever it is killed."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from campaign_house import campaign_of
from intake_house import FreshDatabase, House, house

from contracts.intake import CampaignClosed, CampaignOpened, DropoutDetected, ExitSeen
from contracts.personal import Identity
from raccroche.fiction.campaign import Files, write

pytestmark = pytest.mark.stack

PEOPLE = 4000
POINTS = (
    "campaign_matched", "campaign_opening", "campaign_opened", "handler_before_commit:2", "handler_before_commit:3", "handler_before_commit:6",
    "campaign_taken", "campaign_taken:3", "campaign_closing",
)  # fmt: skip


@pytest.fixture
async def intake(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    async with house(fresh_database) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write(tmp_path_factory.mktemp("campaign"), people=PEOPLE, seed=5)


async def detected_in(intake: House) -> list[DropoutDetected]:
    return [event for event in await intake.events(DropoutDetected) if isinstance(event, DropoutDetected)]


async def told_in(intake: House) -> Counter[tuple[object, ...]]:
    """What was detected, without the ids that chance gives."""
    return Counter(
        (e.last_uai, e.last_formation, e.exit_date, e.age, e.flags, e.majority_month, e.departement) for e in await detected_in(intake)
    )


async def test_every_dropout_of_the_truth_is_found_and_nobody_else(intake: House, files: Files, tmp_path: Path) -> None:
    result = await campaign_of(intake, files, tmp_path).run()
    truth, funnel = files.truth, result.funnel
    assert funnel is not None
    assert (funnel.under_16, funnel.still_enrolled, funnel.review) == (truth.under_16, truth.still_enrolled, truth.review)
    assert (funnel.followed, funnel.not_dropout, funnel.leavers) == (truth.followed, truth.not_dropout, truth.dropout_lines)
    found = await detected_in(intake)
    assert (len(found), result.detected) == (truth.dropouts, truth.dropouts)
    assert sum(one.flags.l313_7 for one in found) == truth.l313_7
    assert sum(one.flags.obligation_formation for one in found) == truth.obligation_formation
    assert len({one.person_id for one in found}) == truth.dropouts
    assert all((one.rule, one.rule_version) == ("siei", 1) and one.facts and one.age >= 16 for one in found)


async def test_what_remains_is_a_manifest_and_lines_for_a_human_under_a_key(intake: House, files: Files, tmp_path: Path) -> None:
    result = await campaign_of(intake, files, tmp_path).run()
    opened, closed = await intake.events(CampaignOpened, CampaignClosed)
    assert isinstance(opened, CampaignOpened) and isinstance(closed, CampaignClosed)
    lines = {one.kind: one.lines for one in opened.files}
    truth = files.truth
    assert lines == {"previous": truth.previous, "current": truth.current, "diplomas": truth.diplomas, "followed": truth.followed_file}
    assert (closed.leavers, closed.detected, closed.held, closed.rejected) == (truth.dropout_lines, truth.dropouts, 0, 0)
    kept = await intake.pool.fetch("select sealed from campaign_review where campaign_id = $1", result.campaign_id)
    assert len(kept) == truth.review
    keys = (await intake.keyring.keys([result.campaign_id]))[result.campaign_id]
    assert b"20" in keys.open_bytes("list", "line", kept[0]["sealed"])
    assert list(tmp_path.iterdir()) == []


async def test_no_name_stands_in_an_event_but_sealed(intake: House, files: Files, tmp_path: Path) -> None:
    await campaign_of(intake, files, tmp_path).run()
    (seen, *_) = [event for event in await intake.events(ExitSeen) if isinstance(event, ExitSeen)]
    name = (await intake.keyring.keys([seen.person_id]))[seen.person_id].open(seen.identity, Identity).family_name
    assert name.encode() in files.previous.read_bytes() + files.current.read_bytes()
    assert name.encode() not in b"".join(row["body"] for row in await intake.pool.fetch("select body from events"))


async def test_the_same_files_again_do_nothing(intake: House, files: Files, tmp_path: Path) -> None:
    first = await campaign_of(intake, files, tmp_path).run()
    before = await intake.pool.fetchval("select count(*) from events")
    again = await campaign_of(intake, files, tmp_path).run()
    assert (again.repeated, again.campaign_id, again.detected) == (True, first.campaign_id, first.detected)
    assert await intake.pool.fetchval("select count(*) from events") == before


@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_campaign_ends_as_one_that_was_not(fresh_database: FreshDatabase, files: Files, tmp_path: Path, point: str) -> None:
    async with house(fresh_database) as intake:
        script = str(Path(__file__).parent / "killed_campaign.py")
        command = [sys.executable, script, *intake.dsns, point, str(files.previous.parent), str(PEOPLE)]
        killed = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, said = await killed.communicate()
        assert killed.returncode == -signal.SIGKILL, said.decode()[-2000:]
        await campaign_of(intake, files, files.previous.parent / "work", at_once=10).run()
        after_kill = await told_in(intake)
        (closed,) = await intake.events(CampaignClosed)
    async with house(fresh_database) as other:
        await campaign_of(other, files, tmp_path).run()
        (undisturbed,) = await other.events(CampaignClosed)
        assert after_kill == await told_in(other)
        assert isinstance(closed, CampaignClosed) and isinstance(undisturbed, CampaignClosed)
        assert closed.detected == undisturbed.detected == files.truth.dropouts
    assert list((files.previous.parent / "work").iterdir()) == []
