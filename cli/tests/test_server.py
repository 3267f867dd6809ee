"""A server's secrets and variables: drawn once, each container's own, nobody else's to read; the steps before the services."""

import json
import os
import stat
from pathlib import Path

import asyncpg
import pytest

from chassis.callers import TokenVerifier
from chassis.keyring import master_keys_from
from chassis.topics import identity_of
from contracts.catalogue import TOPICS
from raccroche.house import house_at
from raccroche.server import Server, steps
from raccroche.server.files import NotPrepared, prepare
from raccroche.stack import Stack
from raccroche.stack.installing import CHECKOUT, NoMigrations, databases
from raccroche.stack.secrets import ADMIN, AUDIENCE, ISSUER


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert prepare(tmp_path / "server")
    return tmp_path / "server"


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_a_second_time_nothing_is_written_over(root: Path) -> None:
    before = contents(root)
    assert not prepare(root)
    assert contents(root) == before


def test_a_file_that_was_lost_is_made_again_with_the_same_passwords(root: Path) -> None:
    before = contents(root)
    (root / "secrets" / "offers.pgpass").unlink()
    assert not prepare(root)
    assert contents(root) == before


def test_what_somebody_has_changed_stays_and_is_closed_to_others_again(root: Path) -> None:
    changed = root / "secrets" / "offers.pgpass"
    changed.write_text("*:*:*:raccroche_offers_app:another\n")
    changed.chmod(0o644)
    assert not prepare(root)
    assert changed.read_text() == "*:*:*:raccroche_offers_app:another\n"
    assert stat.S_IMODE(changed.stat().st_mode) == 0o600


def test_nobody_else_can_read_a_secret(root: Path) -> None:
    files = list((root / "secrets").iterdir())
    assert len(files) == 14
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((root / "secrets").stat().st_mode) == 0o700


def test_the_containers_run_as_whoever_owns_what_they_are_to_read(root: Path) -> None:
    user = int(Server(root).files.read()["RACCROCHE_USER"].partition(":")[0])
    given = ("jwks.json", "identity.key", "passwords.json", "intake.pgpass", "master-intake.json", "master-transmission.json")
    assert {(root / "secrets" / name).stat().st_uid for name in given} == {user}
    assert {(root / "secrets" / name).stat().st_uid for name in ("signing.json", "master.json")} == {os.geteuid()}
    assert user != 0


@pytest.mark.parametrize(("service", "roles"), [("intake", 4), ("followup", 4), ("transmission", 4), ("offers", 3), ("history", 3)])
def test_a_service_is_told_its_own_passwords_and_no_other(root: Path, service: str, roles: int) -> None:
    lines = (root / "secrets" / f"{service}.pgpass").read_text().splitlines()
    told = dict(line.split(":")[3:] for line in lines)
    passwords = json.loads((root / "secrets" / "passwords.json").read_text())
    assert len(told) == roles
    assert all(passwords[role] == password for role, password in told.items())
    assert {role.split("_")[1] for role in told} <= {service, "keyring"}


def test_the_keys_are_those_that_the_keyring_takes(root: Path) -> None:
    assert set(master_keys_from((root / "secrets" / "master-intake.json").read_text())) >= {"identity", "notes"}
    assert "notes" not in master_keys_from((root / "secrets" / "master-transmission.json").read_text())


def test_a_token_of_this_server_is_believed_by_its_services(root: Path) -> None:
    verifier = TokenVerifier((root / "secrets" / "jwks.json").read_text(), issuer=ISSUER, audience=AUDIENCE)
    assert verifier.verify(Server(root).issue_token("platform", organisation="mission")).organisation == "mission"


def test_a_folder_is_taken_for_what_it_is(root: Path, tmp_path: Path) -> None:
    assert isinstance(house_at(root), Server)
    assert isinstance(house_at(tmp_path), Stack)
    with pytest.raises(NotPrepared, match="make up-compose"):
        _ = Server(tmp_path).bootstrap


def test_two_servers_are_two_clusters(root: Path, tmp_path: Path) -> None:
    prepare(tmp_path / "other")
    ids = {Server(one).files.read()["KAFKA_CLUSTER_ID"] for one in (root, tmp_path / "other")}
    assert len(ids) == 2


def test_migrations_that_are_not_there_are_missed(tmp_path: Path) -> None:
    with pytest.raises(NoMigrations, match="intake"):
        databases(tmp_path)


async def test_a_file_of_passwords_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "passwords.json").write_text("not JSON")
    with pytest.raises(steps.NotDone, match="is not the file of passwords"):
        await steps.migrate("127.0.0.1:1", tmp_path / "passwords.json", CHECKOUT)
    (tmp_path / "passwords.json").write_text("{}")
    with pytest.raises(steps.NotDone, match=f"no password of {ADMIN}"):
        await steps.migrate("127.0.0.1:1", tmp_path / "passwords.json", CHECKOUT)


async def test_whoever_does_not_answer_is_named_after_a_while(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(steps.NotDone, match=r"PostgreSQL at 127\.0\.0\.1:1 does not answer"):
        await steps.migrate("127.0.0.1:1", root / "secrets" / "passwords.json", CHECKOUT)


@pytest.mark.stack
class TestOnPostgreSQLAndKafka:
    async def test_the_steps_can_be_done_again_and_change_nothing(self, stack: Stack) -> None:
        passwords, at = stack.layout.secrets / "passwords.json", stack.admin_dsn.rpartition("@")[2].partition("/")[0]
        applied = await migrations_of(stack)
        topics = await identity_of(stack.bootstrap, [topic.name for topic in TOPICS])
        await steps.migrate(at, passwords, CHECKOUT)
        await steps.make_topics(stack.bootstrap)
        assert applied
        assert await migrations_of(stack) == applied
        assert await identity_of(stack.bootstrap, [topic.name for topic in TOPICS]) == topics

    async def test_the_secrets_of_another_server_are_refused_in_a_sentence(self, stack: Stack, root: Path) -> None:
        at = stack.admin_dsn.rpartition("@")[2].partition("/")[0]
        with pytest.raises(steps.NotDone, match="its volume was made with another password"):
            await steps.migrate(at, root / "secrets" / "passwords.json", CHECKOUT)


async def migrations_of(stack: Stack) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(stack.admin_dsn.rpartition("/")[0] + "/raccroche_intake")
    try:
        return list(await connection.fetch("select version, applied_at from schema_migrations order by version"))
    finally:
        await connection.close()
