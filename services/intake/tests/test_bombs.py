"""Files made to take all memory or all time: each is refused or read by a process that has little of both."""

import io
import json
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from intake_specimens import ELEVE, eleves_xml, leaver, leavers_csv, sifa_line, zipped

MIB = 1 << 20
ADDRESS_SPACE = 1024
"""MiB of address space, libraries and all."""
GROWTH = 384
SECONDS = 60
"""Of processor time; that of a quiet machine is a third."""

type Pieces = Iterable[bytes]

HEAD, TAIL = eleves_xml(ELEVE).split(b"<DONNEES>")
LINE = leavers_csv(leaver())


def in_donnees(pieces: Pieces) -> Iterator[bytes]:
    yield HEAD + b"<DONNEES>"
    yield from pieces
    yield TAIL


def after_a_line(pieces: Pieces) -> Iterator[bytes]:
    yield LINE
    yield from pieces


def times(piece: bytes, mebibytes: int) -> Iterator[bytes]:
    block = piece * (MIB // len(piece))
    for _ in range(mebibytes):
        yield block


def numbered(form: bytes, count: int) -> Iterator[bytes]:
    for first in range(0, count, 1000):
        yield b"".join(form % n for n in range(first, first + 1000))


def archive(*members: Pieces) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for number, pieces in enumerate(members):
            with out.open(f"e{number}.xml", "w") as member:
                for piece in pieces:
                    member.write(piece)
    return packed.getvalue()


def just_dense_enough(mebibytes: int) -> Iterator[bytes]:
    """Deflates to about a fortieth: under the limit of the ratio."""
    chance = random.Random(1)
    for _ in range(mebibytes * 16):
        yield chance.randbytes(1600) + bytes((1 << 16) - 1600)


def a_directory_of(entries: int) -> Iterator[bytes]:
    """A zip of nothing but a directory: 46 bytes for each entry, hundreds for whoever reads it."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", *[0] * 16, 0, 0)[:46]
    yield from times(entry, entries * len(entry) // MIB)
    size = (MIB // len(entry)) * len(entry) * (entries * len(entry) // MIB)
    yield struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_535, 65_535, size, 0, 0)


def overlapping() -> bytes:
    """One content of many names: David Fifield's bomb."""
    once = archive(times(b" ", 20))
    start, end = once.index(b"PK\x01\x02"), once.index(b"PK\x05\x06")
    entry = once[start:end]
    entries = b"".join(entry.replace(b"e0.xml", b"e%d.xml" % n if n < 10 else b"f%d.xml" % (n - 10)) for n in range(20))
    return once[:start] + entries + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 20, 20, len(entries), start, 0)


def lying() -> bytes:
    """The headers say that 100 MiB are one byte."""
    honest, size = archive(times(b" ", 100)), struct.pack("<L", 100 * MIB)
    return honest.replace(size, struct.pack("<L", 1))


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (name, b"&%c;" % (name - 1) * 10) for name in range(ord("b"), ord("k"))
)  # fmt: skip

BOMBS: dict[str, tuple[str, Callable[[], Pieces], str]] = {
    "a line of 300 MiB": ("csv", lambda: after_a_line(times(b"x", 300)), "2 lines"),
    "a line of 300 MiB of separators": ("csv", lambda: after_a_line(times(b";", 300)), "2 lines"),
    "a header of a million columns": ("csv", lambda: times(b"nom;", 4), "HEADER_UNKNOWN"),
    "a quoted line of 60 MiB": ("csv", lambda: after_a_line([b'"', *times(b'""', 60)]), "2 lines"),
    "quotes that are never closed": ("csv", lambda: after_a_line(times(b'"' + b"x" * 15_999 + b"\n" + b"y" * 15_999 + b"\n", 60)), "3841 lines"),
    "30 million lines": ("csv", lambda: after_a_line(times(b"a\n", 60)), "TOO_MANY_LINES"),
    "20 million blank lines": ("csv", lambda: after_a_line(times(b"\n", 20)), "1 lines"),
    "60 MiB of the longest cells": (
        "csv", lambda: after_a_line(times((";".join(["0612345678," * 363] * 21) + "\n").encode(), 60)), "721 lines"),
    "60 MiB of UTF-16": ("csv", lambda: [("\n".join([LINE.decode(), "é" * (30 * MIB)])).encode("utf-16")], "2 lines"),
    "a census of 200 MiB without columns": ("sifa", lambda: times(b"x" * 1023 + b"\n", 200), "HEADER_UNKNOWN"),
    "a census with a line of 300 MiB": ("sifa", lambda: [sifa_line().encode(), b"\n", *times(b"|", 300)], "2 lines"),
    "60 MiB of brackets": ("jsonl", lambda: [b'{"nom":', *times(b"[", 60)], "1 lines"),
    "60 MiB of digits": ("jsonl", lambda: [b'{"nom":', *times(b"9", 60)], "1 lines"),
    "250,000 brackets in a line, often": ("jsonl", lambda: times(b'{"nom":' + b"[" * 250_000 + b"\n", 20), "80 lines"),
    "60 MiB of escapes": ("jsonl", lambda: times(b'{"nom":"' + b"\\\\" * 60_000 + b"\n", 60), "480 lines"),
    "a zip of 300 MiB of nothing": ("siecle", lambda: [archive(in_donnees(times(b" ", 300)))], "ARCHIVE_RATIO"),
    "a zip of 300 MiB, not so dense": ("siecle", lambda: [archive(just_dense_enough(300))], "ARCHIVE_RATIO"),
    "a zip of 64 files of 4 MiB": ("siecle", lambda: [archive(*(just_dense_enough(4) for _ in range(64)))], "ARCHIVE_RATIO"),
    "a zip in a zip": ("siecle", lambda: [zipped(inner=archive(times(b" ", 100)))], "ARCHIVE_RATIO"),
    "a zip with a directory of a million files": ("siecle", lambda: a_directory_of(1_300_000), "ARCHIVE_RATIO"),
    "a zip of one content and many names": ("siecle", lambda: [overlapping()], "ARCHIVE_RATIO"),
    "a zip that lies about sizes": ("siecle", lambda: [lying()], "ARCHIVE_BROKEN"),
    "a billion laughs": ("siecle", lambda: [LAUGHS, b"]><BEE_ELEVES>&j;</BEE_ELEVES>"], "DOCTYPE_REFUSED"),
    "a hundred thousand levels": ("siecle", lambda: in_donnees([b"<A>" * 100_000, b"</A>" * 100_000]), "XML_DEPTH"),
    "60 MiB of elements": ("siecle", lambda: in_donnees(times(b"<A/>", 60)), "TOO_MANY_LINES"),
    "elements of other names each": ("siecle", lambda: in_donnees(numbered(b"<a%d/>", 1_000_000)), "1 lines"),
    "a million attributes": ("siecle", lambda: in_donnees([b"<A ", *numbered(b'a%d="1" ', 1_000_000), b"/>"]), "ELEMENT_TOO_LONG"),
    "tags of as many attributes as fit": (
        "siecle", lambda: in_donnees([(b"<A " + b"".join(numbered(b'a%d="" ', 1000)) + b"/>") * 4000]), "SCHEMA_VERSION"),
    "a text of 60 MiB": ("siecle", lambda: in_donnees(times(b"x", 60)), "ELEMENT_TOO_LONG"),
    "a comment of 60 MiB": ("siecle", lambda: in_donnees([b"<!--", *times(b"x", 60), b"-->"]), "ELEMENT_TOO_LONG"),
    "a name of 60 MiB": ("siecle", lambda: [b"<", *times(b"x", 60)], "ELEMENT_TOO_LONG"),
    "a pupil of a million elements": ("siecle", lambda: [eleves_xml(ELEVE.replace("<PRENOM>", "<A/>" * 1_000_000 + "<PRENOM>"))], "SCHEMA_VERSION"),
    "as many addresses as are kept": (
        "siecle", lambda: in_donnees([b"<ADRESSES>", *numbered(b'<ADRESSE ADRESSE_ID="%d"/>', 399_000), b"</ADRESSES>"]), "1 lines"),
    "one too many": (
        "siecle", lambda: in_donnees([b"<ADRESSES>", *numbered(b'<ADRESSE ADRESSE_ID="%d"/>', 401_000), b"</ADRESSES>"]), "TOO_MANY_LINES"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Took:
    """What came of a file, and what it took."""

    outcome: str
    grown: int
    seconds: float


type Reader = Callable[[str], Took]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader(tmp_path_factory.mktemp("bombs") / "bomb") as opened:
        yield opened


@contextmanager
def reader(file: Path) -> Iterator[Reader]:
    """Reads a bomb by its name, in a process within limits."""
    command = [sys.executable, str(Path(__file__).parent / "bounded_reader.py"), str(ADDRESS_SPACE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None and process.stdout is not None

        def asked(name: str) -> Took:
            list_format, make, _ = BOMBS[name]
            with file.open("wb") as out:
                for piece in make():
                    out.write(piece)
            print(list_format, file, file=process.stdin)
            return Took(**json.loads(process.stdout.readline()))  # nothing, where the process has died of it

        yield asked
        process.stdin.close()
    file.unlink()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_little_memory_and_time(read: Reader, name: str) -> None:
    took = read(name)
    print(name, took)
    assert took.outcome == BOMBS[name][2]
    assert took.grown <= GROWTH and took.seconds <= SECONDS


def test_the_measure_of_memory_sees_what_is_kept(tmp_path: Path) -> None:
    """In a process that has no memory left over from what it read before."""
    with reader(tmp_path / "bomb") as read:
        assert read("as many addresses as are kept").grown > 64
