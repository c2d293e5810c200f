"""Which scenes the demo works on: what cannot be one is told before anything is written."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.geotiffs import geotiff, noise
from tulip_ops.core.errors import ArchiveNotFound
from tulip_ops.core.settings import Settings
from tulip_ops.services import demo_data
from tulip_ops.sources.archive.source import Archive


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


def test_a_bad_file_is_left_out_and_the_others_become_an_archive(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    geotiff(folder / "S2A_20160501.tif", noise(3, 30, 40, high=150).astype(np.uint8))
    (folder / "S2A_20160502.tif").write_text("<html>not found</html>")
    lines: list[str] = []
    place = demo_data.archive_of(str(folder), settings.storage, 2.5, lines.append)
    assert [str(scene.id) for scene in Archive(place).scenes()] == ["S2A_31UFU_20160501_0_L2A"]
    [left_out] = [line for line in lines if line.startswith("left out: ")]
    assert "S2A_20160502.tif" in left_out
    demo_data.archive_of(str(folder), settings.storage, 2.5, lines.append)
    assert len(list(Archive(place).scenes())) == 1
