"""Kept lines decided again after a rule changed: the difference first, nothing written by a plan, once by an application."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from intake_house import FreshDatabase
from intake_specimens import leaver, leavers_csv
from test_intake_api_on_postgresql import OPS, SENDER, Entrance, opened_entrance, token

from contracts.intake import DropoutDetected, ExitSeen, Finding, ListClosed, ListLineHeld, ListLineReconsidered
from intake import cleaning, sorting, validation
from intake.batch import CELLS
from intake.formats.cells import Cells, GuardianCells
from intake.identity import Nobody
from intake.reader import Reader

pytestmark = pytest.mark.stack

LIST = UUID(int=401)
TABLES = ("events", "commands", "line_verdict", "identity_token", "touched", "person_derived", "enrolment_snapshot", "lists", "timers")


@pytest.fixture
async def door(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Entrance]:
    async with opened_entrance(fresh_database, tmp_path) as opened:
        yield opened


async def take(door: Entrance, *rows: dict[str, str], lines: tuple[str, ...] = ()) -> None:
    assert (await door.put(leavers_csv(*rows, lines=lines), list_id=LIST)).status_code == 202
    reader = door.parts.workers[0].__self__  # type: ignore[attr-defined]  # the object whose `run` the worker is
    assert isinstance(reader, Reader)
    while await reader.read_next():
        pass


async def plan(door: Entrance) -> dict[str, object]:
    answer = await door.client.get(f"/lists/{LIST}/reprocess", headers=OPS)
    assert answer.status_code == 200
    return dict(answer.json())


async def apply(door: Entrance, key: UUID | None = None) -> dict[str, object]:
    answer = await door.client.post(f"/lists/{LIST}/reprocess", headers={**OPS, "Idempotency-Key": str(key or uuid4())})
    assert answer.status_code == 200
    return dict(answer.json())


async def rows_of(door: Entrance) -> dict[str, str]:
    """A digest of every table, made by the database."""
    return {
        name: await door.house.pool.fetchval(f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {name} t")
        for name in TABLES
    }


@pytest.fixture
def stricter(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The rule of yesterday: no name with a hyphen. `undo` makes it today's."""
    monkeypatch.setattr(cleaning, "NAME", re.compile(r"[A-Za-zÀ-ÿ ]{1,200}"))
    return monkeypatch


async def test_a_plan_shows_the_difference_and_writes_nothing(door: Entrance, stricter: pytest.MonkeyPatch) -> None:
    await take(door, leaver(nom="DUVAL-LON"), leaver(ine="", nom="ARBELIN"), leaver(ine="", nom="1234"))
    stricter.undo()
    before = await rows_of(door)
    assert await plan(door) == {
        "applied": False, "considered": 3, "gone": 0,
        "lines": [
            {"line": 2, "was": {"verdict": "rejected", "rules": ["NAME_INVALID"]}, "would_be": {"verdict": "accepted", "findings": []},
             "applies": True},
        ],
    }  # fmt: skip
    assert await rows_of(door) == before


async def test_an_application_says_the_facts_the_verdict_and_the_detection_once(door: Entrance, stricter: pytest.MonkeyPatch) -> None:
    await take(door, leaver(nom="DUVAL-LON"), leaver(ine="", nom="ARBELIN"), leaver(ine="", nom="1234"))
    stricter.undo()
    key = uuid4()
    assert len((await apply(door, key))["lines"]) == 1  # type: ignore[arg-type]  # a list
    assert await door.house.events(ListLineReconsidered) == [
        ListLineReconsidered(list_id=LIST, line=2, was="rejected", verdict="accepted", findings=())
    ]
    assert {event.line for event in await door.house.events(ExitSeen) if isinstance(event, ExitSeen)} == {2, 3}
    assert len(await door.house.events(DropoutDetected)) == 2
    shown = (await door.client.get(f"/lists/{LIST}", headers=SENDER)).json()
    assert (shown["lines"], shown["accepted"], shown["rejected"]) == (3, 2, 1)
    sealed = await door.house.pool.fetch("select line from line_verdict where sealed_line is not null")
    assert [row["line"] for row in sealed] == [4]
    before = await rows_of(door)
    for again in (key, uuid4()):
        assert (await apply(door, again))["lines"] == []
    assert await rows_of(door) == before
    assert (await plan(door))["lines"] == []


async def test_a_person_who_was_decided_upon_is_decided_upon_again(door: Entrance, stricter: pytest.MonkeyPatch) -> None:
    """The line that was taken first proves no 15 days; the one that is taken now does."""
    short = leaver(date_naissance="2005-05-14", date_entree="2025-11-20")
    await take(door, short, leaver(date_naissance="2005-05-14", nom="DU-VERNET", date_sortie="2025-12-02"))
    assert await door.house.events(DropoutDetected) == []
    stricter.undo()
    await apply(door)
    assert len({event.subject for event in await door.house.events(ExitSeen)}) == 1
    assert len(await door.house.events(DropoutDetected)) == 1


async def test_a_held_line_is_taken_when_the_rule_of_identity_changes(door: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    await take(door, leaver(), leaver(nom="ARBELIN", prenom="Tom", date_naissance="2007-01-01"))
    assert len(await door.house.events(ListLineHeld)) == 1
    assert (await plan(door))["lines"] == []
    monkeypatch.setattr(sorting, "resolve", lambda *_: Nobody())
    shown = await plan(door)
    (line,) = shown["lines"]  # type: ignore[misc]  # JSON
    assert (line["line"], line["was"], line["applies"]) == (3, {"verdict": "held", "rules": ["IDENTITY_CONFLICT"]}, True)
    assert line["would_be"]["verdict"] == "accepted_with_remarks"
    assert [one["rule"] for one in line["would_be"]["findings"]] == ["INE_OF_ANOTHER"], "the other keeps the INE"


async def test_an_under_16_who_was_rejected_for_something_else_is_no_longer_kept(door: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as yesterday:
        yesterday.setattr(validation, "KEPT_FROM_AGE", 15)
        await take(door, leaver(nom="", date_naissance="2010-06-01"))
    assert await door.house.pool.fetchval("select sealed_line is not null from line_verdict")
    await apply(door)
    row = await door.house.pool.fetchrow("select verdict, fields, rules, hmac, sealed_line from line_verdict")
    assert tuple(row) == ("not_kept", [], [], None, None)
    shown = (await door.client.get(f"/lists/{LIST}", headers=SENDER)).json()
    assert (shown["rejected"], shown["not_kept"]) == (0, 1)


async def test_an_accepted_line_that_today_would_be_rejected_is_shown_and_stays(door: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    await take(door, leaver(), leaver(ine="", nom="ARBELIN"))
    assert (await plan(door))["lines"] == []
    monkeypatch.setattr(validation, "OLDEST", 17)
    monkeypatch.setattr(validation, "KEPT_FROM_AGE", 18)
    before = await rows_of(door)
    lines = (await plan(door))["lines"]
    assert [(one["line"], one["was"]["verdict"], one["would_be"]["verdict"], one["applies"]) for one in lines] == [  # type: ignore[attr-defined]  # JSON
        (2, "accepted", "not_kept", False), (3, "accepted", "not_kept", False),
    ]  # fmt: skip
    assert (await apply(door))["lines"] == []
    assert await rows_of(door) == before


async def test_what_is_no_longer_kept_or_never_was_cells_is_counted_as_gone(door: Entrance, stricter: pytest.MonkeyPatch) -> None:
    await take(door, leaver(nom="DUVAL-LON"), lines=("one;two",))
    stricter.undo()
    assert (await plan(door))["gone"] == 1
    door.house.clock.move(timedelta(days=31))
    reader = door.parts.workers[0].__self__  # type: ignore[attr-defined]  # as above
    await reader.read_next()
    shown = await plan(door)
    assert (shown["considered"], shown["gone"], shown["lines"]) == (0, 2, [])


async def test_only_ops_and_only_a_list_that_is_read(door: Entrance) -> None:
    await door.put(leavers_csv(leaver()), list_id=LIST)
    path = f"/lists/{LIST}/reprocess"
    for headers in (SENDER, token("analyst"), token("adviser", territory=["44"]), token("platform")):
        assert (await door.client.get(path, headers=headers)).status_code == 403
        assert (await door.client.post(path, headers={**headers, "Idempotency-Key": str(uuid4())})).status_code == 403
    assert (await door.client.get(path, headers=OPS)).status_code == 404
    assert (await door.client.post(path, headers={**OPS, "Idempotency-Key": str(uuid4())})).status_code == 404
    assert await door.house.events(ListClosed) == []


async def test_two_applications_at_the_same_time_write_once(door: Entrance, stricter: pytest.MonkeyPatch) -> None:
    await take(door, leaver(nom="DUVAL-LON"))
    stricter.undo()
    done = await asyncio.gather(*(apply(door) for _ in range(4)))
    assert sorted(len(one["lines"]) for one in done) == [0, 0, 0, 1]  # type: ignore[arg-type]  # lists
    assert len(await door.house.events(ListLineReconsidered)) == 1 and len(await door.house.events(ExitSeen)) == 1


async def test_kept_cells_are_read_again_as_they_were(door: Entrance) -> None:
    guardian = GuardianCells(family_name="DUVALLON", phones=("0612345679",))
    found = Finding(field="nom", rule="NAME_INVALID")
    cells = Cells(line=7, kind="leaver", uai="0440074S", ine="0123456789A", first_names=("Maïa",), guardians=(guardian,), findings=(found,))
    assert CELLS.validate_json(CELLS.dump_json(cells)) == cells
    await take(door, leaver(nom="", telephone="06 12"))
    keys = (await door.house.keyring.keys([LIST]))[LIST]
    kept = keys.open_bytes("list", "line", await door.house.pool.fetchval("select sealed_line from line_verdict"))
    assert CELLS.validate_json(kept).phones == ("06 12",)
