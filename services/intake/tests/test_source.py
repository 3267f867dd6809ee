"""When a source is expected and silent: what is learned, both sides of each boundary, and what resumes it."""

from datetime import date, timedelta

import pytest
from intake_specimens import LIST, UAI

from chassis.testing import given
from contracts.intake import SourceExpected, SourceResumed, SourceSilent
from intake.domain.source import CADENCE_V1, SOURCE, FallSilent, HearSource, SetCadence, Source, learned_days, silent_after

DAY = date(2026, 2, 2)
OF = {"sender": UAI, "format": "csv", "content": "leavers"}
IT = Source(sender=UAI, format="csv", content="leavers")
EXPECTED = SourceExpected(**OF, basis="learned", every_days=30, heard_on=DAY, silent_after=date(2026, 3, 19))
SET = SourceExpected(**OF, basis="set", every_days=7, heard_on=DAY, silent_after=date(2026, 2, 12))
SILENT = SourceSilent(**OF, heard_on=DAY, silent_after=date(2026, 3, 19))
LATE = date(2026, 4, 7)


def days(*after: int) -> list[date]:
    return [DAY + timedelta(days=n) for n in after]


def hear(on: date, learned: int | None) -> HearSource:
    return HearSource(source=IT, list_id=LIST, heard_on=on, learned=learned)


@pytest.mark.parametrize(
    ("heard", "learned"),
    [
        (days(0), None), (days(0, 30), None), (days(0, 0, 30, 30), None), (days(0, 30, 60), 30), (days(60, 0, 30), 30),
        (days(0, 7, 37), 30), (days(0, 100, 200, 207, 214, 221, 228, 235), 7),
    ],
    ids=["once", "twice", "twice, several a day", "three days", "in any order", "the longer of two", "the last five intervals"],
)  # fmt: skip
def test_a_cadence_is_learned_from_three_days_on(heard: list[date], learned: int | None) -> None:
    assert learned_days(heard, CADENCE_V1) == learned


@pytest.mark.parametrize(("every", "after"), [(1, 3), (4, 6), (5, 7), (6, 9), (30, 45), (365, 547)])
def test_half_a_cadence_and_at_least_two_days_are_waited(every: int, after: int) -> None:
    assert silent_after(DAY, every, CADENCE_V1) == DAY + timedelta(days=after)


def test_a_source_of_which_too_little_is_known_is_not_expected() -> None:
    given(SOURCE).when(hear(DAY, None)).then_nothing()
    given(SOURCE).when(FallSilent(source=IT, silent_after=DAY)).then_nothing()


def test_each_list_moves_the_day_on() -> None:
    given(SOURCE).when(hear(DAY, 30)).then(EXPECTED)
    given(SOURCE, EXPECTED).when(hear(DAY, 30)).then_nothing()
    given(SOURCE, EXPECTED).when(hear(LATE, 20)).then(
        SourceExpected(**OF, basis="learned", every_days=20, heard_on=LATE, silent_after=date(2026, 5, 7))
    )


def test_a_source_falls_silent_once_and_only_if_no_list_came_meanwhile() -> None:
    ask = FallSilent(source=IT, silent_after=date(2026, 3, 19))
    given(SOURCE, EXPECTED).when(ask).then(SILENT)
    given(SOURCE, EXPECTED, SILENT).when(ask).then_nothing()
    later = SourceExpected(**OF, basis="learned", every_days=30, heard_on=LATE, silent_after=date(2026, 5, 22))
    given(SOURCE, EXPECTED, later).when(ask).then_nothing()


def test_the_next_list_of_a_silent_source_resumes_it() -> None:
    resumed = SourceResumed(**OF, list_id=LIST, heard_on=LATE)
    again = SourceExpected(**OF, basis="learned", every_days=30, heard_on=LATE, silent_after=date(2026, 5, 22))
    given(SOURCE, EXPECTED, SILENT).when(hear(LATE, 30)).then(resumed, again)
    given(SOURCE, EXPECTED, SILENT, resumed, again).when(FallSilent(source=IT, silent_after=date(2026, 5, 22))).then(
        SourceSilent(**OF, heard_on=LATE, silent_after=date(2026, 5, 22))
    )


def test_what_somebody_set_is_not_unlearned() -> None:
    given(SOURCE).when(SetCadence(source=IT, every_days=7, heard_on=DAY)).then(SET)
    given(SOURCE, SET).when(SetCadence(source=IT, every_days=7, heard_on=DAY)).then_nothing()
    given(SOURCE, EXPECTED, SET).when(hear(LATE, 30)).then(
        SourceExpected(**OF, basis="set", every_days=7, heard_on=LATE, silent_after=date(2026, 4, 17))
    )
    given(SOURCE, SET).when(hear(LATE, None)).then(
        SourceExpected(**OF, basis="set", every_days=7, heard_on=LATE, silent_after=date(2026, 4, 17))
    )
