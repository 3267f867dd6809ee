"""Precision and recall of identity resolution: fictitious people in two sources, each with the noise of real files, and a truth to compare.

`PYTHONPATH=services/intake/tests .venv/bin/python -m identity_quality [--people 20000] [--seed 1]` prints the table of docs/identity.md.
"""

import argparse
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from uuid import UUID

from contracts.intake import Criterion
from contracts.personal import Identity
from intake.identity import Digests, Known, Nobody, Register, Tokens, Undecided, resolve
from intake.likeness import candidates, remember, tokens_of

DIGESTS = Digests(key=b"q" * 32)
FIRST = [
    "Emma",
    "Léa",
    "Chloé",
    "Inès",
    "Maïa",
    "Zoé",
    "Jade",
    "Lina",
    "Sarah",
    "Camille",
    "Anaïs",
    "Manon",
    "Clémence",
    "Océane",
    "Noémie",
    "Éloïse",
    "Élise",
    "Emilie",
    "Émeline",
    "Anna",
    "Anne",
    "Lucas",
    "Enzo",
    "Nathan",
    "Hugo",
    "Mathis",
    "Mattéo",
    "Théo",
    "Thibault",
    "Thibaud",
    "Noé",
    "Noah",
    "Gabriel",
    "Gaël",
    "Raphaël",
    "Rafael",
    "Maxime",
    "Maxence",
    "Mohamed",
    "Yanis",
    "Ilyès",
    "Jean-Baptiste",
    "Jean-Marie",
    "Marie-Lou",
    "Anne-Sophie",
    "Louis",
    "Louise",
    "Jules",
    "Julie",
    "Julien",
    "Clément",
    "Loïc",
    "François",
    "Françoise",
    "Célia",
    "Célian",
    "Sacha",
]
ONSETS = ["B", "BR", "C", "CH", "CL", "D", "DR", "F", "G", "GR", "L", "M", "N", "P", "PR", "R", "S", "T", "TR", "V"]
NUCLEI = ["A", "E", "I", "O", "U", "AU", "É", "È", "OI", "OU", "EU", "AN", "ON", "IN"]
ENDINGS = ["RD", "T", "LT", "N", "NT", "L", "S", "X", "Y", "Z", "ET", "OT", "IER", "EAU", "LLE"]
OLD_CODES = {"50129": "50602", "49228": "49150", "14654": "14697"}
"""Communes of today, each with the code of one that it took in."""
COMMUNES = (
    *OLD_CODES,
    "44109",
    "44184",
    "49007",
    "53130",
    "72181",
    "85191",
    "35238",
    "29019",
    "59350",
    "69123",
    "13055",
    "31555",
    "75056",
    "93066",
)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How often a cell of a source suffers, of 1,000 lines."""

    no_ine: int = 80
    wrong_ine: int = 5
    anothers_ine: int = 3
    twins_ine: int = 100
    old_commune_code: int = 100
    no_accents: int = 300
    swapped: int = 10
    family_typo: int = 20
    first_typo: int = 15
    birth_typo: int = 5
    day_and_month: int = 3
    usage_name: int = 15
    second_given_name: int = 5
    no_commune: int = 30
    wrong_commune: int = 5


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a source, who it is about in truth, and what was done to it."""

    truth: int
    identity: Identity
    noise: frozenset[str]


def people(random: Random, count: int) -> list[Identity]:
    """Family names as skewed as real ones; of 1,000 people 30 are twins of another, 5 a namesake born on the same day elsewhere."""
    families = ["".join(_syllables(random)) for _ in range(max(200, count // 5))]
    made: list[Identity] = []
    while len(made) < count:
        one = _person(random, families, len(made))
        made.append(one)
        fate = random.randrange(1000)
        if fate < 15:
            made.append(one.model_copy(update={"ine": _ine(random, len(made)), "first_names": _given(random, but=one.first_names[0])}))
        elif fate < 20:
            elsewhere = random.choice([place for place in COMMUNES if place != one.birth_commune])
            made.append(one.model_copy(update={"ine": _ine(random, len(made)), "birth_commune": elsewhere}))
    return made[:count]


def _person(random: Random, families: list[str], number: int) -> Identity:
    skewed = int(len(families) * random.random() ** 2)
    return Identity(
        ine=_ine(random, number), family_name=families[skewed].title(), first_names=_given(random, but=""),
        birth_date=date(2006, 1, 1) + timedelta(days=random.randrange(4 * 365)), birth_commune=random.choice(COMMUNES),
    )  # fmt: skip


def _syllables(random: Random) -> Iterator[str]:
    for _ in range(random.choice((1, 2, 2, 2, 3))):
        yield random.choice(ONSETS) + random.choice(NUCLEI)
    yield random.choice(ENDINGS)


def _given(random: Random, *, but: str) -> tuple[str, ...]:
    first = random.choice([name for name in FIRST if name != but])
    return (first, random.choice([name for name in FIRST if name != first])) if random.random() < 0.4 else (first,)


def _ine(random: Random, number: int) -> str:
    """Ten digits and a letter; the number keeps it one person's."""
    return f"{number:07d}{random.randrange(1000):03d}{random.choice('ABCDEFGHJK')}"


@dataclass(kw_only=True)
class Writer:
    """Writes a person as a source would."""

    random: Random
    rates: Rates
    everybody: list[Identity]
    born_together: dict[tuple[str, date, str | None], list[Identity]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.everybody:
            self.born_together.setdefault((one.family_name, one.birth_date, one.birth_commune), []).append(one)

    def twins_ine(self, one: Identity) -> str | None:
        """The INE of the other twin; their own where there is none."""
        together = self.born_together.get((one.family_name, one.birth_date, one.birth_commune), [])
        return next((other.ine for other in together if other.ine != one.ine), one.ine)

    def line(self, truth: int) -> Line:
        one, noise = self.everybody[truth], set[str]()
        for name in vars(self.rates):
            if self.random.randrange(1000) < getattr(self.rates, name):
                changed = NOISE[name](self, one)
                if changed != one:
                    one = changed
                    noise.add(name)
        return Line(truth=truth, identity=one, noise=frozenset(noise))


def _typed(random: Random, name: str) -> str:
    """A letter left out, doubled, changed, or two in the other order."""
    if len(name) < 3:
        return name
    at = random.randrange(1, len(name) - 1)
    letter = random.choice("AEINRST").lower()
    return random.choice(
        (name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:], name[:at] + letter + name[at + 1 :],
         name[:at] + name[at + 1] + name[at] + name[at + 2 :])
    )  # fmt: skip


def _with(one: Identity, **changes: object) -> Identity:
    return one.model_copy(update=changes)


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).upper()


def _swapped_days(one: Identity) -> Identity:
    day = one.birth_date
    return _with(one, birth_date=day.replace(month=day.day, day=day.month)) if day.day <= 12 else one


NOISE: dict[str, Callable[[Writer, Identity], Identity]] = {
    "no_ine": lambda _, one: _with(one, ine=None),
    "wrong_ine": lambda w, one: _with(one, ine=f"9{w.random.randrange(10**9):09d}A") if one.ine else one,
    "anothers_ine": lambda w, one: _with(one, ine=w.random.choice(w.everybody).ine) if one.ine else one,
    "twins_ine": lambda w, one: _with(one, ine=w.twins_ine(one)) if one.ine else one,
    "old_commune_code": lambda _, one: _with(one, birth_commune=OLD_CODES.get(one.birth_commune or "", one.birth_commune)),
    "no_accents": lambda _, one: _with(one, family_name=_plain(one.family_name), first_names=tuple(map(_plain, one.first_names))),
    "swapped": lambda _, one: _with(one, family_name=one.first_names[0], first_names=(one.family_name, *one.first_names[1:])),
    "family_typo": lambda w, one: _with(one, family_name=_typed(w.random, one.family_name)),
    "first_typo": lambda w, one: _with(one, first_names=(_typed(w.random, one.first_names[0]), *one.first_names[1:])),
    "birth_typo": lambda w, one: _with(one, birth_date=one.birth_date.replace(day=w.random.randrange(1, 29))),
    "day_and_month": lambda _, one: _swapped_days(one),
    "usage_name": lambda w, one: _with(one, family_name="".join(_syllables(w.random)).title()),
    "second_given_name": lambda _, one: _with(one, first_names=one.first_names[::-1]),
    "no_commune": lambda _, one: _with(one, birth_commune=None),
    "wrong_commune": lambda w, one: _with(one, birth_commune=w.random.choice(COMMUNES)),
}


@dataclass(kw_only=True)
class Quality:
    """What came of it. pairs: people who stand in both sources; shown: right pairs that were not merged but go to a human."""

    people: int
    pairs: int = 0
    merged: int = 0
    wrong: int = 0
    shown: int = 0
    to_look_at: int = 0
    right_to_look_at: int = 0
    by_noise: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_criterion: Counter[tuple[Criterion, bool]] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        return self.merged / self.pairs

    @property
    def seen(self) -> float:
        """The share of people who are merged, or shown to a human."""
        return (self.merged + self.shown) / self.pairs

    @property
    def review_precision(self) -> float:
        return self.right_to_look_at / self.to_look_at


@dataclass(kw_only=True)
class Intake:
    """Takes lines as the service does: by `resolve` among the known, and by likeness where nobody is meant."""

    register: Register = field(default_factory=Register)
    truth: dict[UUID, int] = field(default_factory=dict)

    def take(self, line: Line) -> tuple[Known | Nobody | Undecided, dict[UUID, set[Criterion]]]:
        """What was decided, and whom a human is shown beside this line and why (held lines: without criteria)."""
        tokens = tokens_of(DIGESTS, line.identity)
        decided = resolve(tokens, self.register)
        shown: dict[UUID, set[Criterion]] = {}
        if isinstance(decided, Undecided):
            shown = {one: set() for one in self.register.holding(tokens.ine) | self.register.holding(tokens.names)}
        elif isinstance(decided, Nobody):
            new = UUID(int=len(self.truth) + 1)
            shown = {pair.person_id: set(pair.criteria) for pair in candidates(new, tokens, self.register)}
            self._keep(new, line.truth, tokens)
        else:
            self._keep(decided.person_id, self.truth[decided.person_id], tokens)
        return decided, shown

    def _keep(self, person_id: UUID, truth: int, tokens: Tokens) -> None:
        self.truth[person_id] = truth
        for token, kind in tokens.rows():
            self.register.add(person_id, token, kind)
        remember(person_id, tokens, self.register)


def measure(count: int, seed: int, rates: Rates = Rates()) -> Quality:
    """Both sources, one after the other, each in an order of its own."""
    random = Random(seed)
    everybody = people(random, count)
    writer = Writer(random=random, rates=rates, everybody=everybody)
    found, taken = Quality(people=count, pairs=count), Intake()
    for source in range(2):
        for truth in random.sample(range(count), count):
            line = writer.line(truth)
            decided, shown = taken.take(line)
            _note(found, taken, line, decided, shown, second=source == 1)
    return found


def _note(
    found: Quality, taken: Intake, line: Line, decided: Known | Nobody | Undecided, shown: dict[UUID, set[Criterion]], *, second: bool
) -> None:
    for person_id, criteria in shown.items():
        right = taken.truth[person_id] == line.truth
        found.to_look_at += 1
        found.right_to_look_at += right
        for criterion in criteria:
            found.by_criterion[criterion, right] += 1
    right_merge = isinstance(decided, Known) and taken.truth[decided.person_id] == line.truth
    found.wrong += isinstance(decided, Known) and not right_merge
    if second:
        is_shown = any(taken.truth[one] == line.truth for one in shown)
        found.merged += right_merge
        found.shown += is_shown and not right_merge
        for name in line.noise or {"none"}:
            found.by_noise[name, "merged" if right_merge else "shown" if is_shown else "missed"] += 1


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--people", type=int, default=20_000)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    print(table(measure(given.people, given.seed)))


def table(found: Quality) -> str:
    rows = [
        "| measure | value |", "|---|---|",
        f"| people, each in both sources | {found.people:,} |",
        f"| wrong automatic merges | {found.wrong} |",
        f"| recall of automatic merges | {found.recall:.2%} |",
        f"| merged or shown to a human | {found.seen:.2%} |",
        f"| pairs to look at | {found.to_look_at:,} |",
        f"| of these right | {found.review_precision:.1%} |",
        "", "| noise of the second source's line | lines | merged | shown | missed |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name in ("none", *NOISE):
        merged, shown, missed = (found.by_noise[name, fate] for fate in ("merged", "shown", "missed"))
        lines = merged + shown + missed
        rows.append(f"| {name} | {lines:,} | {merged / lines:.1%} | {shown / lines:.1%} | {missed / lines:.1%} |")
    rows += ["", "| criterion | pairs | right |", "|---|---|---|"]
    for criterion in sorted({one for one, _ in found.by_criterion}):
        right, wrong = found.by_criterion[criterion, True], found.by_criterion[criterion, False]
        rows.append(f"| {criterion} | {right + wrong:,} | {right / (right + wrong):.1%} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
