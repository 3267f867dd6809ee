"""What a process is told at its start: what is missing, says nothing or names a file that will not do is named, and nothing else of it."""

from pathlib import Path

import pytest

from chassis.entrance import start
from chassis.settings import NEEDED, BadSettings, check_files, settings_from

ENVIRONMENT = {**dict.fromkeys(NEEDED, "x"), "HTTP_PORT": "8000"}


@pytest.mark.parametrize(("said", "complete"), [({}, False), ({"DIRECTORY_COMPLETE": ""}, False), ({"DIRECTORY_COMPLETE": "no"}, False),
                                                ({"DIRECTORY_COMPLETE": "yes"}, True)])  # fmt: skip
def test_a_directory_is_complete_only_where_it_is_said(said: dict[str, str], complete: bool) -> None:
    found = settings_from({**ENVIRONMENT, "DIRECTORY_FILE": "/data/uai.csv", **said})
    assert (found.directory_file, found.directory_complete) == (Path("/data/uai.csv"), complete)
    assert settings_from(ENVIRONMENT).directory_file is None


@pytest.mark.parametrize("said", ["true", "1", "oui", "YES"])
def test_what_is_neither_yes_nor_no_is_refused(said: str) -> None:
    with pytest.raises(BadSettings, match="DIRECTORY_COMPLETE is yes or no"):
        settings_from({**ENVIRONMENT, "DIRECTORY_COMPLETE": said})


def environment(folder: Path) -> dict[str, str]:
    files = {name: folder / name for name in ("PGPASSFILE", "TOKENS_JWKS_FILE", "KEYRING_MASTER_KEYS_FILE", "IDENTITY_KEY_FILE")}
    for file in files.values():
        file.touch(mode=0o600)
        file.write_text("something")
    return {**dict.fromkeys(NEEDED, "x"), "HTTP_PORT": "1", **{name: str(file) for name, file in files.items()}}


def test_files_that_are_there_are_taken(tmp_path: Path) -> None:
    check_files(settings_from(environment(tmp_path)))


@pytest.mark.parametrize("name", ["PGPASSFILE", "TOKENS_JWKS_FILE", "KEYRING_MASTER_KEYS_FILE", "IDENTITY_KEY_FILE"])
def test_a_file_that_is_missing_or_empty_is_named_with_its_variable(tmp_path: Path, name: str) -> None:
    told = environment(tmp_path)
    (tmp_path / name).write_text("")
    with pytest.raises(BadSettings, match=f"{name} names {tmp_path / name}, which is empty"):
        check_files(settings_from(told))
    (tmp_path / name).unlink()
    with pytest.raises(BadSettings, match=f"{name} names {tmp_path / name}, which is not there"):
        check_files(settings_from(told))
    (tmp_path / name).mkdir()
    with pytest.raises(BadSettings, match="which is no file"):
        check_files(settings_from(told))


def test_passwords_that_others_can_read_are_not_taken(tmp_path: Path) -> None:
    told = environment(tmp_path)
    (tmp_path / "PGPASSFILE").chmod(0o640)
    with pytest.raises(BadSettings, match="others than its owner can read: chmod 600"):
        check_files(settings_from(told))


def test_a_service_with_bad_settings_ends_with_two_and_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = environment(tmp_path)
    (tmp_path / "PGPASSFILE").unlink()
    with pytest.raises(SystemExit) as ended:
        start("specimen", [], told, build=lambda _: pytest.fail("nothing is opened"))
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err == f"specimen: PGPASSFILE names {tmp_path / 'PGPASSFILE'}, which is not there\n"
