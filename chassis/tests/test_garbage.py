"""A service that looks seldom for cycles looks for them all the same."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from chassis import garbage


class Knot:
    """Holds itself, so that only a look frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_knot_made_afterwards_is_freed_once_enough_was_made() -> None:
    garbage.look_seldom()
    knot = weakref.ref(Knot())
    kept: list[list[int]] = [[number] for number in range(garbage.YOUNG + 1)]
    assert knot() is None
    assert len(kept) == garbage.YOUNG + 1


def test_fewer_objects_than_that_are_not_looked_through() -> None:
    garbage.look_seldom()
    knot = weakref.ref(Knot())
    kept: list[list[int]] = [[number] for number in range(garbage.YOUNG // 2)]
    assert knot() is not None
    assert len(kept) == garbage.YOUNG // 2


def test_what_was_made_before_is_never_looked_through_again() -> None:
    kept = Knot()
    garbage.look_seldom()
    assert all(kept is not one for one in gc.get_objects())
