"""Who is the same person, by DESIGN 11, and which earlier enrolment is whose."""

from datetime import date
from uuid import UUID

import pytest
from intake_specimens import LIST, REFERENCE, UAI, identity

from contracts.personal import Identity
from intake.identity import Digests, Known, Nobody, Register, Resolution, Undecided, resolve
from intake.snapshots import Snapshot, matching

DIGESTS = Digests(key=b"k" * 32)
SOMEONE, NAMESAKE = UUID(int=21), UUID(int=22)
OTHER_INE = "9876543210A"


def known(*people: tuple[UUID, Identity]) -> Register:
    register = Register()
    for person_id, one in people:
        for token, kind in DIGESTS.tokens(one).rows():
            register.add(person_id, token, kind)
    return register


def meant(one: Identity, *people: tuple[UUID, Identity]) -> Resolution:
    return resolve(DIGESTS.tokens(one), known(*people))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Known(SOMEONE)),
        ({"first_names": ("Autre",)}, Undecided()),
        ({"family_name": "Autre", "first_names": ("MAIA",)}, Known(SOMEONE)),
        ({"birth_commune": "75113"}, Known(SOMEONE)),
        ({"birth_date": date(2008, 5, 15)}, Undecided()),
        ({"family_name": "Arbelin", "first_names": ("Zoé",)}, Undecided()),
        ({"ine": OTHER_INE}, Nobody()),
        ({"ine": None}, Known(SOMEONE)),
        ({"ine": None, "birth_commune": "75113"}, Nobody()),
        ({"ine": None, "birth_commune": None}, Undecided()),
        ({"ine": None, "first_names": ("Zoé",)}, Nobody()),
    ],
    ids=[
        "all equal", "a twin who was given the other's INE", "INE, birth date and the first given name without accents", "INE comes before the commune",
        "the same INE with another birth date", "the same INE with no name in common", "two INE are two persons", "no INE, all else equal",
        "no INE and another commune", "no INE and no commune", "a twin",
    ],
)  # fmt: skip
def test_a_line_means(changes: dict[str, object], expected: Resolution) -> None:
    assert meant(identity(**changes), (SOMEONE, identity())) == expected


def test_the_known_person_may_be_the_one_without_ine() -> None:
    assert meant(identity(), (SOMEONE, identity(ine=None))) == Known(SOMEONE)


def test_two_candidates_go_to_a_human() -> None:
    both = ((SOMEONE, identity()), (NAMESAKE, identity(ine=OTHER_INE)))
    assert meant(identity(ine=None), *both) == Undecided()
    assert meant(identity(ine=OTHER_INE), *both) == Known(NAMESAKE)


def test_digests_depend_on_the_key_and_tell_parts_apart() -> None:
    assert DIGESTS.tokens(identity()) != Digests(key=b"l" * 32).tokens(identity())
    assert DIGESTS.of("x", b"ab", b"c") != DIGESTS.of("x", b"a", b"bc")


def test_birth_dates_of_two_persons_cannot_be_compared_by_their_digests() -> None:
    assert DIGESTS.tokens(identity()).ine_birth != DIGESTS.tokens(identity(ine=OTHER_INE)).ine_birth


def test_the_key_is_not_shown() -> None:
    assert "kkkk" not in repr(DIGESTS)


def enrolled(line: int = 1, **changes: object) -> Snapshot:
    tokens = DIGESTS.tokens(identity(**changes))
    return Snapshot(
        list_id=LIST, line=line, ine=tokens.ine, ine_birth=tokens.ine_birth, ine_names=tokens.ine_names, identity=tokens.identity,
        uai=UAI, formation=None, start_on=None, end_on=None, diploma=None, reference_date=REFERENCE,
    )  # fmt: skip


def found(one: Identity, *snapshots: Snapshot, namesakes: int = 1) -> list[int]:
    return [snapshot.line for snapshot in matching(DIGESTS.tokens(one), snapshots, namesakes=namesakes)]


def test_a_leaver_finds_the_enrolments_of_the_same_person() -> None:
    assert found(identity(), enrolled(), enrolled(2, ine=None), enrolled(3, ine=OTHER_INE, family_name="Arbelin")) == [1, 2]
    assert found(identity(ine=None), enrolled()) == [1]


def test_an_enrolment_with_the_ine_and_another_birth_date_is_not_theirs() -> None:
    assert found(identity(), enrolled(birth_date=date(2008, 5, 15))) == []


def test_an_enrolment_without_ine_is_nobodys_among_namesakes() -> None:
    assert found(identity(), enrolled(ine=None), namesakes=2) == []
    assert found(identity(), enrolled(), enrolled(2, ine=None), enrolled(3, ine=OTHER_INE)) == [1]
    assert found(identity(ine=None), enrolled(), enrolled(2, ine=OTHER_INE)) == []
