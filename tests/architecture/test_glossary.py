"""One word for one thing: the glossary's forbidden words appear nowhere, events are built from its words, the chassis knows none."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.catalogue import EVENTS, TOPICS

HOME = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in (HOME / "docs/glossary.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "`" in line
]
NAMES = {name for row in ROWS for name in re.findall(r"`(\w+)`", row[1])}
NEVER = {name for row in ROWS for name in re.findall(r"`(\w+)`", row[2])}
ENGLISH = {  # participles and plain words that an event's name may add
    "received", "rejected", "held", "closed", "seen", "detected", "withdrawn", "opened", "attempted", "completed", "missed", "entered",
    "reopened", "erased",
    "consulted", "published", "changed", "made", "accepted", "declined", "expired", "cancelled", "designated", "ended", "due", "transmitted",
    "acknowledged", "refused", "recalled", "seats", "released", "expected", "silent", "resumed", "reconsidered", "contested", "confirmed",
    "sent", "persons", "linked", "unlinked", "found", "dismissed", "identities", "campaign", "matched", "signalled",
    "doubted", "reviewed", "etablissements",
}  # fmt: skip
CHASSIS_MAY_SAY = {
    "line",
    "list",
    "contact",
    "case",
    "person",
    "uai",
    "identity",
    "exit",
    "deadline",
    "source",
    "report",
}  # log keys, claims and plain English
OF_OTHERS = {"parent"}  # OpenTelemetry's and pathlib's word


def identifiers(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name
            case _:
                continue


def words(name: str) -> list[str]:
    """`CaseOpened`, `case_opened` → case, opened."""
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def forbidden(name: str, never: set[str]) -> set[str]:
    said = "_" + "_".join(words(name)) + "_"
    return {word for word in never if f"_{word}_" in said}


def sources(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (HOME / folder).rglob("src/**/*.py") if "fiction" not in file.parts)


def test_the_glossary_is_read() -> None:
    assert {"dropout", "bilan", "mission_locale", "uai", "ine", "offer", "seat", "designation", "recall"} <= NAMES
    assert {"decrochage", "assessment", "student", "rne"} <= NEVER


@pytest.mark.parametrize("file", sources("contracts", "chassis", "services", "cli"), ids=lambda file: str(file.relative_to(HOME)))
def test_no_identifier_says_a_forbidden_word_or_is_not_ascii(file: Path) -> None:
    said = set(identifiers(file.read_text(encoding="utf-8")))
    assert {name: bad for name in said if (bad := forbidden(name, NEVER - OF_OTHERS))} == {}
    assert [name for name in said if not name.isascii()] == []


@pytest.mark.parametrize("name", ["StudentLeft", "abandon_date", "find_decrochage", "schoolId", "remonteeSent"])
def test_a_forbidden_word_is_found_in_any_spelling(name: str) -> None:
    assert forbidden(name, NEVER) or forbidden(re.sub("([A-Z])", r"_\1", name).lower(), NEVER)


def test_no_topic_or_field_says_a_forbidden_word() -> None:
    fields = {name for event in EVENTS for name in event.model_fields}
    assert [name for name in (*fields, *(topic.name for topic in TOPICS)) if forbidden(name, NEVER)] == []


def unknown_words(name: str) -> set[str]:
    known = {part for entry in NAMES for part in entry.split("_")} | ENGLISH
    return set(words(name)) - known


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_an_event_is_built_from_the_glossarys_words(event: type) -> None:
    assert unknown_words(event.__name__) == set()


def test_an_event_in_other_words_is_found() -> None:
    assert unknown_words("PupilEvaluated") == {"pupil", "evaluated"}


def defined(source: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


def business_words(name: str) -> set[str]:
    return forbidden(name, NAMES - CHASSIS_MAY_SAY)


def test_the_chassis_knows_no_business_word() -> None:
    names = {name for file in sources("chassis") for name in defined(file.read_text(encoding="utf-8"))}
    assert {name: found for name in names if (found := business_words(name))} == {}


def test_a_business_word_in_the_chassis_is_found() -> None:
    assert business_words("open_dropout") == {"dropout"}
