"""Tracked files speak of the project alone: no package registry's host, no path of one machine, no address in the lock."""

import re
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
HOSTS = ["py" + "pi.org", "python" + "hosted.org", "repo1." + "maven.org", "repo.maven." + "apache.org", "registry." + "npmjs.org"]
REGISTRY = re.compile("|".join(re.escape(host) for host in HOSTS))
MACHINE = re.compile(r"(^|[^A-Za-z0-9_.])/(work|farm|root|home/\w+|tmp/bash_jobs)/[A-Za-z.]")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=HOME, capture_output=True, text=True, check=True).stdout
    return [HOME / name for name in listed.split("\0") if name and (HOME / name).is_file()]


def faults(text: str) -> list[str]:
    return [line.strip()[:120] for line in text.splitlines() if REGISTRY.search(line) or MACHINE.search(line)]


def test_no_tracked_file_names_a_registry_or_a_machine() -> None:
    found = {str(file.relative_to(HOME)): faults(file.read_text(encoding="utf-8", errors="replace")) for file in tracked()}
    assert len(found) > 100
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("line", ["--index-url https://" + HOSTS[0] + "/simple", "see /" + "work/main/x", "open('/" + "root/.m2')"])
def test_such_a_line_is_found(line: str) -> None:
    assert faults(line) == [line]


def test_the_lock_pins_every_package_by_hash_and_has_no_address() -> None:
    lock = (HOME / "requirements.lock").read_text(encoding="utf-8")
    packages = re.findall(r"^[a-z0-9][^\n]*==[^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", lock, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[a-z0-9]", lock, re.MULTILINE)) > 50
    assert "://" not in lock
    assert "-e " not in lock
