import json
import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.processing_settings import FieldSettings
from tulip_ops.core.settings import LOCAL_ENV, Settings, Variable, variables
from tulip_ops.sources.registry import open_sources

STATE = "TULIP_STATE"
"""Says where local.env is, so it is of the environment alone."""
VALUES = {
    "TULIP_OUTLINES": "traced",
    "TULIP_STATE": "some/folder", "TULIP_STORE": "text", "TULIP_COPIES_GB": "0.375",
    "TULIP_ARCHIVE": "text", "TULIP_S3_ENDPOINT": "text", "TULIP_DATABASE_URL": "secret",
    "TULIP_DATABASE_OWNER_URL": "secret", "TULIP_DATABASE_READER_URL": "secret",
    "TULIP_AIRFLOW_DATABASE_URL": "secret", "TULIP_SOURCES": '["one", "two"]',
    "TULIP_STAC_APIS": '{"mine": {"url": "https://stac.test", "collections": {"s2": "none"}}}',
    "TULIP_STAC_HEADERS": '{"mine": {"Authorization": "x"}}', "TULIP_L1C_BUCKET": "text",
    "TULIP_L1C_ENDPOINT": "text", "TULIP_TRUE_COLOR_STRETCH": "0.375",
    "TULIP_LOOK_BACK_DAYS": "7", "TULIP_STALE_AFTER_DAYS": "0.375",
    "TULIP_PUBLICATION_HOURS": "0.375", "TULIP_SH_DEPLOYMENT": "commercial",
    "TULIP_SH_URL": "text", "TULIP_SH_TOKEN_URL": "text", "TULIP_SH_CLIENT_ID": "secret",
    "TULIP_SH_CLIENT_SECRET": "secret", "TULIP_SH_INSTANCE_ID": "secret",
    "TULIP_SH_LAYER": "text", "TULIP_SH_TIMEOUT": "0.375", "TULIP_SH_ATTEMPTS": "7",
    "TULIP_SH_LONGEST_WAIT": "0.375", "TULIP_UNITS_PER_RUN": "0.375",
    "TULIP_UNITS_PER_MONTH": "0.375", "TULIP_MODELS": "some/folder", "TULIP_CLOUD_FILTER": "text",
    "TULIP_UNET": "text", "TULIP_ENGINE": "openvino", "TULIP_PRECISION": "int8",
    "TULIP_EXPORTS": "some/folder", "TULIP_MINIMUM_CLEAR": "0.375", "TULIP_MINIMUM_AREA": "0.375",
    "TULIP_BLOOM_WINDOW": '["04-01", "05-01"]', "TULIP_FIELDS_FROM": "parcels",
    "TULIP_BEAM_OPTIONS": '["--environment_type=DOCKER", "--environment_config=image"]',
    "TULIP_RUNTIME": "kubernetes", "TULIP_RUN_ID": "text", "TULIP_BATCH": "7",
    "TULIP_THREADS": "7", "TULIP_MEMORY_GB": "0.375", "TULIP_NO_PROGRESS_SECONDS": "0.375",
    "TULIP_POD_IMAGE": "text", "TULIP_POD_IMAGE_POLICY": "Never",
    "TULIP_POD_IMAGE_SECRETS": '["one", "two"]', "TULIP_POD_NAMESPACE": "text",
    "TULIP_POD_CONNECTION": "text", "TULIP_POD_SERVICE_ACCOUNT": "text",
    "TULIP_POD_TEMPLATE": "some/folder", "TULIP_POD_GPUS": "7", "TULIP_POD_GPU_RESOURCE": "text",
    "TULIP_POD_RESOURCES": '{"screen": {"limits": {"cpu": "3"}}}', "TULIP_POD_SCRATCH": "text",
    "TULIP_POD_USER": "7", "TULIP_POD_NODE_SELECTOR": '{"name": "text"}',
    "TULIP_POD_TOLERATIONS": '[{"key": "gpu"}]', "TULIP_POD_PRIORITY_CLASS": "text",
    "TULIP_POD_DATABASE_SECRET": "text", "TULIP_POD_STORE_SECRET": "text",
    "TULIP_POD_STORE_CLAIM": "text", "TULIP_POD_ENVIRONMENT": '{"name": "text"}',
    "TULIP_POD_SCHEDULE_SECONDS": "7", "TULIP_POD_STARTUP_SECONDS": "7",
    "TULIP_POD_POLL_SECONDS": "0.375", "TULIP_POD_DEFERRABLE": "false",
}  # fmt: skip
"""A value other than the default, for each variable that was released."""


def plain(value: object) -> object:
    """As JSON would have it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(exclude_unset=True)
    return str(value) if isinstance(value, Path) else value


def parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("TULIP_", "SH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(STATE, str(tmp_path))
    return tmp_path


def assert_only(variable: Variable, settings: Settings) -> None:
    """It has the value in VALUES, and every other one its default."""
    assert plain(settings.value(variable)) == parsed(VALUES[variable.name])
    changed = {one.name for one in variables() if settings.value(one) != one.info.default}
    assert changed == {STATE, variable.name}


@pytest.mark.parametrize("variable", variables(), ids=lambda variable: variable.name)
def test_every_variable_is_read_from_the_environment_into_its_group(
    state: Path, monkeypatch: pytest.MonkeyPatch, variable: Variable
) -> None:
    monkeypatch.setenv(variable.name, VALUES[variable.name])
    assert_only(variable, Settings.load() if variable.name != STATE else Settings())


@pytest.mark.parametrize("variable", variables(), ids=lambda variable: variable.name)
def test_every_variable_is_read_from_local_env_into_its_group(
    state: Path, monkeypatch: pytest.MonkeyPatch, variable: Variable
) -> None:
    if variable.name == STATE:
        pytest.skip("it says where the file is")
    (state / LOCAL_ENV).write_text(f"{variable.name}='{VALUES[variable.name]}'\n")
    assert_only(variable, Settings.load())


def test_the_variables_are_those_that_were_released() -> None:
    assert {one.name for one in variables()} == VALUES.keys()


def test_no_two_fields_share_a_variable() -> None:
    names = [one.name for one in variables()]
    assert len(set(names)) == len(names)


def test_a_field_is_named_as_its_variable_and_with_its_unit() -> None:
    prefixes = {"sentinel_hub": ("TULIP_SH_", "TULIP_"), "kubernetes": ("TULIP_POD_",)}
    other = {
        one.name: one.field
        for one in variables()
        if one.name
        not in [prefix + one.field.upper() for prefix in prefixes.get(one.group, ("TULIP_",))]
    }
    assert other == {
        "TULIP_SOURCES": "order",
        "TULIP_MINIMUM_AREA": "minimum_area_m2",
        "TULIP_MINIMUM_CLEAR": "minimum_clear_fraction",
    }


def test_there_is_no_group_of_another_name() -> None:
    with pytest.raises(ValidationError, match="databases"):
        Settings(databases={})
    with pytest.raises(ValidationError, match="store"):
        Settings(store="s3://bucket/prefix")


def test_a_value_given_in_code_wins_over_its_variable(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TULIP_MINIMUM_AREA", "500")
    monkeypatch.setenv("TULIP_BLOOM_WINDOW", '["04-01", "05-01"]')
    fields = Settings(fields=FieldSettings(minimum_area_m2=1000.0)).fields
    assert fields.minimum_area_m2 == 1000.0
    assert fields.bloom_window == ("04-01", "05-01")


@pytest.mark.parametrize("name", ["TULIP_MINIMUM_AREA_M2", "MINIMUM_AREA_M2", "minimum_area_m2"])
def test_a_field_s_name_is_no_variable(
    state: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "500")
    (state / LOCAL_ENV).write_text(f"{name}=600\n")
    assert Settings.load().fields.minimum_area_m2 == FieldSettings().minimum_area_m2 == 3000


@pytest.mark.parametrize("name", ["minimum", "TULIP_MINIMUM_AREA"])
def test_a_field_that_is_not_there_is_refused_in_code(name: str) -> None:
    with pytest.raises(TypeError, match=f"FieldSettings has no setting {name}"):
        FieldSettings(**{name: 1000.0})


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.execution.threads = 3
    with pytest.raises(ValidationError, match="frozen"):
        settings.execution = settings.execution


@pytest.mark.parametrize("variable", variables(), ids=lambda variable: variable.name)
def test_an_empty_variable_counts_as_unset(
    state: Path, monkeypatch: pytest.MonkeyPatch, variable: Variable
) -> None:
    monkeypatch.setenv(variable.name, "")
    monkeypatch.chdir(state)
    assert not Settings.load().is_set(variable)


@pytest.mark.parametrize("name", ["SH_CLIENT_ID", "SH_CLIENT_SECRET"])
def test_sentinel_hub_s_own_names_are_read_after_ours(
    state: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (variable,) = [one for one in variables() if one.name == f"TULIP_{name}"]
    monkeypatch.setenv(name, "theirs")
    assert plain(Settings.load().value(variable)) == "theirs"
    monkeypatch.setenv(variable.name, "ours")
    assert plain(Settings.load().value(variable)) == "ours"


def test_a_variable_of_another_program_is_not_read(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in variables():
        monkeypatch.setenv(variable.field.upper(), VALUES[variable.name])
    settings = Settings.load()
    assert {one.name for one in variables() if settings.is_set(one)} == {STATE}


def test_places_follow_the_state_folder(state: Path) -> None:
    settings = Settings.load()
    assert settings.storage.store_place == str(state / "store")
    assert settings.storage.archive_place == str(state / "archive")


def test_a_variable_wins_over_the_local_stack_s_file(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / LOCAL_ENV).write_text("TULIP_MINIMUM_CLEAR=0.2\nTULIP_THREADS=3\n")
    monkeypatch.setenv("TULIP_THREADS", "5")
    settings = Settings.load()
    assert (settings.fields.minimum_clear_fraction, settings.execution.threads) == (0.2, 5)


@pytest.mark.parametrize(
    "variable",
    [one for one in variables() if re.search("int|float|bool|Literal", str(one.info.annotation))],
    ids=lambda variable: variable.name,
)
def test_a_bad_value_is_named_by_its_variable(
    state: Path, monkeypatch: pytest.MonkeyPatch, variable: Variable
) -> None:
    monkeypatch.setenv(variable.name, "nonsense")
    with pytest.raises(BadSetting, match=f"^{variable.name}: .*; see `tulip settings`$"):
        Settings.load()


JSON_VARIABLES = [one for one in variables() if VALUES[one.name][0] in "[{"]


@pytest.mark.parametrize("variable", JSON_VARIABLES, ids=lambda variable: variable.name)
@pytest.mark.parametrize("value", ["moon", '["moon"', '{"moon": ', '"moon"', "1"])
@pytest.mark.parametrize("place", ["environment", LOCAL_ENV])
def test_what_is_not_the_expected_json_is_named_with_the_expected_form(
    state: Path, monkeypatch: pytest.MonkeyPatch, variable: Variable, value: str, place: str
) -> None:
    if place == LOCAL_ENV:
        (state / LOCAL_ENV).write_text(f"{variable.name}='{value}'\n")
    else:
        monkeypatch.setenv(variable.name, value)
    form = "list" if VALUES[variable.name][0] == "[" else "object"
    with pytest.raises(BadSetting, match=f"^{variable.name}: no JSON {form}; write it as ") as bad:
        Settings.load()
    assert "\n" not in str(bad.value)
    assert "moon" not in str(bad.value)


def test_a_value_out_of_range_is_named_by_its_variable(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TULIP_MINIMUM_CLEAR", "2")
    with pytest.raises(BadSetting, match=r"^TULIP_MINIMUM_CLEAR: .*less than or equal to 1"):
        Settings.load()


def test_without_a_database_the_error_says_what_to_do(state: Path) -> None:
    with pytest.raises(BadSetting, match="make demo"):
        Settings.load().database.writer_url()


def test_the_owner_s_url_defaults_to_the_writer_s(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TULIP_DATABASE_URL", "postgresql://a:swordfish@host/tulip")
    settings = Settings.load()
    assert settings.database.owner_url() == "postgresql://a:swordfish@host/tulip"
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


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ('["4-1", "6-5"]', "MM-DD"),
        ('["03-32", "06-05"]', "day is out of range"),
        ('["02-29", "06-05"]', "day is out of range"),
        ('["spring", "summer"]', "MM-DD"),
        ('["11-20", "02-05"]', "over New Year is not supported"),
        ('["04-01", "04-01"]', "first day must be before the last"),
    ],
)
def test_a_window_of_blooms_is_two_days_of_every_year(
    monkeypatch: pytest.MonkeyPatch, window: str, problem: str
) -> None:
    monkeypatch.setenv("TULIP_BLOOM_WINDOW", window)
    with pytest.raises(BadSetting, match=f"TULIP_BLOOM_WINDOW: .*{problem}"):
        Settings.load()


@pytest.mark.parametrize(
    "name", ["TULIP_LOOK_BACK_DAYS", "TULIP_STALE_AFTER_DAYS", "TULIP_PUBLICATION_HOURS"]
)
def test_no_look_back_leaves_the_calendar(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "10000000")
    with pytest.raises(BadSetting, match=f"{name}: .*less than or equal"):
        Settings.load()
