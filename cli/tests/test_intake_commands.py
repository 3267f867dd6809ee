"""`raccroche intake` against the real service: a file sent, killed midway and sent on, its verdicts, and what is refused."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import httpx
import pytest

from intake.formats import ADAPTERS
from intake.formats.text import CHARSETS
from raccroche.intake_commands import TEXTS, Charset
from raccroche.stack import Stack

pytestmark = pytest.mark.stack

UAI, OTHER_UAI = "0440074S", "0750654D"
HEADER = "uai;ine;nom;prenom;date_naissance;commune_naissance;formation;date_entree;date_sortie"
LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class House:
    """A stack of intake alone, and whoever types."""

    stack: Stack
    home: Path

    def words(self, *words: str) -> list[str]:
        return [str(Path(sys.executable).with_name("raccroche")), "intake", *words, "--root", str(self.stack.root)]

    def typed(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        done = subprocess.run(self.words(*words), env=self.environment, capture_output=True, check=False, timeout=120)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "XDG_CONFIG_HOME": str(self.home)}

    def submit(self, file: Path, *more: str, uai: str = UAI) -> tuple[int, str, str]:
        return self.typed("submit", str(file), "--format", "csv", "--reference-date", "2026-01-31", "--uai", uai, "--json", *more)

    def received(self, list_id: str) -> int:
        token = self.stack.issue_token("sender", uai=UAI)
        answer = httpx.get(f"{self.stack.address('intake')}/lists/{list_id}/upload", headers={"Authorization": f"Bearer {token}"})
        return int(answer.json()["received"]) if answer.status_code == httpx.codes.OK else 0


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = tmp_path_factory.mktemp("intake")
    stack = Stack(place / "var", services=("intake",))
    try:
        asyncio.run(stack.up())
        yield House(stack, place / "home")
    finally:
        asyncio.run(stack.down())


def list_of(file: Path, count: int, *, broken: int = 0, padding: int = 0) -> Path:
    names = ["".join(LETTERS[int(digit)] for digit in str(number)) for number in range(1, count + 1)]
    rows = [
        f"{UAI};{number:010d}A;DUVAL{name};Maïa;2008-05-14;44109;{'x' * padding};2025-09-01;" for number, name in enumerate(names, start=1)
    ]
    file.write_text("\n".join([HEADER, *rows, *["trop;court"] * broken, ""]))
    return file


def test_a_list_is_sent_read_and_its_verdicts_come_back_in_french(alone: House, tmp_path: Path) -> None:
    file = list_of(tmp_path / "liste.csv", 3, broken=1)
    code, out, err = alone.submit(file, "--wait")
    assert code == 1, err
    sent = json.loads(out)
    assert (sent["lines"], sent["accepted"], sent["rejected"]) == (4, 3, 1)
    code, out, _ = alone.typed("verdicts", sent["list_id"], "--csv")
    assert code == 0 and out.startswith('\ufeff"ligne";"verdict";"champ";"règle";"phrase"')
    assert (
        out.splitlines()[-1]
        == '"5";"rejetée";"ligne";"COLUMN_COUNT";"La ligne n\'a pas le nombre de colonnes attendu : vérifiez ses séparateurs et ses guillemets."'
    )
    code, out, _ = alone.typed("verdicts", sent["list_id"], "--json", "--uai", UAI)
    assert code == 0 and [one["line"] for one in json.loads(out)["findings"]] == [2, 3, 4, 5]
    assert json.loads(alone.submit(file)[1])["list_id"] == sent["list_id"]


def test_a_sender_that_is_killed_midway_goes_on_where_it_stopped(alone: House, tmp_path: Path) -> None:
    file = list_of(tmp_path / "grande.csv", 15_000, padding=3900)
    list_id = "00000000-0000-4000-8000-0000000000a1"
    words = alone.words("submit", str(file), "--format", "csv", "--reference-date", "2026-01-31", "--uai", UAI, "--list-id", list_id)
    killed = subprocess.Popen(words, env=alone.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while alone.received(list_id) < 5_000_000 and time.monotonic() < until:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    received = alone.received(list_id)
    assert 5_000_000 <= received < file.stat().st_size
    assert alone.typed("verdicts", list_id, "--uai", UAI)[0] == 2
    code, out, err = alone.submit(file, "--list-id", list_id, "--wait")
    assert code == 0, err
    assert json.loads(out)["accepted_with_remarks"] == 15_000, "the padding is free text, which is not kept"


def test_what_is_refused_or_anothers_ends_with_two_and_its_rule(alone: House, tmp_path: Path) -> None:
    file = list_of(tmp_path / "liste.csv", 2)
    assert (alone.submit(file, uai=OTHER_UAI)[0], "OUT_OF_MANDATE" in alone.submit(file, uai=OTHER_UAI)[2]) == (2, True)
    empty = tmp_path / "vide.csv"
    empty.touch()
    code, _, err = alone.submit(empty)
    assert (code, "EMPTY_LIST" in err) == (2, True)
    list_id = json.loads(alone.submit(file)[1])["list_id"]
    assert alone.typed("verdicts", list_id, "--uai", OTHER_UAI)[0] == 2


def test_a_list_that_is_not_utf_8_is_read_in_the_encoding_that_its_sender_names(alone: House, tmp_path: Path) -> None:
    """The letters Œ and ’ are one byte in windows-1252 and control characters in ISO-8859-1, which are refused in a name."""
    rows = [HEADER, f"{UAI};9990000001A;D’ŒUVRÉ;Maïa;2008-05-14;44109;;2025-09-01;", ""]
    file = tmp_path / "excel.csv"
    file.write_bytes("\n".join(rows).encode("cp1252"))
    code, _, err = alone.submit(file)
    assert (code, "ENCODING" in err) == (2, True)
    code, out, err = alone.submit(file, "--charset", "windows-1252", "--wait")
    assert (code, json.loads(out)["accepted"]) == (0, 1), err
    assert json.loads(alone.submit(file, "--charset", "Windows-1252")[1])["list_id"] == json.loads(out)["list_id"]
    code, other, _ = alone.submit(file, "--charset", "iso-8859-1", "--wait")
    assert (code, json.loads(other)["rejected"], json.loads(other)["list_id"] != json.loads(out)["list_id"]) == (1, 1, True)


@pytest.mark.parametrize(("list_format", "charset"), [("csv", "ebcdic"), ("xlsx", "windows-1252"), ("siecle", "iso-8859-15")])
def test_a_charset_that_nobody_reads_or_that_the_format_itself_says_is_bad_usage(tmp_path: Path, list_format: str, charset: str) -> None:
    nowhere = House(Stack(tmp_path / "nothing"), tmp_path)
    file = list_of(tmp_path / "liste.csv", 1)
    code, _, err = nowhere.typed("submit", str(file), "--format", list_format, "--reference-date", "2026-01-31", "--charset", charset)
    assert (code, "--charset" in err) == (2, True)


def test_the_charsets_and_formats_of_the_command_are_those_of_the_service() -> None:
    assert set(get_args(get_args(get_args(Charset)[0])[0])) == set(CHARSETS)
    assert set(TEXTS) == {name for name, adapter in ADAPTERS.items() if adapter.content_type.startswith("text/")}


def test_without_a_stack_it_says_so(tmp_path: Path) -> None:
    nowhere = House(Stack(tmp_path / "nothing"), tmp_path)
    code, _, err = nowhere.submit(list_of(tmp_path / "liste.csv", 1))
    assert (code, "no local stack runs" in err) == (2, True)
