"""Which scenes the demo works on: what cannot be one is told before anything is written."""

from pathlib import Path

import pytest

from tulip_ops.core.errors import ArchiveNotFound
from tulip_ops.core.settings import Settings
from tulip_ops.services import demo_data


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("TULIP_ARCHIVE", raising=False)
    monkeypatch.setenv("TULIP_STATE", str(tmp_path / "state"))
    return Settings.load()


def silent(_: str) -> None:
    pass


def test_a_folder_without_scenes_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    for folder in ("photos", "nowhere"):
        with pytest.raises(ArchiveNotFound, match=folder):
            demo_data.provide(settings, "no url", str(tmp_path / folder), None, silent)
    assert not settings.storage.state.exists()


def test_an_archive_of_the_settings_that_is_missing_is_not_simulated(
    settings: Settings, tmp_path: Path
) -> None:
    mine = settings.storage.model_copy(update={"archive": str(tmp_path / "mine")})
    named = settings.model_copy(update={"storage": mine})
    with pytest.raises(ArchiveNotFound, match="TULIP_ARCHIVE"):
        demo_data.provide(named, "no url", None, None, silent)
    assert not (tmp_path / "mine").exists()
