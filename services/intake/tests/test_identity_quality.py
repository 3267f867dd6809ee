"""How well persons are recognised, on a smaller set than docs/identity.md publishes; and what likeness sees that the rule does not merge."""

from datetime import date

import pytest
from identity_quality import Intake, Line, Quality, measure
from intake_specimens import identity

from contracts.intake import Criterion
from contracts.personal import Identity
from intake.identity import Digests, Known, Nobody
from intake.likeness import likenesses, score_of, sound

DIGESTS = Digests(key=b"k" * 32)


@pytest.fixture(scope="module", params=[1, 2, 3])
def found(request: pytest.FixtureRequest) -> Quality:
    return measure(3000, request.param)


def test_nobody_is_merged_wrongly(found: Quality) -> None:
    assert found.wrong == 0


def test_most_are_merged_and_nearly_all_are_merged_or_shown(found: Quality) -> None:
    assert found.recall >= 0.90
    assert found.seen >= 0.985


def test_most_pairs_that_a_human_looks_at_are_right(found: Quality) -> None:
    assert found.review_precision >= 0.70


def test_the_measure_tells_a_wrong_merge() -> None:
    """What the rule cannot see: a namesake born on the same day in the same commune, one of whom comes without INE."""
    taken = Intake()
    taken.take(Line(truth=1, identity=identity(), noise=frozenset()))
    decided, _ = taken.take(Line(truth=2, identity=identity(ine=None), noise=frozenset()))
    assert isinstance(decided, Known)
    assert taken.truth[decided.person_id] != 2


def shared(one: Identity, other: Identity) -> set[Criterion]:
    mine, theirs = (dict.fromkeys(likenesses(DIGESTS, each)) for each in (one, other))
    return {criterion for criterion, _ in mine.keys() & theirs.keys()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ine": "9876543210A"}, "same_names"),
        ({"family_name": "Maïa", "first_names": ("Duvallon",)}, "names_swapped"),
        ({"family_name": "Duvalon", "first_names": ("Maya",)}, "names_sound_alike"),
        ({"family_name": "Arbelin"}, "family_name_differs"),
        ({"first_names": ("Marie",)}, "first_name_differs"),
        ({"birth_date": date(2008, 5, 17)}, "birth_date_differs"),
    ],
)
def test_what_differs_is_named(changes: dict[str, object], expected: Criterion) -> None:
    assert expected in shared(identity(), identity(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"family_name": "Arbelin", "first_names": ("Zoé",)},
        {"birth_date": date(2009, 11, 3)},
        {"family_name": "Arbelin", "birth_commune": "75113"},
        {"first_names": ("Zoé",)},
    ],
)
def test_others_are_not_alike(changes: dict[str, object]) -> None:
    assert shared(identity(), identity(**changes)) == set()


def test_day_and_month_may_change_places() -> None:
    assert shared(identity(birth_date=date(2008, 5, 4)), identity(birth_date=date(2008, 4, 5))) == {"birth_date_differs"}


def test_spellings_of_one_sound() -> None:
    assert len({sound(name) for name in ("Thibault", "THIBAUD", "Tibault")}) == 1
    assert sound("Duvallon") != sound("Arbelin")


def test_likeness_depends_on_the_key() -> None:
    assert not set(likenesses(DIGESTS, identity())) & set(likenesses(Digests(key=b"l" * 32), identity()))


def test_the_surest_criterion_is_the_score() -> None:
    assert score_of(["first_name_differs", "names_swapped"]) == score_of(["names_swapped"]) > score_of(["first_name_differs"])


def test_what_many_share_proposes_nobody_and_few_are_proposed_to_a_human() -> None:
    taken = Intake()
    shown = [len(taken.take(Line(truth=n, identity=identity(ine=f"{n:010d}A"), noise=frozenset()))[1]) for n in range(30)]
    assert shown == [*range(21), *[0] * 9]


def test_a_merge_is_never_made_on_likeness() -> None:
    taken = Intake()
    taken.take(Line(truth=1, identity=identity(), noise=frozenset()))
    decided, shown = taken.take(Line(truth=1, identity=identity(ine=None, family_name="Duvalon"), noise=frozenset()))
    assert isinstance(decided, Nobody)
    assert shown
