"""The whole reader on a real PostgreSQL: facts, detections, resumption, repeats, and what may not remain."""

import asyncio
import signal
import sys
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from intake_house import House
from intake_specimens import (
    ELEVE,
    LEAVER,
    OTHER_UAI,
    RESPONSABLES,
    UAI,
    eleves_xml,
    enrolment,
    enrolments_csv,
    leaver,
    leavers_csv,
    sifa_line,
    zipped,
)
from structlog.testing import capture_logs

from chassis.handler import KeyReused
from contracts.intake import (
    DiplomaSeen,
    DropoutDetected,
    DropoutWithdrawn,
    EnrolmentSeen,
    ExitSeen,
    ListClosed,
    ListLineHeld,
    ListLineRejected,
    ListReceived,
)
from contracts.personal import Contact, Identity
from intake import lists
from intake.formats.cells import ListRefused
from intake.reader import LEFT_ALONE

pytestmark = pytest.mark.stack

FIRST, SECOND, THIRD = UUID(int=101), UUID(int=102), UUID(int=103)
LATER = date(2026, 3, 15)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def crowd(count: int) -> list[dict[str, str]]:
    """Different people, by INE and name."""
    return [leaver(ine=f"{n:010d}A", nom=f"DUVAL{''.join(LETTERS[int(digit)] for digit in str(n))}") for n in range(1, count + 1)]


async def test_a_leaver_becomes_a_fact_a_detection_and_a_closed_list_without_body(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.read_all()
    events = await intake.events()
    assert [type(event) for event in events] == [ListReceived, ExitSeen, DiplomaSeen, DropoutDetected, ListClosed]
    _, exit_seen, _, detected, closed = events
    assert isinstance(exit_seen, ExitSeen) and isinstance(detected, DropoutDetected) and isinstance(closed, ListClosed)
    assert (detected.identity, detected.contact, detected.guardians) == (exit_seen.identity, exit_seen.contact, exit_seen.guardians)
    assert (detected.flags.l313_7, detected.flags.obligation_formation, detected.departement) == (True, True, "44")
    assert (closed.lines, closed.accepted) == (1, 1)
    assert await intake.pool.fetchval("select count(*) from list_part") == 0
    assert len(detected.facts) == 2


async def test_what_is_sealed_opens_with_the_persons_keys_only(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.read_all()
    (seen,) = await intake.events(ExitSeen)
    assert isinstance(seen, ExitSeen) and seen.contact is not None
    keys = (await intake.keyring.keys([seen.person_id]))[seen.person_id]
    assert keys.open(seen.identity, Identity).family_name == "DUVALLON"
    assert keys.open(seen.contact, Contact).phones == ("+33612345678",)


async def test_siecle_and_sifa_go_the_same_way(intake: House) -> None:
    await intake.send(FIRST, sifa_line(INE_RNIE="0123456789A").encode(), list_format="sifa", reference_date=date(2025, 12, 31))
    await intake.send(SECOND, zipped(e=eleves_xml(ELEVE), r=RESPONSABLES), list_format="siecle")
    await intake.read_all()
    assert len(await intake.events(ExitSeen)) == 1
    (seen,) = await intake.events(EnrolmentSeen)
    assert isinstance(seen, EnrolmentSeen) and (seen.list_id, seen.line) == (FIRST, 1)


async def test_an_earlier_enrolment_elsewhere_keeps_a_leaver_from_being_detected(intake: House) -> None:
    await intake.send(FIRST, enrolments_csv(enrolment(uai=OTHER_UAI, date_entree="2025-12-05")), sender=OTHER_UAI)
    await intake.read_all()
    assert await intake.events(EnrolmentSeen) == []
    await intake.send(SECOND, leavers_csv(leaver()))
    await intake.read_all()
    assert len(await intake.events(EnrolmentSeen)) == 1
    assert await intake.events(DropoutDetected) == []
    assert await intake.pool.fetchval("select count(*) from enrolment_snapshot") == 0


async def test_a_late_enrolment_withdraws_the_detection(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.read_all()
    await intake.send(SECOND, enrolments_csv(enrolment(uai=OTHER_UAI)), sender=OTHER_UAI, reference_date=LATER)
    await intake.read_all()
    (withdrawn,) = await intake.events(DropoutWithdrawn)
    assert isinstance(withdrawn, DropoutWithdrawn) and withdrawn.reason == "enrolment_found"


async def test_enrolments_of_people_nobody_looks_for_are_no_events_and_hold_no_name(intake: House) -> None:
    await intake.send(FIRST, enrolments_csv(enrolment()))
    await intake.read_all()
    assert [type(event) for event in await intake.events()] == [ListReceived, ListClosed]
    assert await intake.pool.fetchval("select count(*) from identity_token") == 0
    assert "DUVALLON" not in await intake.pool.fetchval("select enrolment_snapshot::text from enrolment_snapshot")


async def test_verdicts_add_up_and_the_good_lines_are_kept(intake: House) -> None:
    rows = [
        leaver(),
        leaver(),
        leaver(telephone="12", ine="0000000001A", nom="ARBELIN"),
        leaver(nom=""),
        leaver(date_naissance="2007-01-01"),
    ]
    body = leavers_csv(
        *rows, lines=("a;b", ";".join(leaver(nom='"CORVAL').values()), ";".join(leaver(date_naissance="2012-01-01").values()))
    )
    await intake.send(FIRST, body)
    await intake.read_all()
    assert await intake.verdicts(FIRST) == [
        (2, "accepted", ()),
        (3, "accepted_with_remarks", ("DUPLICATE_LINE",)),
        (4, "accepted_with_remarks", ("PHONE_INVALID",)),
        (5, "rejected", ("MISSING_FIELD",)),
        (6, "held", ("IDENTITY_CONFLICT",)),
        (7, "rejected", ("COLUMN_COUNT",)),
        (8, "rejected", ("UNTERMINATED_QUOTE",)),
        (9, "not_kept", ()),
    ]
    (closed,) = await intake.events(ListClosed)
    assert closed == ListClosed(list_id=FIRST, lines=8, accepted=1, accepted_with_remarks=2, rejected=3, held=1, not_kept=1)
    assert len(await intake.events(ListLineRejected)) == 3 and len(await intake.events(ListLineHeld)) == 1
    assert len(await intake.events(ExitSeen)) == 2


async def test_of_an_under_16_only_the_verdict_remains(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver(date_naissance="2012-01-01")))
    await intake.read_all()
    row = await intake.pool.fetchrow("select verdict, fields, rules, hmac, sealed_line from line_verdict")
    assert row is not None and tuple(row) == ("not_kept", [], [], None, None)
    assert [type(event) for event in await intake.events()] == [ListReceived, ListClosed]


async def test_refused_lines_lie_under_the_lists_key_for_thirty_days(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver(nom="")))
    await intake.read_all()
    sealed = await intake.pool.fetchval("select sealed_line from line_verdict")
    keys = (await intake.keyring.keys([FIRST]))[FIRST]
    assert b"0123456789A" in keys.open_bytes("list", "line", sealed)
    intake.clock.move(timedelta(days=31))
    await intake.read_all()
    assert await intake.pool.fetchval("select sealed_line is null from line_verdict")


async def test_no_name_or_number_lies_open_in_the_database(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver(), leaver(nom="", prenom="Ombeline")))
    await intake.read_all()
    tables = [row["name"] for row in await intake.pool.fetch("select tablename as name from pg_tables where schemaname = 'public'")]
    readable = [name for name in tables if await intake.pool.fetchval("select has_table_privilege($1, 'select')", name)]
    assert {"lists", "line_verdict", "identity_token", "events", "commands", "outbox"} <= set(readable)
    rows = [row["line"] for name in readable for row in await intake.pool.fetch(f"select t::text as line from {name} t")]
    bodies = [bytes(row["body"]).decode() for row in await intake.pool.fetch("select body from events")]
    everything = "\n".join(rows + bodies)
    assert [secret for secret in ("DUVALLON", "Maïa", "Ombeline", LEAVER["ine"], "33612345678", "2008-05-14") if secret in everything] == []


async def test_sending_the_same_list_again_changes_nothing_and_another_body_is_refused(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.read_all()
    before = len(await intake.events())
    assert (await intake.send(FIRST, leavers_csv(leaver()))).repeated
    await intake.read_all()
    assert len(await intake.events()) == before
    with pytest.raises(KeyReused):
        await intake.send(FIRST, leavers_csv(leaver(nom="ARBELIN")))


async def test_the_same_lines_on_a_later_day_say_no_new_fact(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.send(SECOND, leavers_csv(leaver()), reference_date=LATER)
    await intake.read_all()
    assert len(await intake.events(ExitSeen)) == 1 and len(await intake.events(DropoutDetected)) == 1
    assert await intake.verdicts(SECOND) == [(2, "accepted", ())]


async def test_a_refused_file_leaves_no_list(intake: House) -> None:
    with pytest.raises(ListRefused, match="OUT_OF_MANDATE"):
        await intake.send(FIRST, leavers_csv(leaver(), leaver(uai=OTHER_UAI)))
    assert await intake.pool.fetchval("select count(*) from lists") == 0


async def test_two_lists_read_at_once_make_one_person_of_one(intake: House) -> None:
    people = crowd(250)
    await intake.send(FIRST, leavers_csv(*people))
    await intake.send(SECOND, leavers_csv(*(person | {"telephone": "0698765432"} for person in reversed(people))))
    await asyncio.gather(intake.read_all(), intake.read_all())
    assert await intake.pool.fetchval("select count(distinct person_id) from identity_token") == 250
    assert len(await intake.events(ExitSeen)) == 500 and len(await intake.events(DropoutDetected)) == 250


@pytest.mark.parametrize(
    ("point", "lines_left", "detections_left"),
    [("intake_mid_list:1", 250, 0), ("intake_mid_list:2", 50, 0), ("intake_mid_list:3", 0, 0), ("intake_mid_decisions:2", 0, 400)],
)  # fmt: skip
async def test_a_reader_that_is_killed_is_resumed_exactly(intake: House, point: str, lines_left: int, detections_left: int) -> None:
    await intake.send(FIRST, leavers_csv(*crowd(450)))
    script = str(Path(__file__).parent / "killed_reader.py")
    killed = await asyncio.create_subprocess_exec(sys.executable, script, *intake.dsns, point)
    assert await killed.wait() == -signal.SIGKILL
    assert len(await intake.events(ExitSeen)) == 450 - lines_left
    assert len(await intake.events(DropoutDetected)) == detections_left
    await intake.read_all()
    verdicts = await intake.verdicts(FIRST)
    assert [line for line, *_ in verdicts] == list(range(2, 452)) and {verdict for _, verdict, _ in verdicts} == {"accepted"}
    assert len(await intake.events(ExitSeen)) == 450 and len(await intake.events(DropoutDetected)) == 450
    assert len(await intake.events(ListClosed)) == 1


class Cut(Exception):
    """The process ends here."""


async def test_a_batch_that_is_cut_before_its_commit_leaves_nothing(intake: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await intake.send(FIRST, leavers_csv(leaver(), leaver(nom="")))
    advance = lists.advance

    async def cut(*all_of: object, **more: object) -> None:
        await advance(*all_of, **more)  # type: ignore[arg-type]  # passed on as they came
        raise Cut

    monkeypatch.setattr(lists, "advance", cut)
    with suppress(Cut):
        await intake.read_all()
    assert [type(event) for event in await intake.events()] == [ListReceived]
    assert await intake.pool.fetchval("select count(*) from identity_token") == 0
    monkeypatch.undo()
    await intake.read_all()
    assert len(await intake.events(ExitSeen)) == 1 and len(await intake.events(ListLineRejected)) == 1


async def test_progress_that_is_not_where_it_was_left_is_noticed(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    async with intake.pool.acquire() as connection:
        job = await lists.claim(connection)
        assert job is not None
        verdict = lists.LineVerdict(line=2, verdict="accepted")
        with pytest.raises(lists.ProgressLost):
            await lists.advance(connection, job, after=7, verdicts=[verdict], at=intake.clock.now())


async def test_a_list_that_another_reads_is_left_to_it(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    async with intake.pool.acquire() as one, intake.pool.acquire() as other:
        held = await lists.claim(one)
        assert held is not None and held.list_id == FIRST
        assert await lists.claim(other) is None


async def test_a_list_that_was_taken_and_cannot_be_read_holds_up_no_other_and_is_tried_again_after_a_while(intake: House) -> None:
    await intake.send(FIRST, leavers_csv(leaver()))
    await intake.send(SECOND, leavers_csv(leaver(ine="", nom="ARBELIN")))
    await intake.pool.execute("update lists set charset = 'none of ours' where list_id = $1", FIRST)
    with capture_logs() as said:
        assert [await intake.reader.read_next() for _ in range(3)] == [True, True, False]
    assert [(one["log_level"], one["list_id"], one["reason"]) for one in said] == [("error", FIRST, "ENCODING")]
    assert [one.list_id for one in await intake.events(ListClosed) if isinstance(one, ListClosed)] == [SECOND]
    assert await lists.pending(intake.pool) == 1

    await intake.pool.execute("update lists set charset = null where list_id = $1", FIRST)
    intake.clock.move(LEFT_ALONE - timedelta(seconds=1))
    assert not await intake.reader.read_next()
    intake.clock.move(timedelta(seconds=1))
    assert await intake.reader.read_next()
    assert (await lists.pending(intake.pool), intake.reader.unreadable) == (0, {})


async def test_two_thousand_leavers_are_each_given_the_enrolment_that_an_earlier_list_told(intake: House) -> None:
    people = crowd(2000)
    enrolled = [{**enrolment(uai=OTHER_UAI), **{name: person[name] for name in ("ine", "nom")}} for person in people]
    await intake.send(FIRST, enrolments_csv(*enrolled), sender=OTHER_UAI)
    await intake.send(SECOND, leavers_csv(*people), sender=UAI)
    await intake.read_all()
    assert len(await intake.events(EnrolmentSeen)) == 2000
