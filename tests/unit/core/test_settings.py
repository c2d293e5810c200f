from pathlib import Path

import pytest

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.settings import LOCAL_ENV, Settings
from tulip_ops.sources.registry import open_sources


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import os

    for name in [name for name in os.environ if name.startswith("TULIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TULIP_STATE", str(tmp_path))
    return tmp_path


def test_places_follow_the_state_folder(state: Path) -> None:
    settings = Settings.load()
    assert settings.store_place == str(state / "store")
    assert settings.archive_place == str(state / "archive")


def test_a_variable_wins_over_the_local_stack_s_file(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / LOCAL_ENV).write_text("TULIP_MINIMUM_CLEAR=0.2\nTULIP_THREADS=3\n")
    monkeypatch.setenv("TULIP_THREADS", "5")
    settings = Settings.load()
    assert (settings.minimum_clear, settings.threads) == (0.2, 5)


def test_a_bad_value_is_named_by_its_variable(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TULIP_MINIMUM_CLEAR", "2")
    with pytest.raises(BadSetting, match="TULIP_MINIMUM_CLEAR"):
        Settings.load()


def test_without_a_database_the_error_says_what_to_do(state: Path) -> None:
    with pytest.raises(BadSetting, match="make demo"):
        Settings.load().writer_url()


def test_the_owner_s_url_defaults_to_the_writer_s(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TULIP_DATABASE_URL", "postgresql://a:swordfish@host/tulip")
    settings = Settings.load()
    assert settings.owner_url() == "postgresql://a:swordfish@host/tulip"
    assert "swordfish" not in repr(settings)


def test_stac_apis_of_ones_own_are_sources(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = '{"mine": {"url": "https://stac.test/v1", "collections": {"s2": "baseline"}}}'
    monkeypatch.setenv("TULIP_STAC_APIS", api)
    monkeypatch.setenv("TULIP_STAC_HEADERS", '{"mine": {"Authorization": "Bearer SECRET"}}')
    monkeypatch.setenv("TULIP_SOURCES", '["mine", "earth-search", "l1c"]')
    settings = Settings.load()
    assert list(open_sources(settings)) == ["mine", "earth-search", "l1c"]
    assert "SECRET" not in repr(settings)


@pytest.mark.parametrize(
    "api",
    [
        '{"url": "https://stac.test", "collections": {}}',
        '{"url": "stac.test", "collections": {"s2": "baseline"}}',
        '{"url": "https://stac.test", "collections": {"s2": "guess"}}',
        '{"url": "https://stac.test", "collections": {"s2": "none"}, "colour": 1}',
        '{"collections": {"s2": "none"}}',
    ],
)
def test_a_badly_configured_api_is_said(
    state: Path, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    monkeypatch.setenv("TULIP_STAC_APIS", f'{{"mine": {api}}}')
    with pytest.raises(BadSetting, match="TULIP_STAC_APIS"):
        Settings.load()
