"""No hidden count can be computed from all that is told: held to a solver that knows nothing of how the hiding is done."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain, combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.figures import OF_LISTS, sums_of_lists
from intake.reference.territories import ACADEMIES, REGIONS
from intake.small_cells import SMALL, Table, counts_of, hidden, published_total, sums_of

type Equation = tuple[frozenset[str], int]
"""These unknown counts add up to so many."""


def other_value(unknowns: Sequence[str], equations: Sequence[Equation], target: str, value: int) -> bool:
    """Could `target` be another than `value`? Search over whole numbers, none negative, with every equation kept."""

    def search(left: Sequence[str], rest: Sequence[tuple[frozenset[str], int]]) -> bool:
        if contradicted(rest):
            return False
        if not left:
            return True
        name, *others = left
        bound = min((amount for names, amount in rest if name in names), default=SMALL + 1)
        for guess in range(bound, -1, -1) if name != target else range(bound + 1):
            if name == target and guess == value:
                continue
            taken = [(names - {name}, amount - guess) if name in names else (names, amount) for names, amount in rest]
            if search(others, taken):
                return True
        return False

    return search([target, *(one for one in unknowns if one != target)], equations)


def contradicted(equations: Sequence[Equation]) -> bool:
    """Less than nothing, something of nobody, or a part that is more than the whole."""
    if any(amount < 0 or (amount and not names) for names, amount in equations):
        return True
    return any(part <= whole and less > more for (part, less), (whole, more) in product(equations, repeat=2))


def other_sum(unknowns: Sequence[str], equations: Sequence[Equation], meant: frozenset[str], value: int) -> bool:
    """Could these unknown counts add up to something else?"""
    (target, *_) = meant
    for other in range(SMALL + 5):
        if other != value and not contradicted(rest := [*equations, (meant, other)]) and other_value(unknowns, rest, target, -1):
            return True
    return False


PLACES = ("2A", "2B", "59", "62", "75", "976", "973")
"""Corse, Lille, and three académies of one département each."""


def queries() -> Iterator[tuple[str, ...] | None]:
    """Everything, every académie, every région, every few of these places."""
    yield None
    yield from (one.departements for one in ACADEMIES)
    for region in REGIONS:
        yield tuple(place for one in ACADEMIES if one.region == region for place in one.departements)
    yield from chain.from_iterable(combinations(PLACES, size) for size in (1, 2, 3))


def told_by(sums: Callable[[tuple[str, ...] | None], int | None], known: Mapping[str, int | None], there: Sequence[str]) -> list[Equation]:
    """What all answers say of the counts that are not told themselves."""
    found = []
    for asked in queries():
        total = sums(asked)
        if total is not None:
            places = [place for place in there if asked is None or place in asked]
            unknown = frozenset(place for place in places if known[place] is None)
            found.append((unknown, total - sum(known[place] or 0 for place in places)))
    return list(dict.fromkeys(found))


counts = st.one_of(st.just(0), st.integers(0, 6), st.integers(5, 40))
tables = st.fixed_dictionaries(dict.fromkeys(PLACES, counts))


def everywhere(table: Mapping[str, int]) -> dict[str, int]:
    """The whole universe: whoever is not counted is zero."""
    return {**{place: 0 for one in ACADEMIES for place in one.departements}, **table}


@settings(max_examples=150, deadline=None)
@given(counts=tables)
def test_no_hidden_count_follows_from_all_that_is_told(counts: dict[str, int]) -> None:
    table: Table = {place: {"n": count} for place, count in counts.items() if count}
    whole, told = everywhere(counts), counts_of(table, "n")
    known = {place: told.get(place, 0) for place in whole}
    assert all(known[place] in (None, count) and not (known[place] and 0 < count < SMALL) for place, count in whole.items())
    unknown = [place for place in whole if known[place] is None]
    equations = told_by(lambda asked: sums_of(table, ["n"], asked)["n"], known, list(whole))
    for place in unknown:
        assert other_value(unknown, equations, place, whole[place]), (place, counts)


def territories() -> Sequence[frozenset[str]]:
    """Each of these places, each académie and région that has a part in them; and every two of all these together."""
    named = {frozenset(asked) for asked in queries() if asked is not None and (len(asked) == 1 or not set(asked) <= set(PLACES))}
    named |= {frozenset(one.departements) for one in ACADEMIES if set(one.departements) & set(PLACES)}
    there = [one for one in named if one & set(PLACES)]
    return sorted({one | other for one, other in product(there, repeat=2)}, key=sorted)


TERRITORIES = territories()


def sums_told(answer: Callable[[tuple[str, ...] | None], int | None], known: Mapping[str, int | None]) -> list[Equation]:
    """What the country and every territory say of the counts that are not told."""
    found = []
    for asked in (None, *(tuple(sorted(one)) for one in TERRITORIES), *((place,) for place in known)):
        total = answer(asked)
        if total is not None:
            places = [place for place in known if asked is None or place in asked]
            found.append((frozenset(place for place in places if known[place] is None), total - sum(known[place] or 0 for place in places)))
    return [one for one in dict.fromkeys(found) if one[0]]


def table_of_lists(counts: Mapping[str, int], spare: Collection[str] = ()) -> Table:
    """One list where somebody is counted, and where a list was empty."""
    row = dict.fromkeys(OF_LISTS, 0)
    return {place: {**row, "lists": 1, "lines": count, "accepted": count} for place, count in counts.items() if count or place in spare}


@settings(max_examples=150, deadline=None)
@given(counts=tables, spare=st.sets(st.sampled_from(PLACES)))
def test_no_small_sum_of_any_territory_follows_and_lists_are_told_of_nobody_who_is_hidden(counts: dict[str, int], spare: set[str]) -> None:
    table, whole = table_of_lists(counts, spare), everywhere(counts)
    alone = {place: sums_of_lists(table, (place,)) for place in whole}
    known = {place: told["lines"] if told["lists"] != 0 else 0 for place, told in alone.items()}  # no list, nobody counted
    unknown = [place for place in whole if known[place] is None]
    assert unknown == [place for place, told in alone.items() if told["lines"] is None], "no list: a hidden zero is told"
    equations = sums_told(lambda asked: sums_of_lists(table, asked)["lines"], known)
    for meant in (frozenset(whole), *TERRITORIES, *(frozenset({place}) for place in unknown)):
        value = sum(whole[place] for place in meant)
        if 0 < value < SMALL:
            hidden_there = frozenset(unknown) & meant
            rest = sum(known[place] or 0 for place in meant)
            assert hidden_there and other_sum(unknown, equations, hidden_there, value - rest), (sorted(meant), counts)


@pytest.mark.parametrize("small", [{"44": 3}, {"59": 2, "62": 1}])
def test_what_would_follow_from_the_sum_of_everything_hides_it(small: dict[str, int]) -> None:
    """With three others told, the country less the rest is the académie's own count."""
    table: Table = {place: {"n": count} for place, count in ({"75": 50, "69": 40} | small).items()}
    assert sums_of(table, ["n"]) == {"n": None}
    assert sums_of({**table, "49": {"n": 7}, "2A": {"n": 4}}, ["n"])["n"] is not None


def test_what_another_answer_hides_of_the_same_people_is_hidden_here_too() -> None:
    """A funnel that told the 50 and the sum would say what the figures do not."""
    funnel: Table = {"59": {"dropout": 50}, "2A": {"dropout": 3, "enrolled": 9}, "75": {"dropout": 40, "enrolled": 2}, "69": {"dropout": 9}}
    figures: Table = {"59": {"standing": 50, "withdrawn": 2}, "2A": {"standing": 3}, "75": {"standing": 40}, "69": {"standing": 9}}
    assert sums_of(funnel, ["dropout"], ("59",)) == {"dropout": 50}
    assert sums_of(funnel, ["dropout"], ("59",), beside=figures) == {"dropout": None}
    assert sums_of(funnel, ["dropout"], ("69",), beside=figures) == {"dropout": 9}
    apart: Table = {"2A": {"standing": 3}, "75": {"standing": 40}}
    both: Table = {"2A": {"dropout": 3}, "75": {"dropout": 40, "enrolled": 2}, "973": {"enrolled": 9}}
    assert sums_of(both, ["dropout"]) == {"dropout": 43}
    assert sums_of(both, ["dropout"], beside=apart) == {"dropout": None}  # the figures tell the 40


type Cell = tuple[str, str]
"""A département and a part."""


def told_of_parts(table: Table, cells: Mapping[Cell, int], known: Mapping[Cell, int]) -> list[Equation]:
    """What all answers say of the parts that are not told themselves; `both` says what the two of a département add up to."""
    found = []
    for asked, column in product(queries(), ("a", "b", "both")):
        total = sums_of(table, ["a", "b", "both"], asked)[column]
        if total is not None:
            meant = [cell for cell in cells if column in (cell[1], "both") and (asked is None or cell[0] in asked)]
            unknown = frozenset("".join(cell) for cell in meant if cell not in known)
            found.append((unknown, total - sum(known.get(cell, 0) for cell in meant)))
    return list(dict.fromkeys(found))


@settings(max_examples=100, deadline=None)
@given(cells=st.fixed_dictionaries(dict.fromkeys(product(PLACES[:4], "ab"), counts)))
def test_what_is_told_of_a_sum_and_its_parts_gives_no_part_away(cells: dict[Cell, int]) -> None:
    parts = {place: {"a": cells[place, "a"], "b": cells[place, "b"]} for place in PLACES[:4]}
    table: Table = {place: {**row, "both": sum(row.values())} for place, row in parts.items() if any(row.values())}
    known = {cell: count for cell, count in cells.items() if cell[0] not in hidden(table)}
    assert not any(0 < count < SMALL for count in known.values())
    equations = told_of_parts(table, cells, known)
    unknown = ["".join(cell) for cell in cells if cell not in known]
    for cell, count in cells.items():
        if 0 < count < SMALL:
            assert other_value(unknown, equations, "".join(cell), count), (cell, cells)


@pytest.mark.parametrize(
    ("there", "hiding"),
    [
        ({"59": 3, "62": 9, "2A": 7}, {"59"}),  # one alone: the total less the rest
        ({"59": 1, "62": 1, "2A": 7}, {"59", "62"}),  # two that add up to two
        ({"59": 3, "62": 0, "2A": 7}, {"59"}),  # its neighbour is nothing, and is told
    ],
)
def test_the_solver_computes_what_is_hidden_badly(there: dict[str, int], hiding: set[str]) -> None:
    """So it would have found the hiding of small counts alone."""
    known = {place: None if place in hiding else count for place, count in there.items()}
    at_least_one = [(frozenset({place}), 1) for place in hiding] if len(hiding) > 1 else []
    equations = told_by(lambda asked: sum(there.values()) if asked is None else None, known, list(there))
    positive = {place: there[place] - (1 if at_least_one else 0) for place in hiding}
    if at_least_one:  # whoever is named as hidden is not zero
        equations = [(names, amount - len(names)) for names, amount in equations]
    assert not other_value(sorted(hiding), equations, "59", positive["59"])


def test_zeros_are_left_out_and_an_academie_is_hidden_as_one() -> None:
    table: Table = {"44": {"n": 9}, "49": {"n": 4}, "75": {"n": 8}, "59": {"n": 0}, "62": {"n": 12}}
    assert counts_of(table, "n") == {**dict.fromkeys(("44", "49", "53", "72", "85")), "62": 12, "75": 8}
    assert counts_of(table, "n", ("49", "62")) == {"49": None, "62": 12}
    assert (sums_of(table, ["n"], ("62", "75")), sums_of(table, ["n"], ("44", "62")), sums_of(table, ["n"])) == (
        {"n": 20},
        {"n": None},
        {"n": 33},
    )
    assert (published_total({"a": 1, "b": 2}), published_total({"a": 1, "b": None})) == (3, None)


def test_a_departement_of_no_academie_is_hidden_with_those_that_are_alone_in_theirs() -> None:
    assert counts_of({"20": {"n": 2}}, "n") == dict.fromkeys(("75", "972", "973", "974", "975", "976", "986", "987", "988"))
    assert counts_of({"20": {"n": 7}, "75": {"n": 1}}, "n").get("20") is None
    assert counts_of({"20": {"n": 7}}, "n") == {"20": 7}
