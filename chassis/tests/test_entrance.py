"""A service's package as people start it: what is wrong is one sentence and status 2; what is answered is said twice, for programs and for people."""

import time

import pytest

from chassis.answers import planned, rebuilt, redriven
from chassis.comparing import Comparison
from chassis.entrance import start
from chassis.planning import Plan
from chassis.progress import Progress
from chassis.rebuild import Rebuilt
from chassis.redrive import Redriven

EQUAL = Comparison(equal=7, only_live=0, only_rebuilt=0, different=0, named=())
ONE_DIFFERS = Comparison(equal=6, only_live=0, only_rebuilt=0, different=1, named=(("k", "different"),))


def a_rebuild(comparison: Comparison, *, switched: bool, resumed: bool = False) -> Rebuilt:
    return Rebuilt(
        records=100, seconds=2.0, paused_seconds=0.1, resumed=resumed, comparison=comparison, failed=(), switched=switched,
    )  # fmt: skip


@pytest.mark.parametrize(
    "argv",
    [["rebuild"], ["unknown"], ["discard", "7"], ["discard", "seven", "--because", "x"], ["redrive", "--foreign"], ["parked"]],
    ids=["no projection", "no such job", "no reason", "no number", "no such option", "no settings"],
)
def test_bad_usage_ends_with_two_and_says_nothing_on_standard_output(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        start("specimen", argv, {}, build=lambda _: pytest.fail("nothing is opened"))
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err


def test_a_missing_setting_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        start("specimen", ["parked"], {"APP_DSN": "x"}, build=lambda _: pytest.fail("nothing is opened"))
    assert "CONSUMER_DSN" in capsys.readouterr().err


def test_a_rebuild_that_differs_fails_names_the_rows_and_says_what_can_be_done() -> None:
    answer = rebuilt("counted", a_rebuild(ONE_DIFFERS, switched=False))
    assert not answer.good
    assert answer.lines[1:] == [
        "rows: 6 equal, 1 different, 0 only live, 0 only rebuilt",
        "  k: different",
        "counted stays as it was",
        "if what is rebuilt is right (the code was changed, or somebody damaged the table): --accept",
    ]
    assert "--anew" in rebuilt("counted", a_rebuild(ONE_DIFFERS, switched=False, resumed=True)).lines[-1]


def test_a_rebuild_that_is_equal_is_good() -> None:
    answer = rebuilt("counted", a_rebuild(EQUAL, switched=True))
    assert (answer.good, answer.lines[-1]) == (True, "counted is switched to the rebuilt table")


def test_a_redrive_is_good_when_nothing_stays() -> None:
    had, stays = Redriven(subject="a", resolved=(1, 2), stays=()), Redriven(subject="b", resolved=(), stays=((3, "why"),))
    assert redriven([had], dry_run=False).good
    assert not redriven([had, stays], dry_run=True).good
    assert redriven([had, stays], dry_run=True).lines == [
        "a: 2 would be had, 0 stay",
        "b: 0 would be had, 1 stay",
        "  3: why",
        "2 would be had, 1 stay",
    ]


def test_a_plan_counts_what_a_killed_rebuild_had_heard() -> None:
    plan = Plan(records={"t": 100_000}, heard_before=40_000, rows=3, bytes=2_000_000, parked=1, waiting=2)
    assert planned("counted", plan).lines == [
        "t: 100,000 records",
        "counted: 3 rows, 2.0 MB",
        "set aside: 1; waiting for an earlier fact: 2",
        "about 3 s; 40,000 records were heard by a rebuild that was killed",
    ]


def test_progress_is_told_once_it_takes_long_with_its_rate_and_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(what="records")(50, 100)
    assert capsys.readouterr().err == ""
    slow = Progress(what="records", began=time.monotonic() - 10)
    slow(50, 100)
    slow(51, 100)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "50 of 100 records, 5/s, 10 s left\n")
