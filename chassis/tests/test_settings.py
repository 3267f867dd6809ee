"""What a process is told at its start: what is missing or says nothing is named, and nothing else of it."""

from pathlib import Path

import pytest

from chassis.settings import NEEDED, BadSettings, settings_from

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
