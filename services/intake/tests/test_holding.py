"""Which whole lists are held: every boundary on both sides."""

from datetime import date
from uuid import UUID

import pytest
from intake_specimens import REFERENCE

from contracts.intake import HoldReason
from intake.domain.holding import HOLDING_V1, Arrival, Doubts, Earlier, doubts_about

BEFORE, AFTER = date(2026, 1, 30), date(2026, 2, 1)
NOTHING = Doubts(reasons=(), usual=None, newer=None)


def earlier(*lines: int, on: date = REFERENCE) -> list[Earlier]:
    return [Earlier(list_id=UUID(int=n), reference_date=on, lines=count) for n, count in enumerate(lines, start=1)]


def doubts(lines: int, known: list[Earlier], *, of_others: bool = False) -> Doubts:
    return doubts_about(Arrival(reference_date=REFERENCE, lines=lines, earlier=known, of_others=of_others), HOLDING_V1)


def test_the_first_list_of_a_source_is_compared_with_nothing() -> None:
    assert doubts(100_000, []) == NOTHING
    assert doubts(100_000, earlier(30)) == NOTHING


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        (40, ("VOLUME_ANOMALY",)), (41, ()), (100, ()), (499, ()), (500, ("VOLUME_ANOMALY",)), (1, ("VOLUME_ANOMALY",)),
    ],
)  # fmt: skip
def test_sixty_percent_smaller_or_five_times_larger_than_usual_is_held(lines: int, reasons: tuple[HoldReason, ...]) -> None:
    found = doubts(lines, earlier(100, 100))
    assert (found.reasons, found.usual) == (reasons, 100)


@pytest.mark.parametrize(("lines", "usual", "held"), [(4, 19, False), (4, 20, True), (19, 2, False), (20, 2, True), (10, 20, False)])
def test_small_numbers_prove_nothing(lines: int, usual: int, held: bool) -> None:
    assert bool(doubts(lines, earlier(usual, usual)).reasons) is held


def test_usual_is_the_median_of_the_last_five() -> None:
    assert doubts(100, earlier(90, 5000, 100, 110, 95)).usual == 100
    assert doubts(100, earlier(100, 100, 100, 100, 100, 9999, 9999, 9999, 9999, 9999, 9999)).usual == 100
    assert doubts(100, earlier(80, 120)).usual == 80


def test_an_older_list_after_a_newer_one_is_held_and_the_newest_is_named() -> None:
    known = [*earlier(30, on=AFTER), Earlier(list_id=UUID(int=9), reference_date=date(2026, 3, 1), lines=30)]
    found = doubts(30, known)
    assert (found.reasons, found.newer) == (("LIST_OUT_OF_ORDER",), UUID(int=9))


@pytest.mark.parametrize("on", [REFERENCE, BEFORE])
def test_a_list_of_the_same_day_or_a_later_one_is_in_order(on: date) -> None:
    assert doubts(30, earlier(30, on=on)).reasons == ()


def test_an_establishment_of_another_sender_holds_the_list() -> None:
    assert doubts(30, [], of_others=True).reasons == ("TERRITORY_OF_ANOTHER",)


def test_all_reasons_are_told_together() -> None:
    found = doubts(1, earlier(100, 100, on=AFTER), of_others=True)
    assert found.reasons == ("LIST_OUT_OF_ORDER", "VOLUME_ANOMALY", "TERRITORY_OF_ANOTHER")
