"""Clocks tell aware UTC; given / when / then fails when the rule is broken."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from specimens import NOON, SEATS, HoldSeat, seats

from chassis import clock as clock_room
from chassis.clock import OffsetClock, WallClock
from chassis.testing import FixedClock, given

HOLD = HoldSeat(offer_id="specimen--1")


def ahead(clock: OffsetClock) -> int:
    return round((clock.now() - datetime.now(UTC)).total_seconds())


def test_the_wall_clock_is_in_utc() -> None:
    assert WallClock().now().utcoffset() == timedelta()


def test_an_offset_is_read_again_and_nonsense_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, file = 0.0, tmp_path / "offset"
    monkeypatch.setattr(clock_room, "monotonic", lambda: seconds)
    clock = OffsetClock(file)
    assert ahead(clock) == 0
    file.write_text("7776000\n")
    assert ahead(clock) == 0
    seconds = 1.0
    assert ahead(clock) == 7_776_000
    for nonsense in ("", "soon", "9" * 30):
        file.write_text(nonsense)
        seconds += 1
        assert ahead(clock) == 7_776_000


def test_a_fixed_clock_stands_until_moved_and_wants_a_time_zone() -> None:
    clock = FixedClock(NOON)
    clock.move(timedelta(days=1))
    assert clock.now() == NOON + timedelta(days=1)
    with pytest.raises(ValueError, match="time zone"):
        FixedClock(datetime(2026, 1, 1))


def test_given_when_then_agrees_with_the_rule() -> None:
    given(SEATS, seats(1)).when(HOLD).then(seats(2))
    given(SEATS, seats(40)).when(HOLD).then_refused("no seat is free")


def test_given_when_then_fails_when_the_rule_is_broken() -> None:
    done, refused = given(SEATS, seats(1)).when(HOLD), given(SEATS, seats(40)).when(HOLD)
    for broken in (
        lambda: done.then(seats(3)), done.then_nothing, lambda: done.then_refused("no seat is free"),
        lambda: refused.then(seats(41)), refused.then_nothing, lambda: refused.then_refused("another reason"),
    ):  # fmt: skip
        with pytest.raises(AssertionError):
            broken()
