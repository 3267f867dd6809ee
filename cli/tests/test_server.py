"""A server's secrets and variables: drawn once, each container's own, nobody else's to read; the steps before the services."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from chassis.callers import TokenVerifier
from chassis.keyring import master_keys_from
from chassis.provision import AUDITOR, MigrationChanged
from chassis.topics import identity_of
from contracts.catalogue import TOPICS
from raccroche.house import house_at
from raccroche.server import Server, steps
from raccroche.server.files import NotOurs, NotPrepared, prepare
from raccroche.stack import SERVICES, Stack
from raccroche.stack.drawing import ADMIN, SecretLost
from raccroche.stack.installing import CHECKOUT, NoMigrations, databases
from raccroche.stack.secrets import AUDIENCE, ISSUER


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


SOURCES = {
    "passwords.json": "the databases would refuse new ones",
    "signing.json": "no token that was issued would be believed",
    "identity.key": "a new one would make doubles",
    "master.json": "the personal data would be lost",
}
DERIVED = {
    **{f"{service}.pgpass": "passwords.json" for service in SERVICES},
    **{f"master-{service}.json": "master.json" for service in ("intake", "followup", "transmission")},
    "postgres-password": "passwords.json",
    "jwks.json": "signing.json",
}


def refusal(root: Path) -> str:
    """Why it cannot be prepared; nothing was written meanwhile."""
    before = contents(root)
    with pytest.raises((SecretLost, NotPrepared)) as refused:
        prepare(root)
    assert contents(root) == before
    return str(refused.value)


def test_every_secret_is_either_drawn_or_made_from_one_that_was(root: Path) -> None:
    assert {file.name for file in (root / "secrets").iterdir()} == {*SOURCES, *DERIVED}


@pytest.mark.parametrize("name", SOURCES)
def test_what_was_drawn_and_is_lost_is_not_drawn_again(root: Path, name: str) -> None:
    (root / "secrets" / name).unlink()
    said = refusal(root)
    assert f"secrets/{name} is missing: put back the copy (docs/one-server.md)" in said
    assert SOURCES[name] in said


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("text", "what"), [("", "empty"), ("\n", "empty"), ("{}", "not what was made here"), ("[]", "not what was made here"),
                                           ('{"kty": "OKP"}', "not what was made here"), ("AAAA", "not what was made here"),
                                           ('{"identity": {"1": "AAAA"}}', "not what was made here"), ("null", "not what was made here")])  # fmt: skip
def test_what_was_drawn_and_is_damaged_is_not_drawn_again(root: Path, name: str, text: str, what: str) -> None:
    (root / "secrets" / name).write_text(text)
    said = refusal(root)
    assert f"secrets/{name} is {what}: put back the copy (docs/one-server.md)" in said
    assert SOURCES[name] in said


def test_master_keys_lack_no_class_and_the_issuer_no_private_half(root: Path) -> None:
    secrets = root / "secrets"
    kept = (secrets / "master.json").read_text()
    (secrets / "master.json").write_text(json.dumps({name: keys for name, keys in json.loads(kept).items() if name != "notes"}))
    assert "master.json is not what was made here" in refusal(root)
    (secrets / "master.json").write_text(kept)
    (secrets / "signing.json").write_text(json.dumps(json.loads((secrets / "jwks.json").read_text())["keys"][0]))
    assert "signing.json is not what was made here" in refusal(root)


@pytest.mark.parametrize("name", [*SOURCES, *DERIVED])
def test_what_cannot_be_read_is_said(root: Path, name: str) -> None:
    (root / "secrets" / name).unlink()
    (root / "secrets" / name).mkdir()
    assert f"secrets/{name} cannot be read (IsADirectoryError)" in refusal(root)
    (root / "secrets" / name).rmdir()
    (root / "secrets" / name).write_bytes(b"\xff\xfe")
    assert f"secrets/{name} cannot be read (UnicodeDecodeError)" in refusal(root)


def test_all_secrets_lost_are_not_drawn_again(root: Path) -> None:
    for file in (root / "secrets").iterdir():
        file.unlink()
    assert "passwords.json is missing" in refusal(root)
    (root / "secrets").rmdir()
    with pytest.raises(SecretLost, match=r"passwords\.json is missing"):
        prepare(root)


@pytest.mark.parametrize("name", DERIVED)
def test_what_was_made_from_a_source_is_made_again_where_it_is_missing(root: Path, name: str) -> None:
    path = root / "secrets" / name
    before, owner = contents(root), path.stat().st_uid
    path.unlink()
    assert not prepare(root)
    assert contents(root) == before
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (owner, 0o600)


@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("text", ["", "another", "{}"])
def test_what_differs_from_its_source_stays_and_both_are_named(root: Path, name: str, text: str) -> None:
    (root / "secrets" / name).write_text(text)
    said = refusal(root)
    assert f"secrets/{name} is not what " in said
    assert f"secrets/{DERIVED[name]} gives: put back the copy of whichever was changed" in said


@pytest.mark.parametrize("name", ["master.json", "passwords.json", "signing.json"])
def test_another_servers_secret_is_no_secret_of_this_one(root: Path, tmp_path: Path, name: str) -> None:
    prepare(tmp_path / "other")
    (root / "secrets" / name).write_bytes((tmp_path / "other" / "secrets" / name).read_bytes())
    assert f"secrets/{name} gives" in refusal(root)


def test_a_password_that_is_missing_among_the_others_is_not_drawn_again(root: Path) -> None:
    path = root / "secrets" / "passwords.json"
    kept = json.loads(path.read_text())
    for role in (AUDITOR, "raccroche_offers_relay", "raccroche_keyring_app"):
        path.write_text(json.dumps({one: password for one, password in kept.items() if one != role}))
        assert f"passwords.json has no password of {role}: put back the copy" in refusal(root)
    path.write_text(json.dumps({one: password for one, password in kept.items() if "offers" not in one}))
    assert "offers.pgpass is not what" in refusal(root)
    path.write_text(json.dumps({**kept, "raccroche_offers_relay": ""}))
    assert "passwords.json is not what was made here" in refusal(root)


def test_a_service_that_an_upgrade_brings_is_given_passwords_and_the_others_keep_theirs(root: Path) -> None:
    path = root / "secrets" / "passwords.json"
    kept = {one: password for one, password in json.loads(path.read_text()).items() if "offers" not in one}
    path.write_text(json.dumps(kept))
    (root / "secrets" / "offers.pgpass").unlink()
    assert not prepare(root)
    now = json.loads(path.read_text())
    assert kept.items() <= now.items()
    assert len(now) == len(kept) + 3
    assert now["raccroche_offers_app"] in (root / "secrets" / "offers.pgpass").read_text()


def test_variables_that_are_lost_are_not_made_again_where_there_are_secrets(root: Path) -> None:
    before = (root / "compose.env").read_text()
    cluster = Server(root).files.read()["KAFKA_CLUSTER_ID"]
    (root / "compose.env").unlink()
    said = refusal(root)
    assert "compose.env is missing although there are secrets" in said
    assert "cluster.id /from/meta.properties" in said
    assert "Where nothing was ever started, remove the whole folder and begin anew" in said
    (root / "compose.env").write_text("")
    assert "names no KAFKA_CLUSTER_ID" in refusal(root)
    (root / "compose.env").write_text(f"KAFKA_CLUSTER_ID={cluster}\n")
    assert not prepare(root)
    assert set((root / "compose.env").read_text().splitlines()) == {line for line in before.splitlines() if not line.startswith("#")}


@pytest.mark.parametrize("after", range(15))
def test_a_first_time_that_was_interrupted_is_never_taken_for_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """14 secrets, then the variables."""
    root, write, written = tmp_path / "server", Path.replace, []

    def replace(self: Path, target: Path) -> Path:
        if len(written) == after:
            raise InterruptedError
        written.append(target)
        return write(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(InterruptedError):
        prepare(root)
    monkeypatch.undo()
    assert not (root / "compose.env").exists()
    assert all((root / "secrets" / path.name).read_text() for path in written)
    assert "Where nothing was ever started, remove the whole folder and begin anew" in refusal(root)
    shutil.rmtree(root)
    assert prepare(root)


def test_a_first_time_that_has_drawn_nothing_yet_is_still_the_first(tmp_path: Path) -> None:
    (tmp_path / "server" / "secrets").mkdir(parents=True)
    assert prepare(tmp_path / "server")


def test_a_server_that_was_moved_knows_where_it_is_and_keeps_all_else(root: Path, tmp_path: Path) -> None:
    variables = root / "compose.env"
    variables.write_text(variables.read_text().replace("INTAKE_PORT=8101", "INTAKE_PORT=9999") + "RACCROCHE_TAG=mine\n# a remark\n")
    before = Server(root).files.read()
    moved = root.rename(tmp_path / "elsewhere")
    assert not prepare(moved)
    assert Server(moved).files.read() == {**before, "RACCROCHE_SERVER": str(moved)}
    assert "# a remark" in (moved / "compose.env").read_text()
    once = contents(moved)
    assert not prepare(moved)
    assert contents(moved) == once


def test_a_copy_that_somebody_else_put_back_is_given_to_the_containers_again(root: Path) -> None:
    before = {file.name: file.stat().st_uid for file in (root / "secrets").iterdir()}
    variables = root / "compose.env"
    user = Server(root).files.read()["RACCROCHE_USER"]
    variables.write_text(variables.read_text().replace(user, "4711:4711"))
    stranger = 4711 if os.geteuid() == 0 else os.geteuid()  # root alone can give files away
    for file in (root / "secrets").iterdir():
        os.chown(file, stranger, -1)
        file.chmod(0o644)
    (root / "secrets").chmod(0o755)
    assert not prepare(root)
    assert {file.name: file.stat().st_uid for file in (root / "secrets").iterdir()} == before
    assert {stat.S_IMODE(file.stat().st_mode) for file in (root / "secrets").iterdir()} == {0o600}
    assert stat.S_IMODE((root / "secrets").stat().st_mode) == 0o700
    assert Server(root).files.read()["RACCROCHE_USER"] == user


def test_what_belongs_to_somebody_else_is_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(root)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(NotOurs, match=r"belongs to user \d+: run this as that user"):
        prepare(root)
    assert contents(root) == before


def test_a_file_where_the_folder_is_to_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotPrepared, match="is a file"):
        prepare(tmp_path / "file")
    with pytest.raises(NotPrepared, match="there is no server"):
        Server(tmp_path / "file").files.read()


@pytest.mark.parametrize("port", ["abc", "", "0", "65536", "-1"])
def test_what_is_no_port_is_said(root: Path, port: str) -> None:
    variables = root / "compose.env"
    variables.write_text(variables.read_text().replace("INTAKE_PORT=8101", f"INTAKE_PORT={port}"))
    with pytest.raises(NotPrepared, match=f"says INTAKE_PORT={port}, which is no port"):
        Server(root).address("intake")


@pytest.mark.parametrize("name", ["passwords.json", "signing.json"])
def test_a_command_that_needs_a_lost_secret_says_so(root: Path, name: str) -> None:
    (root / "secrets" / name).unlink()
    with pytest.raises(SecretLost, match=f"{name} is missing"):
        _ = Server(root).admin_dsn if name == "passwords.json" else Server(root).issue_token("ops")


def test_the_command_says_it_in_one_sentence_and_ends_with_two(root: Path) -> None:
    (root / "secrets" / "master.json").unlink()
    command = [Path(sys.executable).with_name("raccroche"), "server", "prepare", "--root", root]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("raccroche: ")
    assert "master.json is missing" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


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


@pytest.mark.parametrize("name", ["jwks.json", "master-intake.json", "master-transmission.json"])
def test_the_same_in_another_layout_is_the_same_and_stays(root: Path, name: str) -> None:
    path = root / "secrets" / name
    text = json.dumps(json.loads(path.read_text()), indent=4, sort_keys=True)
    path.write_text(text)
    assert not prepare(root)
    assert path.read_text() == text


def test_the_master_keys_can_be_had_from_those_of_intake(root: Path) -> None:
    before = contents(root)
    (root / "secrets" / "master.json").write_bytes((root / "secrets" / "master-intake.json").read_bytes())
    assert not prepare(root)
    assert contents(root) == before


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


@pytest.mark.parametrize("at", ["postgres:abc", "postgres", ":5432", "postgres:", "postgres:0", "postgres:65536", "postgres:-1"])
async def test_what_is_no_address_is_said(root: Path, at: str) -> None:
    with pytest.raises(steps.NotDone, match=f"{at} is no address: host:port"):
        await steps.migrate(at, root / "secrets" / "passwords.json", CHECKOUT)
    with pytest.raises(steps.NotDone, match=f"{at} is no address: host:port"):
        await steps.make_topics(at)


async def test_a_folder_without_migrations_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(steps.NotDone, match=r"no migrations of intake, .* under .*: name the folder `services`"):
        await steps.migrate("127.0.0.1:1", root / "secrets" / "passwords.json", tmp_path)


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (MigrationChanged("raccroche_intake: 0009 gone"), r"raccroche_intake: 0009 gone: this image is older than the databases"),
        (asyncpg.DiskFullError("x"), r"PostgreSQL at 127\.0\.0\.1:1 has no room left on its disk: make room, then start again"),
        (KeyError("raccroche_offers_relay"), r"passwords\.json has no password of 'raccroche_offers_relay'"),
        (asyncpg.InvalidPasswordError("x"), r"refuses raccroche_admin: its volume was made with another password"),
        (asyncpg.InsufficientPrivilegeError("x"), r"InsufficientPrivilegeError, SQLSTATE 42501"),
    ],
)
async def test_what_the_database_refuses_is_said(root: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception, sentence: str) -> None:
    async def provision(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(steps, "provision", provision)
    with pytest.raises(steps.NotDone, match=sentence):
        await steps.migrate("127.0.0.1:1", root / "secrets" / "passwords.json", CHECKOUT)


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
