"""The oracles can fail: each count is shown a history in which just that promise is broken, and a whole one in which none is."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from uuid import NAMESPACE_OID, UUID, uuid5

import pytest

from faults.clients import Call
from faults.evidence import Event, Evidence, Parked, Place, Record
from faults.oracles import (
    Broken,
    Findings,
    acknowledged,
    chained,
    copies_agree,
    folded,
    heard_to_the_end,
    judge,
    one_effect,
    projected,
    published,
    real_time,
    refused,
    set_aside,
    versions_dense,
)  # fmt: skip
from faults.playing import Row
from faults.report import GUARANTEES, bound, kills_by_guarantee, shortcomings
from faults.scenario import Scenario, Void, bitten

MANY = 4
SUBJECT = "specimen--1"


def _id(name: str) -> UUID:
    return uuid5(NAMESPACE_OID, name)


def _command(key: UUID) -> UUID:
    return uuid5(key, "ops POST /hold")


def _event(version: int) -> Event:
    return Event(
        event_id=_id(f"event {version}"), stream_id=f"offer-{SUBJECT}", stream_version=version, subject=SUBJECT,
        command_id=_command(_id(f"key {version}")), attributes=f"attributes {version}".encode(), body=f"body {version}".encode(),
    )  # fmt: skip


def _call(version: int) -> Call:
    event = _event(version)
    answer = {"command_id": str(event.command_id), "events": [{"id": str(event.event_id), "stream": event.stream_id, "version": version}]}
    return Call(
        command=_id(f"key {version}"), offer=SUBJECT, began=100 * version, ended=100 * version + 50, status=201,
        answer=json.dumps(answer).encode(),
    )  # fmt: skip


def _record(version: int, *, offset: int | None = None) -> Record:
    event = _event(version)
    headers = {"id": str(event.event_id), "streamversion": str(version), "digest": hashlib.sha256(event.body).hexdigest()}
    return Record(partition=0, offset=version - 1 if offset is None else offset, key=SUBJECT, headers=headers, value=event.body)


def _places(events: list[Event]) -> list[Place]:
    chain, found = bytes(32), []
    for sequence, event in enumerate(events, start=1):
        chain = hashlib.sha256(b"\x01" + chain + sequence.to_bytes(8, "big") + hashlib.sha256(event.attributes).digest()).digest()
        found.append(Place(sequence=sequence, event_id=event.event_id, chain=chain))
    return found


def _whole() -> Evidence:
    """Four commands on one stream, one refused, all said and heard."""
    events = [_event(version) for version in range(1, MANY + 1)]
    no = Call(command=_id("no"), offer=SUBJECT, began=900, ended=950, status=409, answer=b"{}")
    return Evidence(
        calls=[*(_call(version) for version in range(1, MANY + 1)), no], events=events, places=_places(events),
        answers={**{event.command_id: 200 for event in events}, _command(_id("no")): 409},
        records=[_record(version) for version in range(1, MANY + 1)], rows={SUBJECT: folded(events)},
        marks={0: MANY}, ends={0: MANY}, watermarks={f"offer-{SUBJECT}": MANY},
    )  # fmt: skip


type Check = Callable[[Evidence], Iterator[Broken]]

WHOLE = _whole()
SWAPPED = [WHOLE.records[1], WHOLE.records[0], *WHOLE.records[2:]]
LATE = replace(WHOLE.calls[0], began=1_000, ended=1_050)
NO_ANSWER = {command: status for command, status in WHOLE.answers.items() if status == 200}
EVENT_OF_REFUSED = replace(WHOLE.events[3], command_id=_command(_id("no")))
COUNTED = WHOLE.rows[SUBJECT]

BROKEN: dict[str, tuple[Check, str, Evidence]] = {
    "an acknowledged event is not in the store": (acknowledged, "lost", replace(WHOLE, events=WHOLE.events[:3])),
    "a refused command left an event": (refused, "phantom", replace(WHOLE, events=[*WHOLE.events[:3], EVENT_OF_REFUSED])),
    "a refusal is not kept for its repetition": (refused, "lost", replace(WHOLE, answers=NO_ANSWER)),
    "two copies have two answers": (copies_agree, "double_effects", replace(WHOLE, calls=[*WHOLE.calls, replace(WHOLE.calls[0], answer=WHOLE.calls[0].answer + b" ")])),
    "a stream has a hole": (versions_dense, "lost", replace(WHOLE, events=[WHOLE.events[0], *WHOLE.events[2:]])),
    "a version is there twice": (versions_dense, "lost", replace(WHOLE, events=[*WHOLE.events, replace(WHOLE.events[0], event_id=_id("again"))])),
    "what was sent later is older": (real_time, "out_of_order", replace(WHOLE, calls=[LATE, *WHOLE.calls[1:]])),
    "one command has two events": (one_effect, "double_effects", replace(WHOLE, events=[*WHOLE.events[:3], replace(WHOLE.events[3], command_id=WHOLE.events[0].command_id)])),
    "an event was never said": (published, "lost", replace(WHOLE, records=WHOLE.records[:3])),
    "a record has no event": (published, "phantom", replace(WHOLE, records=[*WHOLE.records, replace(_record(MANY), headers={**_record(MANY).headers, "id": "?"})])),
    "records are in another order": (published, "out_of_order", replace(WHOLE, records=SWAPPED)),
    "a subject is in two partitions": (published, "out_of_order", replace(WHOLE, records=[*WHOLE.records[:3], replace(WHOLE.records[3], partition=1)])),
    "a record has other bytes": (published, "differences", replace(WHOLE, records=[*WHOLE.records[:3], replace(WHOLE.records[3], value=b"other")])),
    "a place is missing": (chained, "lost", replace(WHOLE, places=WHOLE.places[:3])),
    "the chain is another": (chained, "differences", replace(WHOLE, places=[*WHOLE.places[:3], replace(WHOLE.places[3], chain=bytes(32))])),
    "an effect is missing": (projected, "differences", replace(WHOLE, rows={SUBJECT: folded(list(WHOLE.events[:3]))})),
    "an effect was had twice": (projected, "double_effects", replace(WHOLE, rows={SUBJECT: replace(COUNTED, times=MANY + 1)})),
    "effects were had in another order": (projected, "differences", replace(WHOLE, rows={SUBJECT: replace(COUNTED, trail="another")})),
    "a partition is not heard to its end": (heard_to_the_end, "lost", replace(WHOLE, marks={0: 3})),
    "a watermark is behind": (heard_to_the_end, "differences", replace(WHOLE, watermarks={f"offer-{SUBJECT}": 3})),
    "a record waits for ever": (heard_to_the_end, "lost", replace(WHOLE, waiting=1)),
    "a good record was set aside": (set_aside, "differences", replace(WHOLE, parked=[Parked(subject=SUBJECT, readable=True)])),
    "poison is nowhere": (set_aside, "lost", replace(WHOLE, poison=1)),
    "what a mended bug had hidden is still set aside": (set_aside, "lost", replace(WHOLE, mended=True, parked=[Parked(subject="bad", readable=True)])),
    "something unreadable was set aside that nobody poisoned": (set_aside, "differences", replace(WHOLE, parked=[Parked(subject=None, readable=False)])),
}  # fmt: skip


def test_a_whole_history_breaks_no_promise():
    assert judge(WHOLE).words == []
    assert judge(replace(WHOLE, records=[*WHOLE.records, _record(MANY, offset=MANY)], repeats_allowed=1)).broken == 0


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_found(name: str):
    check, count, evidence = BROKEN[name]
    found = [f"{what}: {number} {words}" for what, number, words in check(evidence) if number and what == count]
    assert found, "the check that is there for it sees nothing"
    assert set(found) <= set(judge(evidence).words), "the judgement leaves that check out"


def test_more_said_again_than_the_faults_explain_is_found():
    assert judge(replace(WHOLE, records=[*WHOLE.records, _record(MANY, offset=MANY)])).differences == 1


def test_a_fault_that_never_bit_makes_the_run_void():
    ground = SimpleNamespace(deaths=Counter({"bitten by a failpoint": 1}), struck=Counter(struck=2), came_of_it=Counter(came=1))
    bitten(ground, "bitten by a failpoint", "struck", "came")
    with pytest.raises(Void, match="never bit: nothing of the kind"):
        bitten(ground, "struck", "nothing of the kind")


def _row(guarantee: str, **more) -> Row:
    async def play(_) -> None: ...

    return Row(scenario=Scenario(name=f"of {guarantee}", guarantee=guarantee, play=play), **more)


ALL_CAUGHT = {guarantee: {"caught": 1, "tried": 1} for guarantee in GUARANTEES}
ALL_PLAYED = [_row(guarantee, kills=20) for guarantee in GUARANTEES]


def test_a_run_counts_with_a_scenario_a_mutant_and_kills_enough():
    assert shortcomings(ALL_PLAYED, ALL_CAUGHT, whole=True, smoke=False) == []


@pytest.mark.parametrize(
    ("rows", "mutants"),
    [
        ([], ALL_CAUGHT),
        (ALL_PLAYED[1:], ALL_CAUGHT),
        (ALL_PLAYED, {}),
        (ALL_PLAYED, {**ALL_CAUGHT, "G3": {"caught": 1, "tried": 2}}),
        ([_row(guarantee, kills=1) for guarantee in GUARANTEES], ALL_CAUGHT),
    ],
    ids=["nothing played", "no scenario of G1", "no mutants", "a mutant not caught", "too few kills"],
)
def test_a_run_without_one_of_these_does_not_count(rows: list[Row], mutants: dict):
    assert shortcomings(rows, mutants, whole=True, smoke=False)


def test_a_row_is_sound_only_without_trouble_and_without_a_broken_promise():
    assert _row("G1").sound
    assert not _row("G1", trouble="void: never bit").sound
    assert not _row("G1", findings=Findings(lost=1)).sound


def test_only_kills_of_sound_rows_give_a_bound():
    kills = kills_by_guarantee([_row("G1", kills=300), _row("G2", kills=300, trouble="void")])
    assert bound(kills["G1"]) == pytest.approx(0.01)
    assert bound(kills["G2"]) is None
