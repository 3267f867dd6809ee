"""Bad input at intake's door, over real HTTP: refused or reported with line, field and rule, and the good lines kept."""

import asyncio
import io
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx
import pytest

from raccroche.stack import Stack

pytestmark = pytest.mark.stack

UAI = "0440074S"
HEADER = (
    "uai;ine;nom;prenom;date_naissance;commune_naissance;sexe;telephone;courriel;adresse;code_postal;commune_residence;"
    "representant_nom;representant_prenom;representant_telephone;representant_courriel;formation;diplome_obtenu;"
    "date_entree;date_sortie;motif_sortie"
)
GOOD = (
    f"{UAI};;Brandelvoux;Ysaline;2007-05-04;44109;2;0199001234;y@example.org;1 rue Fictive;44000;Nantes;;;;;CAP;01;2025-09-01;2025-11-20;"
)


@dataclass(frozen=True)
class Door:
    """Intake's address, and how to knock."""

    address: str
    stack: Stack

    def send(
        self, body: bytes, *, form: str = "csv", role: str | None = "sender", uai: str | None = UAI, list_id: UUID | None = None
    ) -> httpx.Response:
        claims = {} if uai is None else {"uai": uai}
        headers = {} if role is None else {"Authorization": f"Bearer {self.stack.issue_token(role, **claims)}"}
        url = f"{self.address}/lists/{list_id or uuid4()}"
        return httpx.put(url, params={"format": form, "reference_date": "2026-01-31"}, content=body, headers=headers, timeout=30)

    def lines(self, list_id: UUID) -> list[dict[str, object]]:
        headers = {"Authorization": f"Bearer {self.stack.issue_token('sender', uai=UAI)}"}
        until = time.monotonic() + 30
        while httpx.get(f"{self.address}/lists/{list_id}", headers=headers).json()["status"] != "closed":
            assert time.monotonic() < until, "the list was not read in time"
        found: list[dict[str, object]] = httpx.get(f"{self.address}/lists/{list_id}/lines", headers=headers).json()["lines"]
        return found


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:

    stack = Stack(tmp_path_factory.mktemp("door") / "var", services=("intake",))
    try:
        asyncio.run(stack.up())
        yield Door(stack.address("intake"), stack)
    finally:
        asyncio.run(stack.down())


def csv_of(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


def zipped(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("ElevesAvecAdresses.xml", content)
    return archive.getvalue()


DOCTYPE = b'<?xml version="1.0" encoding="ISO-8859-15"?><!DOCTYPE BEE_ELEVES [<!ENTITY e SYSTEM "file:///etc/hostname">]><BEE_ELEVES>&e;</BEE_ELEVES>'


@pytest.mark.parametrize(
    ("body", "form", "status", "rule"),
    [
        (b"", "csv", 422, "EMPTY_LIST"),
        (zipped(b"<BEE_ELEVES/>" * 50)[:-40], "siecle", 422, "ARCHIVE_BROKEN"),
        (DOCTYPE, "siecle", 422, "DOCTYPE_REFUSED"),
        (csv_of(GOOD).decode().encode("utf-16-le"), "csv", 422, "ENCODING"),
        (csv_of(GOOD.replace(UAI, "0490801E")), "csv", 403, "OUT_OF_MANDATE"),
        (b"a;b;c\n1;2;3\n", "csv", 422, "HEADER_UNKNOWN"),
    ],
    ids=["empty file", "truncated zip", "XML with a DOCTYPE", "UTF-16 without its mark", "another establishment", "unknown header"],
)
def test_a_bad_file_is_refused_with_its_rule(door: Door, body: bytes, form: str, status: int, rule: str) -> None:
    answer = door.send(body, form=form)
    assert (answer.status_code, answer.json()["rule"]) == (status, rule)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Brandelvoux" not in answer.text


def test_no_token_is_not_believed(door: Door) -> None:
    answer = door.send(csv_of(GOOD), role=None)
    assert answer.status_code == 401


@pytest.mark.parametrize("role", ["adviser", "platform", "recipient", "ops", "analyst"])
def test_a_token_of_another_role_may_not_send(door: Door, role: str) -> None:
    assert door.send(csv_of(GOOD), role=role, uai=None).status_code == 403


def test_a_malformed_line_is_reported_by_number_field_and_rule_and_the_good_ones_are_kept(door: Door) -> None:
    list_id = uuid4()
    short = ";".join(GOOD.split(";")[:7])
    unterminated = GOOD.replace("Brandelvoux", '"Brandelvoux')
    another = GOOD.replace("Brandelvoux", "Crestouvaine").replace("Ysaline", "Maurevane")
    assert door.send(csv_of(GOOD, short, unterminated, another), list_id=list_id).status_code == 202
    verdicts = {line["line"]: line for line in door.lines(list_id)}
    assert [verdicts[n]["verdict"] for n in (2, 3, 4, 5)] == ["accepted", "rejected", "rejected", "accepted"]
    rules = {n: [finding["rule"] for finding in verdicts[n]["findings"]] for n in (3, 4)}  # type: ignore[union-attr]  # JSON
    assert rules == {3: ["COLUMN_COUNT"], 4: ["UNTERMINATED_QUOTE"]}


def test_the_same_list_again_changes_nothing(door: Door) -> None:
    list_id = uuid4()
    first, second = (door.send(csv_of(GOOD), list_id=list_id) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert len(door.lines(list_id)) == 1
