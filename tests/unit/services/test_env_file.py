"""Settings that the local stack keeps, as people and pydantic-settings read them."""

import subprocess
from pathlib import Path

import pytest

from tulip_ops.core.settings import Settings
from tulip_ops.services import env_file

URL = "postgresql://local_writer:pa-ss_word@127.0.0.1:20001/tulip"
PLACE = "/a folder/with spaces & $ signs/#1"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TULIP_DATABASE_URL", "TULIP_DATABASE_OWNER_URL", "TULIP_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TULIP_STATE", str(tmp_path))
    env_file.write(
        tmp_path,
        {"TULIP_DATABASE_URL": URL, "TULIP_DATABASE_OWNER_URL": URL, "TULIP_ARCHIVE": PLACE},
    )
    return tmp_path


def test_what_is_written_is_read_by_us_by_the_settings_and_by_a_shell(state: Path) -> None:
    assert env_file.read(state)["TULIP_ARCHIVE"] == PLACE
    settings = Settings.load()
    assert settings.storage.archive == PLACE
    assert settings.database.writer_url() == URL
    file = state / "local.env"
    script = '. "$1" && printf %s "$TULIP_ARCHIVE"'
    shell = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(file)], capture_output=True, text=True, check=True
    )
    assert shell.stdout == PLACE
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_database_of_the_environment_takes_nothing_from_the_file(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert env_file.read(state)["TULIP_DATABASE_OWNER_URL"] == URL
    own = "postgresql://me:mine@elsewhere/mine"
    monkeypatch.setenv("TULIP_DATABASE_URL", own)
    settings = Settings.load()
    assert settings.database.owner_url() == settings.database.writer_url() == own
    assert settings.database.database_reader_url is None
    assert settings.storage.archive == PLACE, "the rest of the file still counts"


def test_a_value_that_a_shell_would_change_is_refused(tmp_path: Path) -> None:
    for value in ("it's", "${HOME}", "two\nlines"):
        with pytest.raises(ValueError, match=r"local\.env"):
            env_file.write(tmp_path, {"TULIP_ARCHIVE": value})
