"""Random sequences of complete lists of two establishments against brute force: who was absent when, and who is a dropout in the end."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from uuid import UUID

import pytest
from absence_house import LETTERS, eleve
from intake_house import House
from intake_specimens import eleves_xml

from chassis.paris import age_on
from contracts.intake import DropoutDetected, DropoutWithdrawn, ExitSeen, ListHeld
from contracts.personal import Identity
from intake.cleaning import UAI_LETTERS

pytestmark = pytest.mark.stack

WORLDS, STEPS = 14, 9
FIRST_OF = [date(2025, 9 + n, 1) if n < 4 else date(2026, n - 3, 1) for n in range(8)]
BIRTHS = (date(2008, 8, 3), date(2008, 8, 9), date(2010, 1, 15), date(2008, 8, 21), date(2008, 8, 27))


@dataclass(frozen=True, kw_only=True)
class Pupil:
    """Somebody fictitious. No two of a world share a birth date, so that nobody may be meant by another's line."""

    ine: str
    name: str
    birth: date


@dataclass(kw_only=True)
class World:
    """Two establishments and their pupils. place: by (pupil, establishment) what its last list told, and since when."""

    number: int
    random: Random
    uais: tuple[str, str]
    pupils: list[Pupil]
    day: dict[str, int] = field(default_factory=dict)
    since: dict[tuple[str, str], date] = field(default_factory=dict)
    there: set[tuple[str, str]] = field(default_factory=set)
    absences: set[tuple[str, str, date]] = field(default_factory=set)
    left: set[str] = field(default_factory=set)

    def next_list(self, uai: str) -> tuple[date, bytes] | None:
        """The establishment's next list, and what follows from it by brute force."""
        at = self.day.get(uai, -1) + self.random.choice((1, 1, 2))
        if at >= len(FIRST_OF):
            return None
        self.day[uai], on = at, FIRST_OF[at]
        lines = [eleve(f"9{self.number:09d}Z", name=f"ANCRAGE{_word(self.number)}", born="03/03/2007", entered="01/09/2024")]
        for pupil in self.pupils:
            line = self._line(pupil, uai, on, self.random.choice(("there", "there", "missing", "left")))
            lines += [line] if line else []
        self.random.shuffle(lines)
        return on, eleves_xml(*lines, uai=uai)

    def _line(self, pupil: Pupil, uai: str, on: date, what: str) -> str | None:
        """One pupil on one list. An under-16's line is as if it were not."""
        key, known = (pupil.name, uai), age_on(pupil.birth, on) >= 16
        match what:
            case "there":
                begun = self.since.setdefault(key, date(2024, 9, 2))
                self.there |= {key} if known else set()
                return self._eleve(pupil, begun, None)
            case "left" if key in self.there:
                begun = self.since.pop(key)
                self.since[key] = on
                self.there.discard(key)
                self.left.add(pupil.name)
                return self._eleve(pupil, begun, on - timedelta(days=3))
            case _:
                if key in self.there:
                    self.there.discard(key)
                    self.absences.add((pupil.name, uai, on))
                    self.left.add(pupil.name)
                return None

    @staticmethod
    def _eleve(pupil: Pupil, begun: date, left: date | None) -> str:
        return eleve(
            pupil.ine, name=pupil.name, first="Alix", born=f"{pupil.birth:%d/%m/%Y}", entered=f"{begun:%d/%m/%Y}",
            left=f"{left:%d/%m/%Y}" if left else "",
        )  # fmt: skip

    def dropouts(self) -> set[str]:
        """Whoever has left and whom no establishment's last list tells; all are 16 or 17 when they leave."""
        return {name for name in self.left if not any((name, uai) in self.there for uai in self.uais)}


def _word(number: int) -> str:
    return "".join(LETTERS[int(digit)] for digit in str(number))


def _uai(number: int) -> str:
    return f"{number:07d}{UAI_LETTERS[number % 23]}"


def worlds(seed: int) -> list[World]:
    made: list[World] = []
    for n in range(WORLDS):
        random, number = Random(seed * 1000 + n), seed * 100 + n
        pupils = [
            Pupil(ine=f"{number * 10 + k:010d}B", name=f"REVIN{_word(number)}K{LETTERS[k] * 2}", birth=BIRTHS[k])
            for k in range(len(BIRTHS))
        ]
        uais = (_uai(440000 + number * 2), _uai(440001 + number * 2))
        made.append(World(number=number, random=random, uais=uais, pupils=pupils))
    return made


async def names_of(intake: House, people: dict[UUID, ExitSeen]) -> dict[UUID, str]:
    keys = await intake.keyring.keys(list(people))
    return {person_id: keys[person_id].open(seen.identity, Identity).family_name for person_id, seen in people.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_absences_and_dropouts_are_those_of_brute_force(intake: House, seed: int) -> None:
    all_worlds = worlds(seed)
    number = 0
    for _ in range(STEPS):
        for world in all_worlds:
            uai = world.random.choice(world.uais)
            if (made := world.next_list(uai)) is not None:
                on, body = made
                number += 1
                await intake.send(UUID(int=10_000 + number), body, list_format="siecle", sender=uai, reference_date=on)
        await intake.read_all()
    assert await intake.events(ListHeld) == []
    exits = [one for one in await intake.events(ExitSeen) if isinstance(one, ExitSeen)]
    names = await names_of(intake, {one.person_id: one for one in exits})
    absences = {(names[one.person_id], one.uai, one.exit_date) for one in exits if one.origin == "absence"}
    expected = set[tuple[str, str, date]]().union(*(world.absences for world in all_worlds))
    assert absences == expected and len(expected) > 40
    assert len([one for one in exits if one.origin == "absence"]) == len(expected)
    standing = await _standing(intake)
    assert {names[person_id] for person_id in standing} == set[str]().union(*(world.dropouts() for world in all_worlds))
    assert len(standing) > 10


async def _standing(intake: House) -> set[UUID]:
    found: dict[UUID, int] = defaultdict(int)
    for event in await intake.events(DropoutDetected, DropoutWithdrawn):
        assert isinstance(event, DropoutDetected | DropoutWithdrawn)
        found[event.person_id] += 1 if isinstance(event, DropoutDetected) else -1
    assert set(found.values()) <= {0, 1}
    return {person_id for person_id, count in found.items() if count}
