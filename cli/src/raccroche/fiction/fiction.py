"""The fictitious académie, whole: its people, their labels, its lists as bytes, its territory, and the truth about them."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, Literal
from uuid import UUID, uuid5

from raccroche.fiction.bystanders import BYSTANDER_CASES
from raccroche.fiction.cases import LEAVER_CASES
from raccroche.fiction.casting import cast
from raccroche.fiction.cleartext import cleartext_of
from raccroche.fiction.csv_list import enrolments_csv, leavers_csv
from raccroche.fiction.lines import ExpectedLine, Line
from raccroche.fiction.offers import ORGANISATIONS, Offer, offers
from raccroche.fiction.people import Person, identity_of, person
from raccroche.fiction.places import Establishment, establishments
from raccroche.fiction.schooling import reference_day, uai_of
from raccroche.fiction.siecle import siecle_zip
from raccroche.fiction.sifa import census
from raccroche.fiction.territory import NAMESPACE, Designation, Recipient, designations, recipients
from raccroche.fiction.truth import Truth, truth_of
from raccroche.fiction.vocabulary import ListName

Phase = Literal["enrolments", "leavers", "late_enrolments"]
Format = Literal["siecle", "sifa", "csv"]


@dataclass(frozen=True, kw_only=True)
class ListFile:
    """One list as an establishment sends it; `uai` is the sender's and that of every line."""

    phase: Phase
    uai: str
    list_id: UUID
    format: Format
    reference_date: date
    filename: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Fiction:
    """Equal for equal `seed` and size. `expected_lines` has, by list id, the verdict due to each line in the file's order."""

    seed: int
    establishments: tuple[Establishment, ...]
    files: tuple[ListFile, ...]
    expected_lines: Mapping[UUID, tuple[ExpectedLine, ...]]
    recipients: tuple[Recipient, ...]
    designations: tuple[Designation, ...]
    organisations: tuple[str, ...]
    offers: tuple[Offer, ...]
    people: tuple[Person, ...]
    truth: Truth

    def write(self, folder: Path) -> None:
        """The lists, numbered in the order of sending, and `truth.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        for file in self.files:
            (folder / file.filename).write_bytes(file.body)
        text = json.dumps(truth_document(self), ensure_ascii=False, indent=2)
        (folder / "truth.json").write_text(text + "\n", encoding="utf-8")

    def secrets(self) -> frozenset[str]:
        """All cleartext that must never be found in a record, log, span or row."""
        return cleartext_of(line.line for lines in self.expected_lines.values() for line in lines)

    def person_named(self, family_name: str, first_name: str, birth_date: date) -> Person | None:
        """The person of this identity, in whatever case or accents."""
        return self._by_identity.get(identity_of(family_name, first_name, birth_date))

    @cached_property
    def _by_identity(self) -> dict[tuple[str, str, date], Person]:
        return {one.identity: one for one in self.people}


def generate(people: int, seed: int) -> Fiction:
    """`people` leavers (never fewer than the table has rows) and a quarter as many bystanders.

    Labels come first; the files are written after them.
    """
    people = max(people, len(LEAVER_CASES))
    catalogue = offers(seats=people)
    bystanders = max(people // 4, len(BYSTANDER_CASES))
    roles = (*cast(LEAVER_CASES, people, seed), *cast(BYSTANDER_CASES, bystanders, seed))
    everybody = tuple(person(index, case, seed, catalogue) for index, case in enumerate(roles))
    by_list = _by_list(everybody, seed)
    ids = {name: uuid5(NAMESPACE, f"{seed}:{people}:{name.value}") for name in ListName}
    return Fiction(
        seed=seed, establishments=establishments(),
        files=tuple(_file(place, name, ids[name], lines) for place, (name, lines) in enumerate(by_list.items(), start=1)),
        expected_lines={ids[name]: lines for name, lines in by_list.items()}, recipients=recipients(), designations=designations(),
        organisations=ORGANISATIONS, offers=catalogue, people=everybody,
        truth=truth_of(everybody, {str(ids[name]): lines for name, lines in by_list.items()}),
    )  # fmt: skip


def truth_document(fiction: Fiction) -> dict[str, Any]:  # Any: a JSON document
    """The truth as JSON: figures only, nobody's name."""
    truth = dataclasses.asdict(fiction.truth)
    totals = truth.pop("totals")
    leavers = sum(one.biography.exit is not None for one in fiction.people)
    return {"seed": fiction.seed, "people": len(fiction.people), "leavers": leavers, **totals, **truth}


def _by_list(people: Sequence[Person], seed: int) -> dict[ListName, tuple[ExpectedLine, ...]]:
    """Each list in an order of its own; the lines of one person keep theirs, since a contradiction needs a first statement."""
    rows: dict[ListName, list[tuple[float, int, int, ExpectedLine]]] = {name: [] for name in ListName}
    for one in people:
        place = Random(f"{seed}:{one.index}:place").random()  # noqa: S311 -- a seeded fiction, no secret
        for number, line in enumerate(one.lines):
            rows[line.line.where].append((place, one.index, number, line))
    return {name: tuple(line for *_, line in sorted(found, key=lambda row: row[:3])) for name, found in rows.items()}


def _file(place: int, name: ListName, list_id: UUID, expected: Sequence[ExpectedLine]) -> ListFile:
    phase, form, suffix = _kind(name)
    body = _body(name, [line.line for line in expected])
    return ListFile(
        phase=phase, uai=uai_of(name), list_id=list_id, format=form, reference_date=reference_day(name),
        filename=f"{place:02d}-{name.value}.{suffix}", body=body,
    )  # fmt: skip


def _kind(name: ListName) -> tuple[Phase, Format, str]:
    match name:
        case ListName.CFA_CENSUS:
            return "enrolments", "sifa", "txt"
        case ListName.B_ENROLMENTS | ListName.C_ENROLMENTS:
            return "enrolments", "csv", "csv"
        case ListName.A_LEAVERS:
            return "leavers", "siecle", "zip"
        case ListName.B_LEAVERS:
            return "leavers", "csv", "csv"
        case ListName.C_LATE_ENROLMENTS:
            return "late_enrolments", "csv", "csv"


def _body(name: ListName, lines: Sequence[Line]) -> bytes:
    match name:
        case ListName.CFA_CENSUS:
            return census(lines)
        case ListName.A_LEAVERS:
            return siecle_zip(lines, uai_of(name))
        case ListName.B_LEAVERS:
            return leavers_csv(lines)
        case ListName.B_ENROLMENTS | ListName.C_ENROLMENTS | ListName.C_LATE_ENROLMENTS:
            return enrolments_csv(lines)
