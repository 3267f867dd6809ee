"""A campaign on a real PostgreSQL: every dropout of two years' files and only they, once, whenever it is killed."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from campaign_house import campaign_of
from intake_house import CLASSES, FreshDatabase, House, house

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


async def test_of_two_runs_at_a_time_one_stops(intake: House, files: Files, tmp_path: Path) -> None:
    runs = [campaign_of(intake, files, tmp_path).run() for _ in range(2)]
    done = await asyncio.gather(*runs, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["ProgressLost", "Result"]
    assert len(await detected_in(intake)) == files.truth.dropouts


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


def environment(intake: House, folder: Path) -> dict[str, str]:
    """As the service would have it, on the databases of this house and with its keys."""
    key = base64.b64encode(bytes(32)).decode()
    (folder / "master.json").write_text(json.dumps({data_class: {"1": key} for data_class in CLASSES}))
    (folder / "identity.key").write_text(key)
    (folder / "jwks.json").write_text('{"keys": []}')
    said = dict.fromkeys(("APP_DSN", "CONSUMER_DSN", "RELAY_DSN"), intake.dsns[0]) | {
        "KEYRING_DSN": intake.dsns[1], "KEYRING_MASTER_KEYS_FILE": str(folder / "master.json"),
        "IDENTITY_KEY_FILE": str(folder / "identity.key"), "TOKENS_JWKS_FILE": str(folder / "jwks.json"), "TOKENS_ISSUER": "i",
        "TOKENS_AUDIENCE": "a", "KAFKA_BOOTSTRAP_SERVERS": "localhost:1", "HTTP_PORT": "1",
    }  # fmt: skip
    return {**os.environ, **said}


def typed(intake: House, files: Files, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    kinds = ("previous", "current", "diplomas", "followed")
    given = [word for kind in kinds for word in (f"--{kind}", str(getattr(files, kind)))]
    root = ["--root", str(folder / "no-stack"), "--work", str(folder)]
    command = [str(Path(sys.executable).with_name("raccroche")), "intake", "campaign", "run", *root, *given, *more]
    return subprocess.run(command, env=environment(intake, folder), capture_output=True, text=True, check=False)


async def test_the_command_says_one_document_and_nothing_else(intake: House, files: Files, tmp_path: Path) -> None:
    ended = await asyncio.to_thread(typed, intake, files, tmp_path, "--reference-date", "2026-11-02", "--json")
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert (document["detected"], document["repeated"]) == (files.truth.dropouts, False)
    assert document["funnel"]["review"] == files.truth.review
    assert len(await detected_in(intake)) == files.truth.dropouts


async def test_a_file_with_another_header_is_refused_in_one_line(intake: House, files: Files, tmp_path: Path) -> None:
    swapped = dict(vars(files)) | {"diplomas": files.followed}
    ended = await asyncio.to_thread(typed, intake, Files(**swapped), tmp_path, "--reference-date", "2026-11-02")
    assert ended.returncode == 2
    assert ended.stdout == "" and ended.stderr.startswith("campaign: diplomas: the header is not") and ended.stderr.count("\n") == 1
    assert await intake.events() == []
